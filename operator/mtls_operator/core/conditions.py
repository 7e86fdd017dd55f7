"""From an outcome to the conditions of a status.

Pure, and the only place where Ready, Reconciling and Stalled are set. The pair Reconciling and
Stalled is present only while true, as kstatus computes from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.api.condition import Condition, ConditionStatus
from mtls_operator.core.outcome import Done, Outcome, Waiting
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
CLOUD_SYNCED: Final = "CloudSynced"
ROTATION_COMPLETE: Final = "RotationComplete"
TRUSTS_FOREIGN_ISSUANCE: Final = "TrustsForeignIssuance"
APPROVED: Final = "Approved"
DENIED: Final = "Denied"
REVOKED: Final = "Revoked"
CERTIFICATES_SYNCED: Final = "CertificatesSynced"
PROGRAMMED: Final = "Programmed"
BACKENDS_HEALTHY: Final = "BackendsHealthy"
VERIFIED: Final = "Verified"


@dataclass(frozen=True, slots=True)
class Aspect:
    """A condition before it is stamped with times and generation; `holds` None is Unknown."""

    type: str
    holds: bool | None
    reason: Reason
    message: str = ""


def aspects_of(outcome: Outcome) -> tuple[Aspect, ...]:
    """Return Ready, and Reconciling or Stalled while they are true."""
    if isinstance(outcome, Done):
        return (Aspect(READY, holds=True, reason=Reason.SUCCEEDED, message=outcome.message),)
    ready = Aspect(READY, holds=False, reason=outcome.reason, message=outcome.message)
    kind = RECONCILING if isinstance(outcome, Waiting) else STALLED
    return (ready, Aspect(kind, holds=True, reason=outcome.reason, message=outcome.message))


def settle(
    previous: Iterable[Condition],
    aspects: Iterable[Aspect],
    *,
    generation: int,
    now: datetime,
    cut_short: bool = False,
) -> tuple[Condition, ...]:
    """Return the new conditions; a transition time is kept while its status stays the same.

    Args:
        previous: those of the status that was read.
        aspects: what the pass found.
        generation: of the spec that the pass read.
        now: the time.
        cut_short: the pass ended before it looked at everything, so what it says nothing about stays
            as it was seen last, with the generation that it was seen for.
    """
    before = {condition.type: condition for condition in previous}
    found = {aspect.type: _stamp(before.get(aspect.type), aspect, generation, now) for aspect in aspects}
    unseen = before.keys() - found.keys() - {READY, RECONCILING, STALLED} if cut_short else ()
    return (*found.values(), *(before[type_] for type_ in sorted(unseen)))


def _stamp(before: Condition | None, aspect: Aspect, generation: int, now: datetime) -> Condition:
    status = _STATUS[aspect.holds]
    since = before.last_transition_time if before is not None and before.status is status else now
    return Condition(
        type=aspect.type,
        status=status,
        reason=aspect.reason.value,
        message=aspect.message,
        observed_generation=generation,
        last_transition_time=since,
    )


_STATUS: Final = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}
