"""Replacing an authority's root: when it cannot be asked for, what will happen, how far it is.

Pure. Called by `commands.rotate`; the operator does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self

from kubectl_mtls.errors import Refusal
from kubectl_mtls.render import counted, listed, minute
from mtls_operator.api.authority_rotation import RotationPhase, RotationStatus, RotationStrategy
from mtls_operator.api.condition import ConditionStatus
from mtls_operator.api.duration import render_duration
from mtls_operator.api.model import render_time
from mtls_operator.core.conditions import STALLED
from mtls_operator.core.reasons import Reason
from mtls_operator.core.rotation import EVICTION_PATIENCE, LEAST_PATIENCE
from mtls_operator.core.rotation_request import EVICT
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.ledger import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for.

    Attributes:
        evict: shut old certificates out without waiting for them.
        soak: how long an eviction leaves clients to take up their new Secrets.
    """

    evict: bool = False
    soak: timedelta | None = None

    def annotation(self, now: datetime) -> str:
        """Return the value of the rotate annotation that asks for it; another one at another time."""
        if not self.evict:
            return render_time(now)
        soak = f";soak={render_duration(self.soak)}" if self.soak else ""
        return f"{EVICT}{render_time(now)}{soak}"


def strategy_of(authority: CertificateAuthority) -> RotationStrategy:
    """Return how the root will be replaced: an existing one always by Bundle."""
    if authority.spec.source.secret_ref is not None:
        return RotationStrategy.BUNDLE
    return authority.spec.rotation.strategy


