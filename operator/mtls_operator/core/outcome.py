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
from mtls_operator.pki.error import PkiError


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
    """Not there yet, and nobody needs to act: shown as Reconciling.

    Attributes:
        failed: something went wrong, so the next wait is longer; else something is only awaited.
    """

    reason: Reason
    message: str
    after: timedelta | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A person has to act: shown as Stalled. The slow resync still looks again."""

    reason: Reason
    message: str
    after: timedelta | None = None


Outcome = Done | Waiting | Stuck

FIRST_RETRY: Final = timedelta(seconds=1)
LAST_RETRY: Final = timedelta(minutes=5)
_MOST_DOUBLINGS: Final = 16
STUCK_RETRY: Final = timedelta(minutes=1)
"""A cause outside the cluster (a tag, a policy, a quota) announces itself by no event: look again."""


def backoff(attempts: int) -> timedelta:
    """Return the wait after the given number of failures in a row: 1 s, 2 s, 4 s … 5 min."""
    doublings = min(max(attempts, 0), _MOST_DOUBLINGS)
    return min(FIRST_RETRY * (1 << doublings), LAST_RETRY)


# The first row whose class fits counts, so a subclass stands above its base.
_STUCK: Final[tuple[tuple[type[errors.OperatorError], Reason], ...]] = (
    (PkiError, Reason.INVALID_SPEC),
    (errors.AccessDenied, Reason.CLOUD_ACCESS_DENIED),
    (errors.CertificateQuotaExceeded, Reason.CERTIFICATE_QUOTA_EXCEEDED),
    (errors.QuotaExceeded, Reason.CLOUD_QUOTA_EXCEEDED),
    (errors.InvalidRequest, Reason.CLOUD_REFUSED),
    (errors.KubeForbidden, Reason.KUBERNETES_REFUSED),
    (errors.KubeInvalid, Reason.KUBERNETES_REFUSED),
)
_WAITING: Final[tuple[tuple[type[errors.OperatorError], Reason], ...]] = (
    (errors.TaskFailed, Reason.CLOUD_TASK_FAILED),
    (errors.CloudError, Reason.CLOUD_UNAVAILABLE),
    (errors.KubeConflict, Reason.PROGRESSING),
    (errors.KubeNotFound, Reason.PROGRESSING),
    (errors.KubeAlreadyExists, Reason.PROGRESSING),
    (errors.KubeError, Reason.KUBERNETES_UNAVAILABLE),
)


def verdict(error: errors.OperatorError, attempts: int) -> Outcome:
    """Translate an error into what the object's conditions will say.

    Args:
        error: what ended the pass.
        attempts: failed passes in a row before this one.
    """
    text = str(error)
    if isinstance(error, errors.NotReady):
        return Waiting(reason=Reason(error.reason), message=text, after=error.retry_after or STUCK_RETRY)
    if isinstance(error, errors.ReasonedError):
        return Stuck(reason=Reason(error.reason), message=text, after=STUCK_RETRY)
    for kind, reason in _STUCK:
        if isinstance(error, kind):
            return Stuck(reason=reason, message=text, after=STUCK_RETRY)
    for kind, reason in _WAITING:
        if isinstance(error, kind):
            return Waiting(reason=reason, message=text, after=backoff(attempts), failed=True)
    return Waiting(reason=Reason.INTERNAL_ERROR, message=text, after=backoff(attempts), failed=True)
