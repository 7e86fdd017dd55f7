"""MutualTLSListener: a listener in the cloud that admits one authority's clients and nobody else.

A pass looks, plans, performs the first stage of the plan and looks again, until nothing is left to
do. So every write is read back before what depends on it, and every pass may be the first.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.listener_status import ListenerStatus
from mtls_operator.api.subject import DeletionPolicy
from mtls_operator.core.build import build_listener, listener_name
from mtls_operator.core.cloud import LoadBalancerId
from mtls_operator.core.conditions import BACKENDS_HEALTHY, CERTIFICATES_SYNCED, PROGRAMMED, Aspect
from mtls_operator.core.listener_plan import plan_closing, plan_listener
from mtls_operator.core.listener_status import backends_aspect, domain_statuses, healthy_text
from mtls_operator.core.outcome import Done, Waiting
from mtls_operator.core.ownership import upload_owner
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady, OperatorError, SpecError
from mtls_operator.reconcilers.execute import Round
from mtls_operator.reconcilers.passes import Result
from mtls_operator.reconcilers.uploads import delete_uploads

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.balancer_access import BalancerAccess
    from mtls_operator.core.cloud import Listener, LoadBalancer
    from mtls_operator.core.desired import DesiredListener
    from mtls_operator.core.outcome import Outcome
    from mtls_operator.ports import CertificateStore, Clock, Kube, LoadBalancers, View
    from mtls_operator.reconcilers.execute import Executor
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.server_certs import Bindings, ServerCertificates

_MOST_ROUNDS: Final = 12
_HEALTH_POLL: Final = timedelta(seconds=2)
_SLOWEST_HEALTH_POLL: Final = timedelta(minutes=2)


class ListenerBehaviour:
    """Converges and tears down listeners."""

    def __init__(
        self,
        *,
        kube: Kube,
        view: View,
        balancers: LoadBalancers,
        store: CertificateStore,
        certificates: ServerCertificates,
        observer: Observer,
        executor: Executor,
        access: BalancerAccess,
        regions: Collection[str],
        clock: Clock,
        cluster: str,
    ) -> None:
        """Take the ports and the parts of a pass."""
        self._kube = kube
        self._view = view
        self._balancers = balancers
        self._store = store
        self._certificates = certificates
        self._observer = observer
        self._executor = executor
        self._access = access
        self._regions = regions
        self._clock = clock
        self._cluster = cluster

    async def read(self, ref: ObjectRef) -> MutualTLSListener | None:
        """Return the object, None when there is none."""
        return await self._kube.get_listener(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Drop the clocks of draining targets."""
        self._observer.forget(ref)

    async def converge(self, resource: MutualTLSListener) -> Result:
        """Make the cloud's listener what the manifest says."""
        balancer = await self._balancer(resource)
        if not resource.metadata.has_finalizer:
            await self._kube.add_finalizer(resource)
        try:
            bindings = await self._certificates.ensure(resource, await self._store.inventory())
            desired = self._desired(resource, bindings)
        except OperatorError:
            await self._close_doors(resource, balancer)
            raise
        listener = await self._rounds(resource, balancer, desired, bindings)
        return await self._result(resource, balancer, desired, bindings, listener)

    async def _close_doors(self, resource: MutualTLSListener, balancer: LoadBalancer) -> None:
        """Close what stands open even though the manifest cannot be done: a door waits for nobody."""
        listener = await self._observer.find(resource, balancer)
        if listener is None:
            return
        admitted = await self._certificates.admissions(resource)
        for action in plan_closing(resource.spec.sni, admitted, listener):
            await self._executor.close(action, balancer)

    async def _balancer(self, resource: MutualTLSListener) -> LoadBalancer:
        wanted = resource.spec.load_balancer
        if wanted.region not in self._regions:
            raise SpecError(
                Reason.REGION_NOT_SERVED,
                f"the operator serves {', '.join(self._regions)}, not {wanted.region}. "
                "Add the region to cloud.regions in its configuration.",
            )
        balancer = await self._balancers.get(wanted.region, LoadBalancerId(wanted.id))
        if balancer is None:
            raise SpecError(
                Reason.LOAD_BALANCER_NOT_FOUND,
                f"the cloud knows no load balancer {wanted.id} in region {wanted.region}. "
                "Correct spec.loadBalancer (make a new object: it is immutable), or the operator's account.",
            )
        self._access.require(balancer, resource.metadata.namespace)
        return balancer

    def _desired(self, resource: MutualTLSListener, bindings: Bindings) -> DesiredListener:
        return build_listener(
            resource,
            name=listener_name(self._cluster, resource),
            bindings=bindings.by_domain,
            secrets={fingerprint: m.secret for fingerprint, m in bindings.material.items()},
            nodes=self._view.nodes(),
            services=self._view.services(resource.metadata.namespace),
            now=self._clock.now(),
        )

    async def _rounds(
        self,
        resource: MutualTLSListener,
        balancer: LoadBalancer,
        desired: DesiredListener,
        bindings: Bindings,
    ) -> Listener:
        """Look, plan and perform stage by stage, until a look finds nothing to do."""
        owner = upload_owner(resource, self._cluster)
        sentences: tuple[str, ...] = ()
        for _ in range(_MOST_ROUNDS):
            observed = await self._observer.observe(resource, balancer, desired)
            plan = plan_listener(desired, observed, self._clock.now())
            if not plan.actions and observed.listener is not None:
                return observed.listener
            sentences = plan.sentences()
            at = Round(balancer=balancer, observed=observed, bindings=bindings, owner=owner)
            for action in plan.next_stage():
                await self._executor.perform(action, at)
        raise NotReady(
            Reason.PROGRESSING,
            "the cloud accepted the changes and still does not show them: " + "; ".join(sentences),
            timedelta(seconds=10),
        )

    async def _result(
        self,
        resource: MutualTLSListener,
        balancer: LoadBalancer,
        desired: DesiredListener,
        bindings: Bindings,
        listener: Listener,
    ) -> Result:
        health = await self._balancers.health(balancer, listener.id)
        domains = domain_statuses(desired, listener, health)
        backends = backends_aspect(desired, domains)
        status = ListenerStatus(
            listener_id=listener.id,
            create_time=listener.create_time,
            addresses=balancer.addresses,
            not_after=bindings.not_after,
            healthy=healthy_text(domains),
            domains=domains,
        )
        aspects = (
            Aspect(CERTIFICATES_SYNCED, holds=True, reason=Reason.SUCCEEDED),
            Aspect(PROGRAMMED, holds=True, reason=Reason.SUCCEEDED, message=f"listener {listener.id}"),
            backends,
        )
        return Result(
            status=status, outcome=self._outcome(resource, bindings, backends, desired), aspects=aspects
        )

    def _outcome(
        self,
        resource: MutualTLSListener,
        bindings: Bindings,
        backends: Aspect,
        desired: DesiredListener,
    ) -> Outcome:
        if backends.reason is Reason.NO_ELIGIBLE_NODE:
            return Waiting(reason=backends.reason, message=backends.message, after=_SLOWEST_HEALTH_POLL)
        now = self._clock.now()
        waits = [bindings.renewal - now]
        if not backends.holds:
            waits.append(self._health_wait(resource))
        if self._observer.is_draining(resource.ref):
            waits.append(max(desired.drain_period, timedelta(seconds=1)))
        port = resource.spec.port
        message = f"port {port} admits clients with a certificate of the authority, and nobody else"
        return Done(message=message, after=max(min(waits), timedelta(seconds=1)))

    def _health_wait(self, resource: MutualTLSListener) -> timedelta:
        """Return when to ask for the targets' health again: soon at first, seldom when it stays bad."""
        known = resource.status.condition(BACKENDS_HEALTHY)
        elapsed = self._clock.now() - known.last_transition_time if known is not None else timedelta()
        return min(max(elapsed / 2, _HEALTH_POLL), _SLOWEST_HEALTH_POLL)

    async def tear_down(self, resource: MutualTLSListener) -> Result | None:
        """Delete the listener, then its certificates."""
        if resource.spec.deletion_policy is DeletionPolicy.RETAIN:
            return None
        wanted = resource.spec.load_balancer
        balancer = await self._balancers.get(wanted.region, LoadBalancerId(wanted.id))
        if balancer is not None:
            listener = await self._observer.find(resource, balancer)
            if listener is not None:
                await self._balancers.delete_listener(balancer, listener.id)
        still_used = await delete_uploads(self._store, upload_owner(resource, self._cluster))
        return Result(status=resource.status, outcome=still_used) if still_used is not None else None
