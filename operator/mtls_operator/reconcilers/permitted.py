"""The load balancer of a listener, when the operator serves its region and the namespace may use it.

Asked in every pass, so that a grant that is taken back takes effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.cloud import LoadBalancerId
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.balancer_access import BalancerAccess
    from mtls_operator.core.cloud import LoadBalancer
    from mtls_operator.ports import LoadBalancers


class PermittedBalancers:
    """Finds load balancers and refuses those that a namespace may not use."""

    def __init__(self, balancers: LoadBalancers, access: BalancerAccess, regions: Collection[str]) -> None:
        self._balancers = balancers
        self._access = access
        self._regions = regions

    async def find(self, resource: MutualTLSListener) -> LoadBalancer | None:
        """Return the load balancer, whoever may use it; None when there is none."""
        wanted = resource.spec.load_balancer
        return await self._balancers.get(wanted.region, LoadBalancerId(wanted.id))

    async def reach(self, resource: MutualTLSListener) -> LoadBalancer:
        """Return the load balancer that the manifest names, whoever may use it.

        Raises:
            SpecError: there is none, or its region is not served.
        """
        wanted = resource.spec.load_balancer
        if wanted.region not in self._regions:
            raise SpecError(
                Reason.REGION_NOT_SERVED,
                f"the operator serves {', '.join(self._regions)}, not {wanted.region}. "
                "Add the region to cloud.regions in its configuration.",
            )
        balancer = await self.find(resource)
        if balancer is None:
            raise SpecError(
                Reason.LOAD_BALANCER_NOT_FOUND,
                f"the cloud knows no load balancer {wanted.id} in region {wanted.region}. "
                "Correct spec.loadBalancer (make a new object: it is immutable), or the operator's account.",
            )
        return balancer

    def require(self, resource: MutualTLSListener, balancer: LoadBalancer) -> None:
        """Refuse a load balancer that the object's namespace may not use, or not any more.

        Raises:
            SpecError: with reason LoadBalancerNotAllowed, saying what to set and what becomes of a listener.
        """
        try:
            self._access.require(balancer, resource.metadata.namespace)
        except SpecError as refusal:
            made = resource.status.listener_id
            if made is None:
                raise
            raise SpecError(
                refusal.reason,
                f"{refusal.message} Until then listener {made} stays as it is: it is changed only to close "
                "an open door, and deleted with this object.",
            ) from None
