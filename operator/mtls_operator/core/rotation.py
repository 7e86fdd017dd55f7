"""Decide how far the replacement of a root may go next.

    phase     ends when                                              what is recorded then
    --------- ------------------------------------------------------ ---------------------
    Stable    the root nears its end, a person asks, or a successor  the next root
              is named
    Prepare   the next root is published; by Bundle, every listener  prepared_at
              trusts both
    Reissue   every certificate has been issued anew                 reissued_at
    Soak      the soak is over, and no certificate of the old root   switched_at
              is left or the overlap is over
    Switch    every listener trusts the next root alone              (nothing)
    Drain     the old root is out of the cloud                       finished_at

An old root that has ended serves nobody: then Prepare, Reissue and Soak end at once.

Pure. A phase is not remembered: it follows from the times recorded beside the newest root and from
what is seen, so a crash resumes where it was. Called by the CertificateAuthority reconciler once all
roots are published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.authority_rotation import RotationPhase, RotationStatus, RotationStrategy
from mtls_operator.core.rotation_request import RotateRequest, why_not
from mtls_operator.pki.inspect import inspect_certificate

if TYPE_CHECKING:
    from mtls_operator.api.authority import AuthoritySpec
    from mtls_operator.core.lineage import Generation, Lineage, Record

SHOWN: Final = 10
"""How many names a status lists."""
LEAST_PATIENCE: Final = timedelta(hours=1)
"""Certificates that cannot be issued anew hold up a rotation for this long, or for the overlap."""
EVICTION_PATIENCE: Final = timedelta(minutes=10)
"""They hold up an eviction for this long: else a tenant who is to be shut out could put it off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that one decision may use.

    Attributes:
        spec: the manifest.
        token: the annotation `rotate`, empty without one.
        successor: the fingerprint of the root that `nextSecretRef` names, empty without one.
        successor_problem: why that root cannot be used, empty when it can.
        lineage: the roots.
        pending: holders of old certificates that are to be issued anew and have not been, by name.
        excused: holders that are not waited for, each with the reason.
        old_leaves: holders of client certificates of the old root that are still accepted, by name.
        behind: listeners that do not trust what they should, each with the reason where one is known.
        is_drained: no upload is left but the one that listeners should trust.
        idle: the generations whose every certificate has ended.
    """

    spec: AuthoritySpec
    token: str
    successor: str
    successor_problem: str
    lineage: Lineage
    pending: tuple[str, ...]
    excused: tuple[str, ...]
    old_leaves: tuple[str, ...]
    behind: tuple[str, ...]
    is_drained: bool
    idle: frozenset[int]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Make the next root."""

    request: RotateRequest
    token: str
    why: str

    def __str__(self) -> str:
        return f"make the next root, by {self.request.strategy}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Record that a phase has ended; `left` names what it did not wait for."""

    phase: RotationPhase
    record: Record
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(self.left[:SHOWN]) + (" …" if len(self.left) > SHOWN else "")
        return f"go on to {self.phase}" + (f"; no longer waiting for {shown}" if self.left else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropKey:
    """Drop the key of an old root that has nothing left to sign, after its last revocation list."""

    generation: Generation

    def __str__(self) -> str:
        return f"drop the key of root {self.generation.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRoot:
    """Drop an old root that has ended, with what it cross-signed."""

    generation: Generation

    def __str__(self) -> str:
        return f"drop root {self.generation.number}, which has ended"


Move = Start | Advance | DropKey | DropRoot


def next_move(seen: Situation) -> Move | None:
    """Return what may be done now, None when something has to come first."""
    retiring = seen.lineage.retiring
    if retiring is None:
        return _start(seen) or _tidy(seen)
    now_in, record, now = phase(seen), seen.lineage.newest.record, seen.now
    if not _may_leave(seen, now_in, retiring):
        return None
    match now_in:
        case RotationPhase.PREPARE:
            return Advance(phase=RotationPhase.REISSUE, record=replace(record, prepared_at=now))
        case RotationPhase.REISSUE:
            done = replace(record, reissued_at=now)
            return Advance(phase=RotationPhase.SOAK, record=done, left=seen.pending)
        case RotationPhase.SOAK:
            done = replace(record, switched_at=now)
            return Advance(phase=RotationPhase.SWITCH, record=done, left=_shut_out(seen))
        case _:
            return Advance(phase=RotationPhase.STABLE, record=replace(record, finished_at=now))


def _may_leave(seen: Situation, now_in: RotationPhase, retiring: Generation) -> bool:
    record = seen.lineage.newest.record
    if now_in is RotationPhase.PREPARE:
        return not (_is_bundled(record) and seen.behind) or has_ended(retiring, seen.now)
    if now_in is RotationPhase.REISSUE:
        return not seen.pending or seen.now >= _patience_ends(seen, retiring)
    if now_in is RotationPhase.SOAK:
        return seen.now >= _switch_time(seen, retiring)
    return now_in is RotationPhase.DRAIN and seen.is_drained


def has_ended(generation: Generation, now: datetime) -> bool:
    """Tell whether a root's validity is over."""
    return now >= generation.certificate.not_valid_after_utc


def _is_bundled(record: Record) -> bool:
    return record.strategy is RotationStrategy.BUNDLE and not record.evicting


def _patience_ends(seen: Situation, retiring: Generation) -> datetime:
    """Return when holders who could not be given a new certificate are waited for no longer."""
    record = seen.lineage.newest.record
    usual = max(seen.spec.rotation.overlap, LEAST_PATIENCE)
    patience = EVICTION_PATIENCE if record.evicting else usual
    return min((record.prepared_at or seen.now) + patience, retiring.certificate.not_valid_after_utc)


def _switch_time(seen: Situation, retiring: Generation) -> datetime:
    """Return when the listeners may switch."""
    end = retiring.certificate.not_valid_after_utc
    return min(_soak_ends(seen, seen.lineage.newest.record), end)


def _soak_ends(seen: Situation, record: Record) -> datetime:
    since, rotation = record.reissued_at or seen.now, seen.spec.rotation
    if record.evicting:
        return since + (record.soak or timedelta())
    soaked = since + rotation.minimum_soak
    if not _waited_for(seen, RotationPhase.SOAK):
        return soaked
    return max(soaked, since + rotation.overlap)


def _waited_for(seen: Situation, now_in: RotationPhase) -> tuple[str, ...]:
    """Return the holders of certificates that a phase waits for."""
    if now_in is RotationPhase.REISSUE:
        return seen.pending
    waits = now_in is RotationPhase.SOAK and not seen.lineage.newest.record.evicting
    return _shut_out(seen) if waits else ()


def _shut_out(seen: Situation) -> tuple[str, ...]:
    """Return the holders of certificates that the switch ends."""
    same_key = seen.lineage.newest.record.strategy is RotationStrategy.SAME_KEY
    return () if same_key else seen.old_leaves


def _wanted(seen: Situation) -> tuple[RotateRequest, str] | None:
    """Return the rotation that is asked for, and why; None when none is."""
    newest, strategy = seen.lineage.newest, seen.spec.rotation.strategy
    token = seen.token if seen.token != newest.record.token else ""
    if seen.successor and seen.lineage.find(seen.successor) is None:
        request = replace(RotateRequest.parse(token, RotationStrategy.BUNDLE), from_source=True)
        return request, "nextSecretRef names a successor"
    if token:
        return RotateRequest.parse(token, strategy), "the annotation rotate asks for it"
    if seen.now >= rotation_time(seen):
        return RotateRequest(strategy=strategy), "it nears its end"
    return None


def rotation_time(seen: Situation) -> datetime:
    """Return when the newest root is due to be replaced."""
    return inspect_certificate(seen.lineage.newest.certificate).not_after - seen.spec.effective_renew_before()


def _start(seen: Situation) -> Start | None:
    wanted = _wanted(seen)
    if wanted is None or why_not(wanted[0], seen.spec, seen.lineage) is not None:
        return None
    request, why = wanted
    return Start(request=request, token=seen.token, why=why)


def refusal(seen: Situation) -> str | None:
    """Return why a rotation that is asked for is not begun, None when none is asked for or it can be."""
    if seen.successor_problem:
        return seen.successor_problem
    known = seen.lineage.find(seen.successor)
    if known is not None:
        return (
            f"the Secret of nextSecretRef holds root {known.number}, which this authority has had already: "
            "name one with another root"
        )
    wanted = _wanted(seen) if seen.lineage.retiring is None else None
    return why_not(wanted[0], seen.spec, seen.lineage) if wanted is not None else None


def _tidy(seen: Situation) -> Move | None:
    """Return what of the old roots can go: first those that have ended, then keys without work."""
    old = seen.lineage.generations[:-1]
    ended = next((g for g in old if has_ended(g, seen.now)), None)
    if ended is not None:
        return DropRoot(generation=ended)
    idle = next((g for g in old if g.key is not None and _is_idle(seen, g)), None)
    return DropKey(generation=idle) if idle is not None else None


def _is_idle(seen: Situation, generation: Generation) -> bool:
    """A key that the newest root has, too, still signs; else every certificate that it signed has ended."""
    sharing = seen.lineage.with_key_of(generation)
    return seen.lineage.newest.number not in sharing and sharing <= seen.idle


def phase(seen: Situation) -> RotationPhase:
    """Return the phase."""
    record = seen.lineage.newest.record
    if seen.lineage.retiring is None:
        return RotationPhase.STABLE
    if record.prepared_at is None:
        return RotationPhase.PREPARE
    if record.reissued_at is None:
        return RotationPhase.REISSUE
    if record.switched_at is None:
        return RotationPhase.SOAK
    return RotationPhase.SWITCH if seen.behind else RotationPhase.DRAIN


def progress(seen: Situation) -> RotationStatus:
    """Return what the status says of the rotation."""
    now_in, record = phase(seen), seen.lineage.newest.record
    if now_in is RotationPhase.STABLE:
        due = None if record.source else rotation_time(seen)
        return RotationStatus(phase=now_in, next_time=due)
    follows = {
        RotationPhase.PREPARE: seen.behind,
        RotationPhase.REISSUE: seen.excused,
        RotationPhase.SWITCH: seen.behind,
    }
    return RotationStatus(
        phase=now_in,
        strategy=record.strategy,
        evicting=record.evicting,
        next_time=_next_time(seen),
        remaining=_waited_for(seen, now_in)[:SHOWN],
        blockers=follows.get(now_in, ())[:SHOWN],
    )


def _next_time(seen: Situation) -> datetime | None:
    """Return when the present phase ends at the latest, None where only others can end it."""
    now_in, retiring = phase(seen), seen.lineage.retiring
    if retiring is None:
        return None
    if now_in is RotationPhase.REISSUE:
        return _patience_ends(seen, retiring)
    return _switch_time(seen, retiring) if now_in is RotationPhase.SOAK else None


def since(lineage: Lineage) -> datetime | None:
    """Return when the present phase began, None while nothing rotates."""
    record = lineage.newest.record
    if lineage.retiring is None:
        return None
    return record.switched_at or record.reissued_at or record.prepared_at or record.made_at
