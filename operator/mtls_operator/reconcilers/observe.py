"""Look at the cloud for one listener, and decide which of the load balancer's listeners is ours.

Also keeps the clocks of targets that are being drained. They live in memory: after a restart a
target drains a little longer, never shorter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtls_operator.core.build import listener_name
from mtls_operator.core.cloud import CertificateKind, family
from mtls_operator.core.desired import ObservedListener
from mtls_operator.core.reasons import Reason
from mtls_operator.core.target_plan import surplus
from mtls_operator.errors import OwnershipError, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import CertId, CloudCertificate, Listener, LoadBalancer, Target
    from mtls_operator.core.desired import DesiredListener
    from mtls_operator.core.target_plan import Place
    from mtls_operator.ports import CertificateStore, Clock, LoadBalancers


class Observer:
    """Looks at the cloud."""

    def __init__(
        self, balancers: LoadBalancers, store: CertificateStore, clock: Clock, *, cluster: str
    ) -> None:
        """Take the ports and the cluster's id, which marks what is ours."""
        self._balancers = balancers
        self._store = store
        self._clock = clock
        self._cluster = cluster
        self._draining: dict[ObjectRef, dict[Place, datetime]] = {}

    async def find(self, resource: MutualTLSListener, balancer: LoadBalancer) -> Listener | None:
        """Return our listener, None when there is none."""
        return self._ours(resource, await self._balancers.listeners(balancer))

    def _ours(self, resource: MutualTLSListener, listeners: Sequence[Listener]) -> Listener | None:
        """Ours is what carries our name; or, renamed by somebody, what has the id and age in status."""
        name, status = listener_name(self._cluster, resource), resource.status
        for listener in listeners:
            if listener.name == name:
                return listener
        for listener in listeners:
            renamed = listener.id == status.listener_id and listener.create_time == status.create_time
            if renamed and listener.port == resource.spec.port:
                return listener
        return None

    async def observe(
        self, resource: MutualTLSListener, balancer: LoadBalancer, desired: DesiredListener
    ) -> ObservedListener:
        """Return what the cloud has for the object.

        Raises:
            OwnershipError: somebody else's listener has the port.
            SpecError: SNI was switched on behind our back, which cannot be undone.
        """
        listeners = await self._balancers.listeners(balancer)
        listener = self._ours(resource, listeners)
        if listener is None:
            _require_free_port(resource, listeners)
        else:
            _require_same_sni(resource, listener)
            listener = await self._balancers.with_targets(balancer, listener)
        own = [upload for upload in await self._store.inventory() if _is_for(upload, resource)]
        observed = ObservedListener(
            listener=listener,
            uploads={upload.fingerprint: upload.id for upload in own},
            unused=await self._unused(listener, desired, own),
        )
        leaving = surplus(desired, observed)
        serving = await self._serving(balancer, listener) if leaving and listener else frozenset()
        return replace(observed, draining_since=self._clocks(resource.ref, leaving), serving=serving)

    async def _serving(self, balancer: LoadBalancer, listener: Listener) -> frozenset[Place]:
        """Return the targets that get traffic."""
        health = await self._balancers.health(balancer, listener.id)
        return frozenset(place for place, verdict in health.items() if verdict.serves)

    async def _unused(
        self,
        listener: Listener | None,
        desired: DesiredListener,
        own: Sequence[CloudCertificate],
    ) -> tuple[CertId, ...]:
        """Return the uploads of earlier certificates that no load balancer uses any more."""
        wanted = {fingerprint for tls in desired.bindings() for fingerprint in tls.server}
        bound = _bound(listener)
        earlier = [u.id for u in own if u.fingerprint not in wanted and u.id not in bound]
        return tuple([certificate for certificate in earlier if not await self._store.users(certificate)])

    def _clocks(self, ref: ObjectRef, leaving: Mapping[Place, Target]) -> Mapping[Place, datetime]:
        """Start the clock of each target that has come to weight 0, and drop those that are gone."""
        known, now = self._draining.get(ref, {}), self._clock.now()
        clocks = {place: known.get(place, now) for place, target in leaving.items() if not target.weight}
        self._draining[ref] = clocks
        return clocks

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

    def is_draining(self, ref: ObjectRef) -> bool:
        """Tell whether a target of the object is being drained."""
        return bool(self._draining.get(ref))

    def forget(self, ref: ObjectRef) -> None:
        """Drop the clocks of an object that is gone."""
        self._draining.pop(ref, None)


def _is_for(upload: CloudCertificate, resource: MutualTLSListener) -> bool:
    """Tell whether a server certificate was uploaded for this very listener.

    Another listener that shows the same certificate has an upload of its own: so each may go with its
    listener, and none is deleted while somebody else counts on it.
    """
    return upload.kind is CertificateKind.SERVER and upload.owner.uid == resource.metadata.uid


def _bound(listener: Listener | None) -> set[CertId]:
    if listener is None:
        return set()
    bindings = [listener.tls, *(rule.tls for rule in listener.rules)]
    return {certificate for tls in bindings if tls is not None for certificate in tls.server}


def _require_free_port(resource: MutualTLSListener, listeners: Sequence[Listener]) -> None:
    port = resource.spec.port
    for listener in listeners:
        if listener.port == port and family(listener.protocol) is family("HTTPS"):
            raise OwnershipError(
                Reason.PORT_TAKEN,
                f"port {port} of load balancer {resource.spec.load_balancer.id} has the {listener.protocol} "
                f"listener {listener.id} ({listener.name or 'unnamed'}), which is not ours. It is left "
                "alone: delete it, or make the object with another port.",
            )


def _require_same_sni(resource: MutualTLSListener, listener: Listener) -> None:
    if listener.sni != resource.spec.sni:
        raise SpecError(
            Reason.SNI_DIFFERS,
            f"SNI of listener {listener.id} is {'on' if listener.sni else 'off'} and the manifest says "
            f"{'on' if resource.spec.sni else 'off'}; the cloud cannot switch it back. "
            "Delete the listener in the console: it will be made again.",
        )
