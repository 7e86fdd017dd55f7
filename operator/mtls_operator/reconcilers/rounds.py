"""Look, plan and perform, stage by stage, until a look finds nothing to do.

So every write is read back before what depends on it. Called by the MutualTLSListener reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.listener_policy import DriftPolicy
from mtls_operator.core.actions import AdoptListener, Stage
from mtls_operator.core.drift import judge
from mtls_operator.core.feasible import require_feasible
from mtls_operator.core.listener_plan import plan_listener
from mtls_operator.core.ownership import upload_owner
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady
from mtls_operator.reconcilers.execute import Round

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.actions import Action
    from mtls_operator.core.cloud import Listener, LoadBalancer
    from mtls_operator.core.desired import DesiredListener
    from mtls_operator.core.drift import Judgement
    from mtls_operator.ports import Clock
    from mtls_operator.reconcilers.adoption import Adoption
    from mtls_operator.reconcilers.drift_events import DriftEvents
    from mtls_operator.reconcilers.execute import Executor
    from mtls_operator.reconcilers.inventory import Inventory
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.server_certs import Bindings

_MOST_ROUNDS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Where the rounds ended: nothing is left to do but what `driftPolicy: Report` holds back.

    Attributes:
        listener: ours; None when somebody deleted it and it is left so.
        judged: the last plan.
    """

    listener: Listener | None
    judged: Judgement


class Rounds:
    """Brings a listener of the cloud to what is desired."""

    def __init__(
        self,
        *,
        observer: Observer,
        executor: Executor,
        adoption: Adoption,
        events: DriftEvents,
        inventory: Inventory,
        clock: Clock,
        cluster: str,
    ) -> None:
        """Take what looks, does and tells, and the cluster's id, which marks what is uploaded."""
        self._observer = observer
        self._executor = executor
        self._adoption = adoption
        self._events = events
        self._inventory = inventory
        self._clock = clock
        self._cluster = cluster

    def forget(self, ref: ObjectRef) -> None:
        """Drop what was said of an object that is gone."""
        self._events.forget(ref)

    async def converge(
        self,
        resource: MutualTLSListener,
        balancer: LoadBalancer,
        desired: DesiredListener,
        bindings: Bindings,
    ) -> Arrival:
        """Return once the listener is as desired, or as far as the policy about drift allows.

        Raises:
            NotReady: the cloud does not show what it accepted, or a Service of a new listener is missing.
            SpecError: the account's quota has no room for it.
            CloudError: the cloud refused or could not be asked.
            OwnershipError: somebody else's listener has the port and is not adopted.
        """
        policy, owner = resource.spec.drift_policy, upload_owner(resource, self._cluster)
        sentences: tuple[str, ...] = ()
        # Before anything is looked at: what is seen of these certificates then stays.
        await self._inventory.claim(resource.ref, desired.uploads())
        for number in range(_MOST_ROUNDS):
            observed = await self._observer.observe(resource, balancer, desired, bindings)
            plan = plan_listener(desired, observed, self._clock.now())
            judged = judge(plan, desired, observed, resource.status.applied)
            work = judged.to_do(policy)
            if not work.actions and (observed.listener is not None or judged.is_gone):
                await self._say(resource, judged, number)
                if judged.is_settled:
                    self._events.forget(resource.ref)
                return Arrival(listener=observed.listener, judged=judged)
            sentences, stage = work.sentences(), work.next_stage()
            if stage[0].stage is not Stage.PROTECT:
                require_feasible(work, desired, observed)
            at = Round(balancer=balancer, observed=observed, bindings=bindings, owner=owner)
            try:
                await self._perform(resource, stage, at)
            finally:
                # After the first stage: an open door is closed before anything is said about it.
                await self._say(resource, judged, number)
        raise NotReady(
            Reason.PROGRESSING,
            "the cloud accepted the changes and still does not show them: " + "; ".join(sentences),
            timedelta(seconds=10),
        )

    async def _perform(self, resource: MutualTLSListener, stage: tuple[Action, ...], at: Round) -> None:
        for action in stage:
            await self._executor.perform(action, at)
            if isinstance(action, AdoptListener):
                await self._adoption.announce(resource, action)

    async def _say(self, resource: MutualTLSListener, judged: Judgement, number: int) -> None:
        """Only the first look of a pass sees what others did; with Report, the status says it."""
        if number == 0 and resource.spec.drift_policy is DriftPolicy.REPAIR:
            await self._events.say(resource, judged)