def require_possible(authority: CertificateAuthority, wish: Wish) -> None:
    """Refuse what the operator would refuse.

    Raises:
        Refusal: with the reason and the way out.
    """
    source, ref = authority.spec.source, authority.ref
    if authority.metadata.is_deleting:
        raise Refusal(f"CertificateAuthority {ref} is being deleted. Nothing was changed.")
    if authority.status.active is None:
        raise Refusal(
            f"CertificateAuthority {ref} has no root yet, so there is none to replace. "
            f"See why: kubectl describe certificateauthority {ref.name} -n {ref.namespace}"
        )
    if source.secret_ref is not None and source.next_secret_ref is None:
        raise Refusal(
            f"CertificateAuthority {ref} has its root from Secret {source.secret_ref.name}, so the operator "
            "cannot make its successor. Put the next root into another Secret and name it in "
            "spec.source.nextSecretRef, which starts the rotation."
        )
    if wish.evict and strategy_of(authority) is RotationStrategy.SAME_KEY:
        raise Refusal(
            f"CertificateAuthority {ref} has rotation.strategy SameKey: the next root has the same key and "
            "accepts every old certificate, so nobody can be evicted. Set it to CrossSign first."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """Whom a rotation touches.

    Attributes:
        listeners: that admit the authority's clients or show its server certificates; None when they
            cannot be listed.
        client_certs: objects with a client certificate that has neither ended nor been revoked.
        revoked: objects whose unexpired certificates are revoked, and which get no new one.
    """

    listeners: Sequence[str] | None
    client_certs: int
    revoked: int

    def sentences(self) -> Iterator[str]:
        """Yield what is concerned."""
        yield f"It concerns {counted(self.client_certs, 'ClientCert')} with a valid certificate."
        if self.listeners is None:
            yield "You may not list MutualTLSListeners of all namespaces, so those concerned are not named."
        elif self.listeners:
            yield f"It concerns {counted(len(self.listeners), 'listener')}: {listed(self.listeners)}."
        else:
            yield "No listener uses this authority."
        if self.revoked:
            yield f"No new certificate for {counted(self.revoked, 'revoked ClientCert')}."


def uses(listener: MutualTLSListener, authority: ObjectRef) -> bool:
    """Tell whether a listener admits an authority's clients, or shows a certificate that it signed."""
    places = (None, *listener.spec.domains) if not listener.spec.sni else listener.spec.domains
    try:
        named = {ref for at in places for ref in (listener.ca_for(at), listener.server_issuer_for(at))}
    except SpecError:
        return False
    return authority in named


def count_objects(entries: Iterable[Entry], now: datetime) -> tuple[int, int]:
    """Return how many ClientCerts have a live certificate, and how many only revoked ones."""
    unexpired = [entry for entry in entries if entry.is_client and now < entry.not_after]
    live = {entry.uid for entry in unexpired if entry.revoked is None}
    return len(live), len({entry.uid for entry in unexpired} - live)


_PREPARED: Final = {
    RotationStrategy.CROSS_SIGN: "The next root is made and published, with a copy signed by the old one.",
    RotationStrategy.SAME_KEY: "A new root certificate for the same key is made and published.",
    RotationStrategy.BUNDLE: "The next root is published, and listeners admit both.",
}


def forecast(authority: CertificateAuthority, wish: Wish, now: datetime) -> Iterator[str]:
    """Yield what will happen, phase by phase, and when the listeners switch at the latest."""
    strategy, progress = strategy_of(authority), Progress.of(authority)
    new = progress.goal()
    reissue, soak, overlap = _longest(authority, wish)
    phases = [("Prepare", _PREPARED[strategy])]
    if strategy is not RotationStrategy.SAME_KEY:
        limit = render_duration(reissue)
        phases.append(("Reissue", f"Certificates are issued anew under root {new}, for {limit} at most."))
    phases.append(("Soak", f"Clients have {render_duration(soak)} to take up what is new."))
    phases.append(("Switch", _switch(strategy, wish, new, max(soak, overlap))))
    phases.append(("Drain", "The old root's upload is deleted from the cloud."))
    yield f"Root {new - 1} will be replaced by root {new} (strategy {strategy}):"
    yield from (f"  {phase:<8} {text}" for phase, text in phases)
    if progress.is_running:
        yield f"A rotation is under way (phase {progress.rotation.phase}); this one begins when that is over."
    else:
        yield f"The listeners switch at the latest about {minute(now + reissue + max(soak, overlap))}."


def _longest(authority: CertificateAuthority, wish: Wish) -> tuple[timedelta, timedelta, timedelta]:
    """Return how long certificates are issued anew, clients are left alone, and old leaves waited for.

    As `core.rotation` decides.
    """
    rotation, nothing = authority.spec.rotation, timedelta(0)
    if strategy_of(authority) is RotationStrategy.SAME_KEY:
        return nothing, rotation.minimum_soak, nothing
    if wish.evict:
        return EVICTION_PATIENCE, wish.soak or nothing, nothing
    return max(rotation.overlap, LEAST_PATIENCE), rotation.minimum_soak, rotation.overlap


def _switch(strategy: RotationStrategy, wish: Wish, new: int, latest: timedelta) -> str:
    if strategy is RotationStrategy.SAME_KEY:
        return "The listeners get it one by one; every certificate stays valid."
    if wish.evict:
        return f"The listeners admit root {new} alone: whoever has no certificate of it by then is refused."
    return (
        f"The listeners admit root {new} alone when no certificate of root {new - 1} is left, "
        f"at the latest {render_duration(latest)} after Reissue."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a rotation is, as one look at the authority tells.

    Attributes:
        generation: of the root that signs.
        refusal: why the operator does not go on without a person; empty while it does.
    """

    generation: int
    rotation: RotationStatus
    refusal: str = ""

    @classmethod
    def of(cls, authority: CertificateAuthority) -> Self:
        """Read it from the status."""
        status = authority.status
        refusals = (
            condition.message
            for condition in status.conditions
            if condition.reason == Reason.ROTATION_NOT_POSSIBLE
            or (condition.type == STALLED and condition.status is ConditionStatus.TRUE)
        )
        return cls(
            generation=status.active.generation if status.active else 0,
            rotation=status.rotation or RotationStatus(),
            refusal=next(refusals, ""),
        )

    @property
    def is_running(self) -> bool:
        """Whether a root is being replaced."""
        return self.rotation.phase is not RotationPhase.STABLE

    def goal(self) -> int:
        """Return the generation that signs once a rotation asked for now is over.

        A rotation that is being prepared has not changed the root that signs yet, and ours comes after.
        """
        return self.generation + (2 if self.rotation.phase is RotationPhase.PREPARE else 1)

    def is_over(self, goal: int) -> bool:
        """Tell whether the rotation to a generation is over."""
        return not self.is_running and self.generation >= goal

    def line(self) -> str:
        """Return it as a line."""
        parts = [f"{self.rotation.phase:<8}root {self.generation} signs"]
        if self.rotation.next_time is not None:
            parts.append(f"next at the latest {minute(self.rotation.next_time)}")
        if self.rotation.remaining:
            parts.append(f"waits for {listed(self.rotation.remaining)}")
        if self.rotation.blockers:
            parts.append(f"held up by {listed(self.rotation.blockers)}")
        return "; ".join(parts)
