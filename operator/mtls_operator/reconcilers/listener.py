"""MutualTLSListener: a listener in the cloud that admits one authority's clients and nobody else.

    planning       with plan-only: what would be done, and nothing else
    permitted      may the namespace use the load balancer?
    server_certs   which certificates, and whom to admit?
    desires        what should be in the cloud?
    rounds         look, plan, perform a stage, look again
    server_secrets   which Secrets are left over?
    listener_report, drift_report   what the status says
    verification   what its doors are, tried beside the passes
    teardown       the way back

Every pass may be the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtls_operator.api.listener_policy import DriftPolicy
from mtls_operator.api.subject import DeletionPolicy
from mtls_operator.core.drift import require_closed
from mtls_operator.core.listener_plan import plan_closing
from mtls_operator.core.listener_status import remembered_admissions
from mtls_operator.errors import OperatorError, SpecError
from mtls_operator.reconcilers.drift_report import with_drift, without_listener
from mtls_operator.reconcilers.passes import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.listener_status import ListenerStatus
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import CertId, Listener, LoadBalancer
    from mtls_operator.ports import CertificateStore, Kube
    from mtls_operator.reconcilers.desires import Desires
    from mtls_operator.reconcilers.execute import Executor
    from mtls_operator.reconcilers.inventory import Inventory
    from mtls_operator.reconcilers.listener_report import ListenerReport
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.permitted import PermittedBalancers
    from mtls_operator.reconcilers.planning import Planning
    from mtls_operator.reconcilers.rounds import Rounds
    from mtls_operator.reconcilers.server_certs import ServerCertificates
    from mtls_operator.reconcilers.server_secrets import ServerSecrets
    from mtls_operator.reconcilers.teardown import Teardown
    from mtls_operator.reconcilers.verification import Verifies


class ListenerBehaviour:
    """Converges and tears down listeners."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: CertificateStore,
        inventory: Inventory,
        permitted: PermittedBalancers,
        certificates: ServerCertificates,
        desires: Desires,
        observer: Observer,
        executor: Executor,
        rounds: Rounds,
        secrets: ServerSecrets,
        planning: Planning,
        report: ListenerReport,
        verification: Verifies,
        teardown: Teardown,
    ) -> None:
        """Take the ports and the parts of a pass."""
        self._kube = kube
        self._store = store
        self._inventory = inventory
        self._permitted = permitted
        self._certificates = certificates
        self._desires = desires
        self._observer = observer
        self._executor = executor
        self._rounds = rounds
        self._secrets = secrets
        self._planning = planning
        self._report = report
        self._verification = verification
        self._teardown = teardown

    async def read(self, ref: ObjectRef) -> MutualTLSListener | None:
        """Return the object, None when there is none."""
        return await self._kube.get_listener(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Drop the clocks of draining targets, the claims on certificates, and what was said of it."""
        self._observer.forget(ref)
        self._inventory.forget(ref)
        self._rounds.forget(ref)
        self._planning.forget(ref)
        self._verification.forget(ref)

    async def converge(self, resource: MutualTLSListener) -> Result:
        """Make the cloud's listener what the manifest says, or say what that would take."""
        metadata = resource.metadata
        if metadata.wanted_sync != (resource.status.last_handled_sync or ""):
            self._store.expire_reads()
        try:
            making = self._planning.result if metadata.is_plan_only else self._make
            result = await making(resource)
        except OperatorError as error:
            status = _after_failure(resource, self._observer.seen(resource.ref))
            result = Result(status=status, outcome=error, cut_short=True)
        finally:
            # By now it has claimed the certificates that it wants, or cannot want any yet.
            self._inventory.saw(resource.ref)
        handled = {"last_handled_sync": metadata.wanted_sync or None}
        return replace(result, status=result.status.model_copy(update=handled))

    async def _make(self, resource: MutualTLSListener) -> Result:
        balancer = await self._permitted.reach(resource)
        try:
            self._permitted.require(resource, balancer)
        except SpecError:
            # Whom it admits is not changed any more either, whatever the manifest says by now.
            await self._close_doors(resource, balancer, remembered_admissions(resource))
            raise
        if not resource.metadata.has_finalizer:
            await self._kube.add_finalizer(resource)
        try:
            bindings = await self._certificates.ensure(resource, await self._store.inventory())
            secrets = {fingerprint: m.secret for fingerprint, m in bindings.material.items()}
            desired = await self._desires.listener(resource, balancer, bindings, secrets)
        except OperatorError:
            await self._close_doors(resource, balancer, await self._certificates.admissions(resource))
            raise
        try:
            arrival = await self._rounds.converge(resource, balancer, desired, bindings)
        except SpecError:
            await self._close_doors(resource, balancer, await self._certificates.admissions(resource))
            raise
        if arrival.listener is None:
            return without_listener(resource, arrival)
        if not arrival.judged.held_back(resource.spec.drift_policy).actions:
            await self._secrets.prune(resource)
        result = await self._report.result(resource, balancer, desired, bindings, arrival.listener)
        return with_drift(result, resource, arrival)

    async def _close_doors(
        self, resource: MutualTLSListener, balancer: LoadBalancer, admitted: Mapping[str, CertId]
    ) -> None:
        """Close what stands open even though nothing else can, or may, be done: a door waits for nobody.

        Raises:
            SpecError: one stands open, and driftPolicy Report leaves it so.
        """
        listener = await self._observer.find(resource, balancer)
        if listener is None:
            return
        if resource.spec.drift_policy is DriftPolicy.REPORT:
            require_closed(listener)
            return
        for action in plan_closing(admitted, listener):
            await self._executor.close(action, balancer)

    async def tear_down(self, resource: MutualTLSListener) -> Result | None:
        """Undo what the object did in the cloud, unless it is to stay there; its doors are tried no more."""
        self._verification.forget(resource.ref)
        if resource.spec.deletion_policy is DeletionPolicy.RETAIN:
            return None
        if resource.metadata.is_plan_only:
            return await self._planning.deletion(resource)
        hindrance = await self._teardown.remove(resource)
        return Result(status=resource.status, outcome=hindrance) if hindrance is not None else None


def _after_failure(resource: MutualTLSListener, seen: Listener | None) -> ListenerStatus:
    """Return the status of a pass that did not get to its end.

    A plan that nothing is held back from is over. By its id the listener is known again when somebody
    renames it, however long the rest cannot be done.
    """
    keeps = resource.metadata.is_plan_only or resource.spec.drift_policy is DriftPolicy.REPORT
    plan = {} if keeps else {"plan": ()}
    identity = {} if seen is None else {"listener_id": seen.id, "create_time": seen.create_time}
    return resource.status.model_copy(update={**plan, **identity})
