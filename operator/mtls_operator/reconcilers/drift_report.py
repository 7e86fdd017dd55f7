"""What the status of a listener says about drift: what it agrees with, and what is left as it was found.

Called by the MutualTLSListener reconciler at the end of a pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtls_operator.core.conditions import PROGRAMMED, READY, Aspect
from mtls_operator.core.drift_text import summary
from mtls_operator.core.outcome import Stuck
from mtls_operator.core.plan_text import shown
from mtls_operator.core.reasons import Reason
from mtls_operator.reconcilers.passes import Note, Result

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.reconcilers.rounds import Arrival


def without_listener(resource: MutualTLSListener, arrival: Arrival) -> Result:
    """Return the result of a pass that found the listener deleted and leaves it so."""
    status = resource.status.model_copy(update={"healthy": None, "domains": ()})
    outcome = Stuck(reason=Reason.DRIFT_FOUND, message="")
    return with_drift(Result(status=status, outcome=outcome), resource, arrival)


def with_drift(result: Result, resource: MutualTLSListener, arrival: Arrival) -> Result:
    """Return a result with what was found and is held back, and what the listener agrees with."""
    judged = arrival.judged
    held = judged.held_back(resource.spec.drift_policy)
    status = result.status.model_copy(update={"applied": judged.applied, "plan": shown(held.sentences())})
    if not held.actions:
        return replace(result, status=status)
    message = f"changed in the cloud and left so, as driftPolicy is Report: {summary(judged.found)}"
    reason = Reason.MUTUAL_TLS_NOT_ENFORCED if judged.is_open else Reason.DRIFT_FOUND
    said, trial = message, _found_open(result)
    if trial and not judged.is_open:
        # A trial got in though the settings do not say how: that is worse news than any drift.
        reason, said = Reason.MUTUAL_TLS_NOT_ENFORCED, f"{trial}; {message}"
    after = None if isinstance(result.outcome, Exception) else result.outcome.after
    aspects = tuple(aspect for aspect in result.aspects if aspect.type != PROGRAMMED)
    return replace(
        result,
        status=status,
        outcome=Stuck(reason=reason, message=said, after=after),
        aspects=(*aspects, Aspect(PROGRAMMED, holds=False, reason=Reason.DRIFT_FOUND, message=message)),
        notes=(*result.notes, *_more(resource, reason, said)),
    )


def _found_open(result: Result) -> str:
    """Return what a trial says of an open door, empty when it found none."""
    outcome = result.outcome
    if isinstance(outcome, Stuck) and outcome.reason is Reason.MUTUAL_TLS_NOT_ENFORCED:
        return outcome.message
    return ""


def _more(resource: MutualTLSListener, reason: Reason, message: str) -> tuple[Note, ...]:
    """Return the event about further findings; the first ones are said when Ready changes its reason."""
    ready = resource.status.condition(READY)
    if ready is None or ready.reason != reason or ready.message == message:
        return ()
    return (Note(reason, message, is_warning=True),)
