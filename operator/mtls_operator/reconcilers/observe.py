"""Look at the cloud for one listener, and decide which of the load balancer's listeners is ours.

Also keeps the clocks of targets that are being drained. They live in memory: after a restart a
target drains a little longer, never shorter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtls_operator.core.adoption import is_claimed_by_another, on_port
from mtls_operator.core.build import listener_name
from mtls_operator.core.desired import ObservedListener
from mtls_operator.core.reasons import Reason
from mtls_operator.core.target_plan import surplus
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import CertId, Listener, LoadBalancer, Target
    from mtls_operator.core.desired import DesiredListener
    from mtls_operator.core.target_plan import Place
    from mtls_operator.ports import Clock, LoadBalancers, View
    from mtls_operator.reconcilers.adoption import Adoption
    from mtls_operator.reconcilers.inventory import Inventory
    from mtls_operator.reconcilers.server_certs import Bindings


class Observer:
    """Looks at the cloud."""

    def __init__(
        self,
        balancers: LoadBalancers,
        inventory: Inventory,
        view: View,
        adoption: Adoption,
        clock: Clock,
        *,
        cluster: str,
    ) -> None:
        """Take the ports and the uploads, and the cluster's id, which marks what is ours."""
        self._balancers = balancers
        self._inventory = inventory
        self._view = view
        self._adoption = adoption
        self._clock = clock
        self._cluster = cluster
        self._draining: dict[ObjectRef, dict[Place, datetime]] = {}
        self._seen: dict[ObjectRef, Listener] = {}

    async def find(self, resource: MutualTLSListener, balancer: LoadBalancer) -> Listener | None:
        """Return our listener, None when there is none."""
        return self._ours(resource, await self._balancers.listeners(balancer))

    def seen(self, ref: ObjectRef) -> Listener | None:
        """Return the object's listener as the last look showed it, None when it showed none."""
        return self._seen.get(ref)

    def _ours(self, resource: MutualTLSListener, listeners: Sequence[Listener]) -> Listener | None:
        found = self._find_ours(resource, listeners)
        if found is None:
            self._seen.pop(resource.ref, None)
        else:
            self._seen[resource.ref] = found
        return found

    def _find_ours(self, resource: MutualTLSListener, listeners: Sequence[Listener]) -> Listener | None:
        """Ours is what carries our name; or, renamed by somebody, what has the id and age in status.

        Not so when the name is that of another object that wants the port: then it was adopted there.
        """
        name, status = listener_name(self._cluster, resource), resource.status
        others = self._view.listeners()
        for listener in listeners:
            if listener.name == name:
                return listener
        for listener in listeners:
            renamed = listener.id == status.listener_id and listener.create_time == status.create_time
            claimed = is_claimed_by_another(resource, listener, cluster=self._cluster, others=others)
            if renamed and listener.port == resource.spec.port and not claimed:
                return listener
        return None

    async def observe(
        self,
        resource: MutualTLSListener,
        balancer: LoadBalancer,
        desired: DesiredListener,
        bindings: Bindings,
    ) -> ObservedListener:
        """Return what the cloud has for the object: its listener, or one that is to become its own.

        Raises:
            OwnershipError: somebody else's listener has the port and is not adopted.
            SpecError: SNI was switched on behind our back, which cannot be undone.
        """
        listeners = await self._balancers.listeners(balancer)
        listener = self._ours(resource, listeners)
        other = on_port(resource, listeners) if listener is None else None
        if other is not None:
            self._adoption.consider(resource, other)
            listener = other
        if listener is not None:
            _require_same_sni(resource, listener)
            listener = await self._balancers.with_targets(balancer, listener)
        holdings = await self._inventory.look(resource, listener, desired.uploads())
        observed = ObservedListener(
            listener=listener,
            uploads=holdings.uploads,
            unused=holdings.unused,
            neighbours=len(listeners),
            quotas=await self._balancers.quotas(balancer.region),
            adopting=other is not None,
            copies=await self._copies(resource, listener, bindings),
            former_domains=frozenset(domain.domain for domain in resource.status.domains),
        )
        if observed.adopting:
            await self._adoption.require_identical(resource, desired, observed, bindings)
        leaving = surplus(desired, observed)
        serving = await self._serving(balancer, listener) if leaving and listener else frozenset()
        return replace(observed, draining_since=self._clocks(resource.ref, leaving), serving=serving)

    async def _copies(
        self, resource: MutualTLSListener, listener: Listener | None, bindings: Bindings
    ) -> Mapping[CertId, CertId]:
        """Return which bound authorities are copies of ours; asked until the status knows the listener."""
        if listener is None or listener.id == resource.status.listener_id:
            return {}
        return await self._adoption.authorities(resource, listener, bindings)

    async def _serving(self, balancer: LoadBalancer, listener: Listener) -> frozenset[Place]:
        """Return the targets that get traffic."""
        health = await self._balancers.health(balancer, listener.id)
        return frozenset(place for place, verdict in health.items() if verdict.serves)

    def _clocks(self, ref: ObjectRef, leaving: Mapping[Place, Target]) -> Mapping[Place, datetime]:
        """Start the clock of each target that has come to weight 0, and drop those that are gone."""
        known, now = self._draining.get(ref, {}), self._clock.now()
        clocks = {place: known.get(place, now) for place, target in leaving.items() if not target.weight}
        self._draining[ref] = clocks
        return clocks

    def draining_since(self, ref: ObjectRef) -> Collection[datetime]:
        """Return since when each target of the object that is being drained has had weight 0."""
        return self._draining.get(ref, {}).values()

    async def observe_leaving(self, resource: MutualTLSListener, balancer: LoadBalancer) -> ObservedListener:
        """Return our listener with its targets, all of which should go.

        Raises:
            CloudNotFound: the load balancer or the listener has gone meanwhile.
        """
        listener = await self.find(resource, balancer)
        if listener is None:
            return ObservedListener(listener=None, uploads={})
        listener = await self._balancers.with_targets(balancer, listener)
        leaving = {(rule.id, target.endpoint): target for rule in listener.rules for target in rule.targets}
        return ObservedListener(
            listener=listener, uploads={}, draining_since=self._clocks(resource.ref, leaving)
        )

    def forget(self, ref: ObjectRef) -> None:
        """Drop the clocks of an object that is gone."""
        self._draining.pop(ref, None)
        self._seen.pop(ref, None)


def _require_same_sni(resource: MutualTLSListener, listener: Listener) -> None:
    if listener.sni != resource.spec.sni:
        raise SpecError(
            Reason.SNI_DIFFERS,
            f"SNI of listener {listener.id} is {'on' if listener.sni else 'off'} and the manifest says "
            f"{'on' if resource.spec.sni else 'off'}; the cloud cannot switch it back. "
            "Delete the listener in the console: it will be made again.",
        )
