"""What a listener's status says of the trials of its doors.

Pure. Called by `reconcilers.verification`. A status is written when it changes, so what goes into it
has to be the same for the same state of things: sets are sorted, times are those of a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from mtls_operator.api.condition import ConditionStatus
from mtls_operator.api.listener_status import VerificationResult, VerificationStatus
from mtls_operator.core.conditions import VERIFIED, Aspect
from mtls_operator.core.reasons import Reason
from mtls_operator.core.verification import overall

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from mtls_operator.api.listener_status import ListenerStatus
    from mtls_operator.core.verification import SiteReport

MOST_BACKENDS: Final = 10
_MOST_REASONS: Final = 3
_HOLDS: Final = {ConditionStatus.TRUE: True, ConditionStatus.FALSE: False, ConditionStatus.UNKNOWN: None}
_REASONS: Final = {
    VerificationResult.ENFORCED: Reason.MUTUAL_TLS_ENFORCED,
    VerificationResult.OPEN: Reason.MUTUAL_TLS_NOT_ENFORCED,
    VerificationResult.UNKNOWN: Reason.VERIFICATION_INCONCLUSIVE,
}
_ENFORCED: Final = "every domain answers a good certificate and refuses all others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the trials have shown.

    Attributes:
        message: what it rests on, a sentence for people.
        served: SHA-256 of the server certificates that were shown.
        backends: who answered, as far as they say so; ten at most.
    """

    result: VerificationResult
    message: str
    served: frozenset[str] = frozenset()
    backends: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reports: Collection[SiteReport], backends: Iterable[str] = ()) -> Known:
        """Return what a round of trials has shown, with the real servers that answered in earlier ones."""
        result = overall(reports)
        reasons = (reason for report in reports if report.result is result for reason in report.reasons())
        message = _ENFORCED if result is VerificationResult.ENFORCED else _some(reasons)
        answered = {name for report in reports for name in report.backends}
        return cls(
            result=result,
            message=message,
            served=frozenset(one for report in reports for one in report.served),
            backends=frozenset(sorted({*answered, *backends})[:MOST_BACKENDS]),
        )


def _some(reasons: Iterable[str]) -> str:
    """Return the first reasons: a condition is for reading."""
    iterator = iter(reasons)
    first = list(islice(iterator, _MOST_REASONS))
    more = sum(1 for _ in iterator)
    return "; ".join(first) + (f"; and {more} more" if more else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a pass reports of the trials."""

    status: VerificationStatus | None
    aspect: Aspect

    @property
    def is_open(self) -> bool:
        """Whether somebody without a good certificate gets in."""
        return self.aspect.reason is Reason.MUTUAL_TLS_NOT_ENFORCED


def switched_off(why: str) -> Verified:
    """Return what is said where nothing is tried."""
    return Verified(
        status=None, aspect=Aspect(VERIFIED, holds=None, reason=Reason.VERIFICATION_DISABLED, message=why)
    )


def remembered(status: ListenerStatus) -> Verified:
    """Return what is said before the first trial of this process: what an earlier one has found."""
    condition = status.condition(VERIFIED)
    if status.verification is None or condition is None or condition.reason not in set(_REASONS.values()):
        aspect = Aspect(
            VERIFIED, holds=None, reason=Reason.VERIFICATION_INCONCLUSIVE, message="not tried yet"
        )
        return Verified(status=None, aspect=aspect)
    aspect = Aspect(VERIFIED, _HOLDS[condition.status], Reason(condition.reason), condition.message)
    return Verified(status=status.verification, aspect=aspect)


def found(known: Known, before: ListenerStatus, now: datetime) -> Verified:
    """Return what is said after trials.

    Args:
        known: what they have shown.
        before: the status that was read; since when it is so is kept while the result stays.
        now: the time.
    """
    earlier = before.verification
    since = earlier.since if earlier is not None and earlier.result is known.result else now
    holds = {VerificationResult.ENFORCED: True, VerificationResult.OPEN: False}.get(known.result)
    return Verified(
        status=VerificationStatus(
            result=known.result,
            since=since,
            served=tuple(sorted(known.served)),
            backends_seen=tuple(sorted(known.backends)),
        ),
        aspect=Aspect(VERIFIED, holds=holds, reason=_REASONS[known.result], message=known.message),
    )
