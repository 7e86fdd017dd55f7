"""A pass over a listener that is planned only: look, plan, and say so. Nothing is written to the cloud.

The plan is that of `core.listener_plan`, the same actions that the executor performs, and before it what
an authority or an issuance would have to do first. Called by the MutualTLSListener reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.conditions import PROGRAMMED, Aspect
from mtls_operator.core.draft import stand_in
from mtls_operator.core.feasible import require_feasible
from mtls_operator.core.listener_plan import plan_listener
from mtls_operator.core.outcome import Done, Waiting
from mtls_operator.core.plan_text import shown
from mtls_operator.core.reasons import Reason
from mtls_operator.reconcilers.passes import Note, Result

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.cloud import Listener, LoadBalancer
    from mtls_operator.core.desired import DesiredListener
    from mtls_operator.ports import CertificateStore, Clock, Kube
    from mtls_operator.reconcilers.desires import Desires
    from mtls_operator.reconcilers.foresight import Foresight
    from mtls_operator.reconcilers.listener_report import ListenerReport
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.permitted import PermittedBalancers
    from mtls_operator.reconcilers.server_certs import Bindings


_NOTHING_TO_DO: Final = "the cloud is as the manifest says; there is nothing to do"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A plan as sentences, and what it was made from."""

    sentences: tuple[str, ...]
    balancer: LoadBalancer
    desired: DesiredListener
    bindings: Bindings
    listener: Listener | None


class Planning:
    """Plans and writes nothing."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: CertificateStore,
        permitted: PermittedBalancers,
        foresight: Foresight,
        desires: Desires,
        observer: Observer,
        report: ListenerReport,
        clock: Clock,
    ) -> None:
        """Take the ports and an observer of its own: a plan must not touch the clocks of draining targets."""
        self._kube = kube
        self._store = store
        self._permitted = permitted
        self._foresight = foresight
        self._desires = desires
        self._observer = observer
        self._report = report
        self._clock = clock

    async def result(self, resource: MutualTLSListener) -> Result:
        """Return what would be done.

        Raises:
            OperatorError: what would keep a pass from doing it.
        """
        made = await self._plan(await self._planned(resource))
        plan = shown(made.sentences)
        status = resource.status.model_copy(update={"plan": plan})
        if not plan and not resource.metadata.is_draft and made.listener is not None:
            result = await self._report.result(
                resource, made.balancer, made.desired, made.bindings, made.listener
            )
            return replace(result, status=result.status.model_copy(update={"plan": ()}))
        if not plan:
            return Result(status=status, outcome=Done(message=_NOTHING_TO_DO))
        message = f"{len(made.sentences)} changes are planned and not made, first: {plan[0]}"
        outcome = Waiting(reason=Reason.PLAN_ONLY, message=message)
        if resource.metadata.is_draft:
            return Result(status=status, outcome=outcome)
        note = Note(Reason.PLAN_ONLY, f"planned and not made: {'; '.join(plan)}")
        return Result(
            status=status,
            outcome=outcome,
            aspects=(Aspect(PROGRAMMED, holds=False, reason=Reason.PLAN_ONLY, message="planned only"),),
            notes=(note,) if plan != resource.status.plan else (),
            cut_short=True,
        )

    def forget(self, ref: ObjectRef) -> None:
        """Drop the clocks that belong to an object that is gone."""
        self._observer.forget(ref)

    async def deletion(self, resource: MutualTLSListener) -> Result:
        """Return what the deletion of the object would do; it is held up until that may be done."""
        balancer = await self._permitted.find(resource)
        listener = await self._observer.find(resource, balancer) if balancer is not None else None
        plan = (f"delete listener {listener.id} and the certificates uploaded for it",) if listener else ()
        message = "the annotation plan-only keeps what it has in the cloud; take it off, or set "
        message += "spec.deletionPolicy: Retain"
        status = resource.status.model_copy(update={"plan": plan})
        return Result(status=status, outcome=Waiting(reason=Reason.PLAN_ONLY, message=message))

    async def _planned(self, resource: MutualTLSListener) -> MutualTLSListener:
        if not resource.metadata.is_draft:
            return resource
        named = ObjectRef(resource.metadata.namespace, resource.metadata.plans_for)
        return stand_in(resource, await self._kube.get_listener(named))

    async def _plan(self, planned: MutualTLSListener) -> _Planned:
        balancer = await self._permitted.reach(planned)
        self._permitted.require(planned, balancer)
        outlook = await self._foresight.look(planned, await self._store.inventory())
        desired = await self._desires.listener(planned, balancer, outlook.bindings, outlook.secrets)
        observed = await self._observer.observe(planned, balancer, desired, outlook.bindings)
        plan = plan_listener(desired, observed, self._clock.now())
        require_feasible(plan, desired, observed)
        return _Planned(
            sentences=(*(str(one) for one in outlook.first), *plan.sentences()),
            balancer=balancer,
            desired=desired,
            bindings=outlook.bindings,
            listener=observed.listener,
        )
