"""The listener that a manifest asks for, with what only the cluster and the account know filled in.

The same for a pass that does it and for one that only plans. Called by both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.build import build_listener, listener_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.cloud import Fingerprint, LoadBalancer
    from mtls_operator.core.desired import DesiredListener
    from mtls_operator.ports import Clock, LoadBalancers, View
    from mtls_operator.reconcilers.server_certs import Bindings


class Desires:
    """Builds desired listeners."""

    def __init__(self, view: View, balancers: LoadBalancers, clock: Clock, *, cluster: str) -> None:
        self._view = view
        self._balancers = balancers
        self._clock = clock
        self._cluster = cluster

    async def listener(
        self,
        resource: MutualTLSListener,
        balancer: LoadBalancer,
        bindings: Bindings,
        secrets: Mapping[Fingerprint, str],
    ) -> DesiredListener:
        """Return what the manifest asks for.

        Args:
            resource: the manifest.
            balancer: where the listener is to be; its region's quotas count.
            bindings: which certificates are shown, and whom to admit.
            secrets: the Secret behind each server certificate, for the plan's sentences.

        Raises:
            CloudError: the quotas could not be asked for.
            SpecError: a route names one node port twice.
        """
        quotas = await self._balancers.quotas(balancer.region)
        return build_listener(
            resource,
            name=listener_name(self._cluster, resource),
            bindings=bindings.by_domain,
            secrets=secrets,
            nodes=self._view.nodes(),
            services=self._view.services(resource.metadata.namespace),
            now=self._clock.now(),
            most_targets=quotas.targets,
        )
