"""Look, plan and perform, stage by stage, until a look finds nothing to do.

So every write is read back before what depends on it. Called by the MutualTLSListener reconciler.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.actions import AdoptListener, Stage
from mtls_operator.core.backends import require_services
from mtls_operator.core.cloud_quota import require_room
from mtls_operator.core.listener_plan import plan_listener
from mtls_operator.core.ownership import upload_owner
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady
from mtls_operator.reconcilers.execute import Round

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.actions import Plan
    from mtls_operator.core.cloud import Listener, LoadBalancer
    from mtls_operator.core.desired import DesiredListener, ObservedListener
    from mtls_operator.ports import Clock
    from mtls_operator.reconcilers.adoption import Adoption
    from mtls_operator.reconcilers.execute import Executor
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.server_certs import Bindings

_MOST_ROUNDS: Final = 12


class Rounds:
    """Brings a listener of the cloud to what is desired."""

    def __init__(
        self, observer: Observer, executor: Executor, adoption: Adoption, clock: Clock, *, cluster: str
    ) -> None:
        self._observer = observer
        self._executor = executor
        self._adoption = adoption
        self._clock = clock
        self._cluster = cluster

    async def converge(
        self,
        resource: MutualTLSListener,
        balancer: LoadBalancer,
        desired: DesiredListener,
        bindings: Bindings,
    ) -> Listener:
        """Return the listener once it is as desired.

        Raises:
            NotReady: the cloud does not show what it accepted, or a Service of a new listener is missing.
            SpecError: the account's quota has no room for it.
            CloudError: the cloud refused or could not be asked.
            OwnershipError: somebody else's listener has the port and is not adopted.
        """
        owner = upload_owner(resource, self._cluster)
        sentences: tuple[str, ...] = ()
        for _ in range(_MOST_ROUNDS):
            observed = await self._observer.observe(resource, balancer, desired, bindings)
            plan = plan_listener(desired, observed, self._clock.now())
            if not plan.actions and observed.listener is not None:
                return observed.listener
            sentences = plan.sentences()
            stage = plan.next_stage()
            if stage[0].stage is not Stage.PROTECT:
                _require_feasible(plan, desired, observed)
            at = Round(balancer=balancer, observed=observed, bindings=bindings, owner=owner)
            for action in stage:
                await self._executor.perform(action, at)
                if isinstance(action, AdoptListener):
                    await self._adoption.announce(resource, action)
        raise NotReady(
            Reason.PROGRESSING,
            "the cloud accepted the changes and still does not show them: " + "; ".join(sentences),
            timedelta(seconds=10),
        )


def _require_feasible(plan: Plan, desired: DesiredListener, observed: ObservedListener) -> None:
    """Stop before the first write of what cannot be done; closing a door waits for nothing."""
    require_room(plan, observed)
    if observed.listener is None:
        require_services(desired)
