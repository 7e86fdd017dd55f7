"""How a pass ended, and when the next one is due.

Pure. `verdict` is the only place that decides what an error means for an object; the reconcilers
hand it what they caught and the condition builder prints what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mtls_operator import errors
from mtls_operator.core.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Everything is as the manifest says.

    Attributes:
        message: one sentence for the Ready condition.
        after: when to look again without being called, None = at the resync.
    """

    message: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Not there yet, and nobody needs to act: shown as Reconciling."""

    reason: Reason
    message: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A person has to act: shown as Stalled. The slow resync still looks again."""

    reason: Reason
    message: str
    after: timedelta | None = None


Outcome = Done | Waiting | Stuck

FIRST_RETRY: Final = timedelta(seconds=1)
LAST_RETRY: Final = timedelta(minutes=5)
STUCK_RETRY: Final = timedelta(minutes=1)
"""A cause outside the cluster (a tag, a policy, a quota) announces itself by no event: look again."""


def backoff(attempts: int) -> timedelta:
    """Return the wait after the given number of failures in a row: 1 s, 2 s, 4 s … 5 min."""
    return min(FIRST_RETRY * 2 ** min(max(attempts, 0), 16), LAST_RETRY)


def verdict(error: errors.OperatorError, attempts: int) -> Outcome:  # noqa: PLR0911 - one row for each class
    """Translate an error into what the object's conditions will say.

    Args:
        error: what ended the pass.
        attempts: failed passes in a row before this one.
    """
    text = str(error)
    match error:
        case errors.NotReady():
            return Waiting(reason=Reason(error.reason), message=text, after=error.retry_after)
        case errors.SpecError() | errors.OwnershipError():
            return Stuck(reason=Reason(error.reason), message=text, after=STUCK_RETRY)
        case errors.AccessDenied():
            return Stuck(reason=Reason.CLOUD_ACCESS_DENIED, message=text, after=STUCK_RETRY)
        case errors.QuotaExceeded():
            return Stuck(reason=Reason.CLOUD_QUOTA_EXCEEDED, message=text, after=STUCK_RETRY)
        case errors.InvalidRequest():
            return Stuck(reason=Reason.CLOUD_REFUSED, message=text, after=STUCK_RETRY)
        case errors.TaskFailed():
            return Waiting(reason=Reason.CLOUD_TASK_FAILED, message=text, after=backoff(attempts))
        case errors.CloudError():
            return Waiting(reason=Reason.CLOUD_UNAVAILABLE, message=text, after=backoff(attempts))
        case errors.KubeForbidden() | errors.KubeInvalid():
            return Stuck(reason=Reason.KUBERNETES_REFUSED, message=text, after=STUCK_RETRY)
        case errors.KubeConflict() | errors.KubeNotFound() | errors.KubeAlreadyExists():
            return Waiting(reason=Reason.PROGRESSING, message=text, after=backoff(attempts))
        case errors.KubeError():
            return Waiting(reason=Reason.KUBERNETES_UNAVAILABLE, message=text, after=backoff(attempts))
        case _:
            return Stuck(reason=Reason.INTERNAL_ERROR, message=text, after=backoff(attempts))
