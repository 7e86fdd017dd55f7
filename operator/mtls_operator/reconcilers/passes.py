"""One pass over one object: read, converge or tear down, report.

The three kinds differ in their `Behaviour`; what they share is here, so that pausing, finalizers,
errors, conditions and events mean the same everywhere. Called by `reconcilers.loop`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.core.conditions import READY, Aspect, aspects_of, settle
from mtls_operator.core.outcome import STUCK_RETRY, Done, Outcome, Stuck, verdict
from mtls_operator.core.reasons import Reason
from mtls_operator.core.retries import remember, remembered_failures, remembered_wait
from mtls_operator.errors import OperatorError, SpecError

if TYPE_CHECKING:
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.api.resource import Status
    from mtls_operator.ports import Clock, Kube, Recorder

log = logging.getLogger(__name__)

R = TypeVar("R", CertificateAuthority, ClientCert, MutualTLSListener)


@dataclass(frozen=True, slots=True)
class Note:
    """An event."""

    reason: Reason
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a pass found: the status without conditions, how it ended, and the kind's own conditions.

    Attributes:
        outcome: an error is judged as if it had been raised, but the kind's own conditions count.
        notes: events that say what the status says, recorded when that is written.
        cut_short: the pass did not look at everything; what it says nothing about stays as it was seen last.
    """

    status: Status
    outcome: Outcome | OperatorError
    aspects: tuple[Aspect, ...] = ()
    notes: tuple[Note, ...] = ()
    cut_short: bool = False


class Behaviour(Protocol[R]):
    """What is particular to a kind."""

    async def read(self, ref: ObjectRef) -> R | None:
        """Return the object, None when there is none."""
        ...

    async def converge(self, resource: R) -> Result:
        """Make the world as the manifest says."""
        ...

    async def tear_down(self, resource: R) -> Result | None:
        """Undo what the object did; None when nothing is left and the object may go."""
        ...

    def forget(self, ref: ObjectRef) -> None:
        """Drop what is remembered of an object that is gone."""
        ...


class Reconciler(Generic[R]):
    """Runs passes for one kind."""

    def __init__(self, behaviour: Behaviour[R], kube: Kube, recorder: Recorder, clock: Clock) -> None:
        self._behaviour: Behaviour[R] = behaviour
        self._kube = kube
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, ref: ObjectRef, attempts: int) -> Outcome | None:
        """Make one pass; return how it ended, None when there is nothing (left) to look after.

        Args:
            ref: the object.
            attempts: failed passes in a row before this one.
        """
        try:
            resource = await self._behaviour.read(ref)
        except SpecError as error:
            # Without a spec there is no status to write either: only an old CRD lets this through.
            log.warning("%s", error)
            return Stuck(reason=Reason.INVALID_SPEC, message=str(error), after=STUCK_RETRY)
        if resource is None:
            self._behaviour.forget(ref)
            return None
        if resource.metadata.is_paused:
            return None
        if resource.metadata.is_deleting:
            return await self._let_go(resource, attempts)
        return await self._converge(resource, attempts)

    async def _converge(self, resource: R, attempts: int) -> Outcome:
        generation = resource.metadata.generation
        wait = remembered_wait(resource.status, generation, self._clock.now())
        if wait is not None and attempts == 0:
            return wait
        failures = max(attempts, remembered_failures(resource.status, generation))
        try:
            result = await self._behaviour.converge(resource)
        except OperatorError as error:
            result = Result(status=resource.status, outcome=error, cut_short=True)
        return await self._report(resource, result, failures)

    async def _let_go(self, resource: R, attempts: int) -> Outcome | None:
        if not resource.metadata.has_finalizer:
            return None
        try:
            result = await self._behaviour.tear_down(resource)
        except OperatorError as error:
            result = Result(status=resource.status, outcome=error)
        if result is not None:
            return await self._report(resource, replace(result, cut_short=True), attempts)
        await self._kube.remove_finalizer(resource)
        self._behaviour.forget(resource.ref)
        return None

    async def _report(self, resource: R, result: Result, failures: int) -> Outcome:
        outcome: Outcome = _judged(result.outcome, failures)
        aspects = (*aspects_of(outcome), *result.aspects)
        now, generation = self._clock.now(), resource.metadata.generation
        conditions = settle(
            resource.status.conditions,
            aspects,
            generation=generation,
            now=now,
            cut_short=result.cut_short,
        )
        status = remember(
            result.status.model_copy(update={"conditions": conditions}),
            resource.status,
            generation=generation,
            outcome=outcome,
            failures=failures,
            now=now,
        )
        if status.render() == resource.status.render():
            return outcome
        await self._kube.apply_status(resource, status)
        await self._announce(resource, outcome)
        for note in result.notes:
            record = self._recorder.warning if note.is_warning else self._recorder.normal
            await record(resource, note.reason, note.message)
        return outcome

    async def _announce(self, resource: R, outcome: Outcome) -> None:
        """Record an event when the reason of Ready changed: one for each transition.

        What comes out well the first time is no transition: thousands of client certificates would
        cost a third write each, to say what their status says.
        """
        before = resource.status.condition(READY)
        reason = Reason.SUCCEEDED if isinstance(outcome, Done) else outcome.reason
        if before is not None and before.reason == reason:
            return
        if before is None and isinstance(outcome, Done):
            return
        if isinstance(outcome, Done):
            await self._recorder.normal(resource, reason, outcome.message)
        elif isinstance(outcome, Stuck):
            await self._recorder.warning(resource, reason, outcome.message)


def _judged(outcome: Outcome | OperatorError, failures: int) -> Outcome:
    return verdict(outcome, failures) if isinstance(outcome, OperatorError) else outcome
