"""Failures that a status remembers, so that a restarted operator goes on waiting where it was.

Pure. Called by `reconcilers.passes`. While the process lives, the loop counts; an event then leads to
a pass at once. What a status says is believed only as far as it cannot do harm: a wait has an end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.client_cert import ClientCertStatus
from mtls_operator.core.conditions import READY
from mtls_operator.core.outcome import LAST_RETRY, Waiting
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from datetime import datetime

    from mtls_operator.api.resource import Status
    from mtls_operator.core.outcome import Outcome


def remembered_failures(status: Status, generation: int) -> int:
    """Return how often passes over this generation of the spec have failed in a row."""
    if not isinstance(status, ClientCertStatus) or _generation_of(status) != generation:
        return 0
    return max(status.failures or 0, 0)


def remembered_wait(status: Status, generation: int, now: datetime) -> Waiting | None:
    """Return the wait that a failure before this process led to, None when it is over."""
    if not remembered_failures(status, generation) or not isinstance(status, ClientCertStatus):
        return None
    ready = status.condition(READY)
    if status.retry_time is None or ready is None or ready.reason not in set(Reason):
        return None
    left = status.retry_time - now
    if not 0 < left.total_seconds() <= LAST_RETRY.total_seconds():
        return None
    return Waiting(reason=Reason(ready.reason), message=ready.message, after=left)


def remember(
    status: Status, known: Status, *, generation: int, outcome: Outcome, failures: int, now: datetime
) -> Status:
    """Return the status with what a failed pass leaves behind, and without it after any other.

    A pass that fails before its time, because an event called it, adds nothing: a status is not
    written more often than its wait is long.

    Args:
        status: the new one.
        known: the one that the pass read.
        generation: of the spec that the pass read.
        outcome: how the pass ended.
        failures: failed passes in a row before this one.
        now: the time.
    """
    if not isinstance(status, ClientCertStatus):
        return status
    if not isinstance(outcome, Waiting) or not outcome.failed or outcome.after is None:
        return status.model_copy(update={"failures": None, "retry_time": None})
    if isinstance(known, ClientCertStatus) and remembered_wait(known, generation, now) is not None:
        return status.model_copy(update={"failures": known.failures, "retry_time": known.retry_time})
    return status.model_copy(update={"failures": failures + 1, "retry_time": now + outcome.after})


def _generation_of(status: Status) -> int | None:
    ready = status.condition(READY)
    return ready.observed_generation if ready is not None else None
