"""What is read of load balancers, each question asked once for all passes that ask it at the same time.

How many things one call takes is the API's: 20 load balancers, 20 listeners for their targets, 30 load
balancers for their health. Used by `adapters.tencent.load_balancers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from mtls_operator.adapters.tencent import shapes
from mtls_operator.adapters.tencent.batched_reads import BatchedReads
from mtls_operator.core.cloud import (
    Endpoint,
    ListenerId,
    LoadBalancer,
    LoadBalancerId,
    LocationId,
    Target,
    TargetHealth,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.api.model import Json
    from mtls_operator.core.cloud import Listener

MOST_LOAD_BALANCERS: Final = 20
"""Of one DescribeLoadBalancers."""
MOST_LISTENERS: Final = 20
"""Of one DescribeTargets."""
MOST_HEALTH: Final = 30
"""Load balancers of one DescribeTargetHealth; asked for by listener, so never more of them than this."""

_Where: TypeAlias = tuple[str, LoadBalancerId]
"""A region and a load balancer in it."""
_Targets: TypeAlias = Mapping[str, tuple[Target, ...]]
_Health: TypeAlias = Mapping[tuple[LocationId, Endpoint], TargetHealth]


class LoadBalancerReads:
    """Reads load balancers."""

    def __init__(self, api: CloudApi) -> None:
        self._api = api
        self._balancers = BatchedReads(self._read_balancers, MOST_LOAD_BALANCERS)
        self._listeners = BatchedReads(self._read_listeners, 1)
        self._targets = BatchedReads(self._read_targets, MOST_LISTENERS)
        self._health = BatchedReads(self._read_health, MOST_HEALTH)

    async def balancer(self, region: str, load_balancer: LoadBalancerId) -> LoadBalancer | None:
        """Return a load balancer, None when the cloud knows none of this id in this region."""
        return await self._balancers.get(region, load_balancer)

    async def listeners(self, balancer: LoadBalancer) -> Sequence[Listener]:
        """Return its listeners; targets are not filled in."""
        return await self._listeners.get(_where(balancer), balancer.id) or ()

    async def targets(self, balancer: LoadBalancer, listener: ListenerId) -> _Targets:
        """Return the targets of a listener's rules by location."""
        return await self._targets.get(_where(balancer), listener) or {}

    async def health(self, balancer: LoadBalancer, listener: ListenerId) -> _Health:
        """Return the health of every target of a listener."""
        return await self._health.get(balancer.region, (balancer.id, listener)) or {}

    async def _read_balancers(
        self, region: str, wanted: Sequence[LoadBalancerId]
    ) -> Mapping[LoadBalancerId, LoadBalancer]:
        body: Json = {"LoadBalancerIds": list(wanted), "Limit": len(wanted)}
        reply = await self._api.read("clb", region, "DescribeLoadBalancers", body)
        found = [shapes.read_load_balancer(one, region) for one in shapes.items(reply, "LoadBalancerSet")]
        return {balancer.id: balancer for balancer in found}

    async def _read_listeners(
        self, where: _Where, wanted: Sequence[LoadBalancerId]
    ) -> Mapping[LoadBalancerId, Sequence[Listener]]:
        region, balancer = where
        body: Json = {"LoadBalancerId": balancer}
        reply = await self._api.read("clb", region, "DescribeListeners", body)
        listed = tuple(shapes.read_listener(one) for one in shapes.items(reply, "Listeners"))
        return dict.fromkeys(wanted, listed)

    async def _read_targets(
        self, where: _Where, wanted: Sequence[ListenerId]
    ) -> Mapping[ListenerId, _Targets]:
        region, balancer = where
        body: Json = {"LoadBalancerId": balancer, "ListenerIds": list(wanted)}
        reply = await self._api.read("clb", region, "DescribeTargets", body)
        return {_id_of(one): _targets_of(one) for one in shapes.items(reply, "Listeners")}

    async def _read_health(
        self, region: str, wanted: Sequence[tuple[LoadBalancerId, ListenerId]]
    ) -> Mapping[tuple[LoadBalancerId, ListenerId], _Health]:
        body: Json = {
            "LoadBalancerIds": list(dict.fromkeys(balancer for balancer, _ in wanted)),
            "ListenerIds": [listener for _, listener in wanted],
        }
        reply = await self._api.read("clb", region, "DescribeTargetHealth", body)
        return {
            (LoadBalancerId(shapes.text(found, "LoadBalancerId")), _id_of(one)): _healths_of(one)
            for found in shapes.items(reply, "LoadBalancers")
            for one in shapes.items(found, "Listeners")
        }


def _where(balancer: LoadBalancer) -> _Where:
    return balancer.region, balancer.id


def _id_of(listener: Mapping[str, object]) -> ListenerId:
    return ListenerId(shapes.text(listener, "ListenerId"))


def _targets_of(listener: Mapping[str, object]) -> _Targets:
    return {
        shapes.text(rule, "LocationId"): shapes.read_targets(rule) for rule in shapes.items(listener, "Rules")
    }


def _healths_of(listener: Mapping[str, object]) -> _Health:
    return {
        (LocationId(shapes.text(rule, "LocationId")), endpoint): health
        for rule in shapes.items(listener, "Rules")
        for target in shapes.items(rule, "Targets")
        for endpoint, health in _health_of(target)
    }


def _health_of(body: Mapping[str, object]) -> Iterator[tuple[Endpoint, TargetHealth]]:
    """Yield a target's health under both names that it may have been bound by."""
    instance, address, port, health = shapes.read_health(body)
    if instance:
        yield Endpoint(instance_id=instance, port=port), health
    if address:
        yield Endpoint(address=address, port=port), health
