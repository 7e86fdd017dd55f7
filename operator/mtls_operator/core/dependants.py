"""Who depends on which root of an authority: holders of its certificates, and listeners that trust it.

Pure. Counted from the ledger, which nobody but the authority's owner can write; the status of a
ClientCert, which its tenant may edit, decides about nothing but itself. Called by the
CertificateAuthority reconciler when a root is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mtls_operator.api.authority_rotation import RotationStrategy
from mtls_operator.core.conditions import READY, STALLED
from mtls_operator.core.server_cert import IssuedSlot, slots
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cluster import Request
    from mtls_operator.core.ledger import Entry
    from mtls_operator.core.lineage import Generation, Lineage

_PAUSED: Final = "is paused"
_PLAN_ONLY: Final = "is planned only"
_STUCK: Final = "cannot be issued anew as its manifest stands"


def old_leaves(lineage: Lineage, entries: Iterable[Entry], now: datetime) -> tuple[Entry, ...]:
    """Return the client certificates of the root before the newest that are still accepted.

    Superseded ones count, and those of objects that are gone: somebody may still use them. Where the
    next root has the same key they verify under it as well, so none is old.
    """
    previous = lineage.previous
    if previous is None:
        return ()
    numbers = lineage.with_key_of(previous) - lineage.with_key_of(lineage.newest)
    return tuple(e for e in entries if e.is_client and e.generation in numbers and e.is_live(now))


def names(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the holders of certificates, each once."""
    return tuple(sorted({f"{entry.namespace}/{entry.name}" for entry in entries}))


class Holders:
    """The objects whose certificates have to be issued anew under the newest root."""

    def __init__(self, lineage: Lineage, entries: Iterable[Entry], now: datetime) -> None:
        """Take the roots and the ledger."""
        newest = lineage.newest.number
        live = [entry for entry in entries if entry.is_live(now)]
        self._strategy = lineage.newest.record.strategy
        self._new = {(e.uid, e.secret) for e in live if e.generation == newest}
        self._old = {(e.uid, e.secret) for e in live if e.generation != newest}

    def pending(
        self,
        authority: ObjectRef,
        requests: Collection[Request],
        listeners: Collection[MutualTLSListener],
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return who is waited for, and who is not, with the reason.

        A SameKey rotation waits for nobody: every certificate verifies under the next root.
        """
        if self._strategy is RotationStrategy.SAME_KEY:
            return (), ()
        waited: list[str] = []
        excused: list[str] = []
        for name, why in (*self._clients(requests), *self._servers(authority, listeners)):
            if why:
                excused.append(f"{name} {why}")
            else:
                waited.append(name)
        return tuple(sorted(waited)), tuple(sorted(excused))

    def _clients(self, requests: Iterable[Request]) -> Iterator[tuple[str, str]]:
        renewed = {uid for uid, _ in self._new}
        holding = {uid for uid, _ in self._old} - renewed
        for request in requests:
            if request.uid in holding and not (request.revoked or request.deleting):
                why = _PAUSED if request.paused else _STUCK if request.stalled else ""
                yield f"ClientCert {request.ref}", why

    def _servers(
        self, authority: ObjectRef, listeners: Iterable[MutualTLSListener]
    ) -> Iterator[tuple[str, str]]:
        """By Bundle, servers are issued anew after the switch: see `Lineage.signer`."""
        if self._strategy is RotationStrategy.BUNDLE:
            return
        for listener in listeners:
            if listener.metadata.is_deleting or not self._serves_with_old(listener, authority):
                continue
            stalled = listener.status.condition(STALLED) is not None
            why = _left_alone(listener) or (_STUCK if stalled else "")
            yield f"MutualTLSListener {listener.ref}", why

    def _serves_with_old(self, listener: MutualTLSListener, authority: ObjectRef) -> bool:
        uid = listener.metadata.uid
        try:
            issued = [slot for slot in slots(listener) if isinstance(slot, IssuedSlot)]
        except SpecError:
            return False
        secrets = [slot.secret.name for slot in issued if slot.issuer == authority]
        return any((uid, name) in self._old and (uid, name) not in self._new for name in secrets)


def behind(
    authority: ObjectRef, listeners: Iterable[MutualTLSListener], upload: str | None
) -> tuple[str, ...]:
    """Return the listeners that trust another upload of the authority than they should, with the reason.

    One that was never made trusts nothing, so nobody waits for it.
    """
    return tuple(
        f"MutualTLSListener {listener.ref}{_why_behind(listener)}"
        for listener in listeners
        if any(trusted != upload for trusted in _trusted(listener, authority))
    )


def _trusted(listener: MutualTLSListener, authority: ObjectRef) -> list[str]:
    """Return the uploads that a listener's domains have bound where they admit this authority."""
    admitting = {slot.domain for slot in slots(listener) if slot.admits == authority}
    domains = [d for d in listener.status.domains if not listener.spec.sni or d.domain in admitting]
    return [d.ca_certificate_id for d in domains if d.ca_certificate_id is not None]


def _why_behind(listener: MutualTLSListener) -> str:
    left_alone = _left_alone(listener)
    if left_alone:
        return f" {left_alone}"
    ready = listener.status.condition(READY)
    broken = ready is not None and listener.status.condition(STALLED) is not None
    return f": {ready.message}" if broken and ready is not None else ""


def _left_alone(listener: MutualTLSListener) -> str:
    """Return why nothing is written for a listener, empty when it is."""
    if listener.metadata.is_paused:
        return _PAUSED
    return _PLAN_ONLY if listener.metadata.is_plan_only else ""


def remaining(generation: Generation, entries: Iterable[Entry], now: datetime) -> int:
    """Return how many client certificates of a root are still accepted."""
    return sum(e.is_client and e.generation == generation.number and e.is_live(now) for e in entries)


def idle(lineage: Lineage, entries: Iterable[Entry], now: datetime) -> frozenset[int]:
    """Return the roots whose every certificate has ended, revoked ones and servers' included."""
    busy = {entry.generation for entry in entries if now < entry.not_after}
    return frozenset(g.number for g in lineage.generations if g.number not in busy)
