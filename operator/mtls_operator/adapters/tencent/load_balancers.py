"""The LoadBalancers port over the CLB API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mtls_operator import errors
from mtls_operator.adapters.tencent import shapes
from mtls_operator.core.cloud import Endpoint, ListenerId, LocationId, TargetHealth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.adapters.tencent.writes import LoadBalancerWrites
    from mtls_operator.api.model import Json
    from mtls_operator.core.actions import NewRule, RoutedTarget
    from mtls_operator.core.cloud import Listener, LoadBalancer, LoadBalancerId, MutualBinding

MOST_TARGETS: Final = 500
"""Targets of one batch call (API: BatchRegisterTargets)."""
_MOST_WEIGHTS: Final = 50
"""Targets of one entry of BatchModifyTargetWeight; at most 100 entries and 500 targets a call."""

T = TypeVar("T")


def _chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


class CloudLoadBalancers:
    """Reads and changes load balancers."""

    def __init__(self, api: CloudApi, writes: LoadBalancerWrites) -> None:
        self._api = api
        self._writes = writes

    async def get(self, region: str, load_balancer: LoadBalancerId) -> LoadBalancer | None:
        """Return it, None when the cloud knows none of this id in this region."""
        body: Json = {"LoadBalancerIds": [load_balancer]}
        reply = await self._api.read("clb", region, "DescribeLoadBalancers", body)
        found = shapes.items(reply, "LoadBalancerSet")
        return shapes.read_load_balancer(found[0], region) if found else None

    async def listeners(self, balancer: LoadBalancer) -> Sequence[Listener]:
        """Return its listeners; targets are not filled in."""
        body: Json = {"LoadBalancerId": balancer.id}
        reply = await self._api.read("clb", balancer.region, "DescribeListeners", body)
        return tuple(shapes.read_listener(listener) for listener in shapes.items(reply, "Listeners"))

    async def with_targets(self, balancer: LoadBalancer, listener: Listener) -> Listener:
        """Return the listener with the targets of its rules."""
        body: Json = {"LoadBalancerId": balancer.id, "ListenerIds": [listener.id]}
        reply = await self._api.read("clb", balancer.region, "DescribeTargets", body)
        found = {
            shapes.text(rule, "LocationId"): shapes.read_targets(rule)
            for described in shapes.items(reply, "Listeners")
            for rule in shapes.items(described, "Rules")
        }
        return listener.with_targets(found)

    async def health(
        self, balancer: LoadBalancer, listener: ListenerId
    ) -> Mapping[tuple[LocationId, Endpoint], TargetHealth]:
        """Return the health of every target of a listener."""
        body: Json = {"LoadBalancerIds": [balancer.id], "ListenerIds": [listener]}
        reply = await self._api.read("clb", balancer.region, "DescribeTargetHealth", body)
        return {
            (LocationId(shapes.text(rule, "LocationId")), endpoint): health
            for found in shapes.items(reply, "LoadBalancers")
            for described in shapes.items(found, "Listeners")
            for rule in shapes.items(described, "Rules")
            for target in shapes.items(rule, "Targets")
            for endpoint, health in _health_of(target)
        }

    async def create_listener(
        self, balancer: LoadBalancer, *, name: str, port: int, sni: bool, binding: MutualBinding | None
    ) -> ListenerId:
        """Create an HTTPS listener."""
        body: dict[str, Json] = {
            "Ports": [port],
            "Protocol": "HTTPS",
            "ListenerNames": [name],
            "SniSwitch": int(sni),
        }
        if binding is not None:
            body |= shapes.write_binding(binding)
        reply = await self._writes.change(balancer, "CreateListener", body)
        ids = shapes.texts(reply, "ListenerIds")
        if not ids:
            raise errors.ReplyLost("CreateListener", "EmptyReply", "the answer has no ListenerIds")
        return ListenerId(ids[0])

    async def rename_listener(self, balancer: LoadBalancer, listener: ListenerId, name: str) -> None:
        """Change a listener's name."""
        await self._change(balancer, listener, "ModifyListener", {"ListenerName": name})

    async def bind_listener(
        self, balancer: LoadBalancer, listener: ListenerId, binding: MutualBinding
    ) -> None:
        """Replace a listener's certificates as a whole."""
        await self._change(balancer, listener, "ModifyListener", shapes.write_binding(binding))

    async def delete_listener(self, balancer: LoadBalancer, listener: ListenerId) -> None:
        """Delete a listener with everything below it; one that is gone already is fine."""
        try:
            await self._change(balancer, listener, "DeleteListener", {})
        except errors.CloudNotFound:
            return

    async def create_rules(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        rules: Sequence[tuple[NewRule, MutualBinding | None]],
    ) -> None:
        """Create rules, with their domains' certificates where SNI is on."""
        await self._change(balancer, listener, "CreateRule", {"Rules": shapes.write_rules(rules)})

    async def change_rule(
        self, balancer: LoadBalancer, listener: ListenerId, location: LocationId, rule: NewRule
    ) -> None:
        """Give a rule another scheduler, backend protocol, session time and health check."""
        body: dict[str, Json] = {
            "LocationId": location,
            "Scheduler": rule.scheduler,
            "ForwardType": rule.backend_protocol,
            "SessionExpireTime": rule.session_seconds,
            "HealthCheck": shapes.write_health_check(rule.health_check),
        }
        await self._change(balancer, listener, "ModifyRule", body)

    async def change_domain(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        domain: str,
        *,
        binding: MutualBinding | None = None,
        http2: bool | None = None,
        make_default: bool = False,
        name: str | None = None,
    ) -> None:
        """Change what a domain's rules share, its name included; None leaves a member as it is."""
        body: dict[str, Json] = {"Domain": domain}
        if name is not None:
            body["NewDomain"] = name
        if binding is not None:
            body |= shapes.write_binding(binding)
        if http2 is not None:
            body["Http2"] = http2
        if make_default:
            body["DefaultServer"] = True
        await self._change(balancer, listener, "ModifyDomainAttributes", body)

    async def delete_rules(
        self, balancer: LoadBalancer, listener: ListenerId, locations: Sequence[LocationId]
    ) -> None:
        """Delete rules."""
        await self._change(balancer, listener, "DeleteRule", {"LocationIds": list(locations)})

    async def register(
        self, balancer: LoadBalancer, listener: ListenerId, targets: Sequence[RoutedTarget]
    ) -> None:
        """Bind targets, in batches of 500."""
        for chunk in _chunks(targets, MOST_TARGETS):
            entries: Json = [_batch_entry(listener, target) for target in chunk]
            await self._batch(balancer, "BatchRegisterTargets", entries)

    async def set_weights(
        self, balancer: LoadBalancer, listener: ListenerId, targets: Sequence[RoutedTarget]
    ) -> None:
        """Change targets' weights."""
        by_location: dict[LocationId, list[RoutedTarget]] = {}
        for target in targets:
            by_location.setdefault(target.location, []).append(target)
        entries = [
            _weight_entry(listener, location, chunk)
            for location, found in by_location.items()
            for chunk in _chunks(found, _MOST_WEIGHTS)
        ]
        for chunk in _chunks(entries, MOST_TARGETS // _MOST_WEIGHTS):
            await self._writes.change(balancer, "BatchModifyTargetWeight", {"ModifyList": list(chunk)})

    async def deregister(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        targets: Sequence[tuple[LocationId, Endpoint]],
    ) -> None:
        """Unbind targets, in batches of 500; one that is gone by now is not there at the next look."""
        for chunk in _chunks(targets, MOST_TARGETS):
            entries: Json = [
                {"ListenerId": listener, "LocationId": location, **shapes.write_target(endpoint)}
                for location, endpoint in chunk
            ]
            await self._batch(balancer, "BatchDeregisterTargets", entries)

    async def _change(
        self, balancer: LoadBalancer, listener: ListenerId, action: str, body: Mapping[str, Json]
    ) -> None:
        await self._writes.change(balancer, action, {"ListenerId": listener, **body})

    async def _batch(self, balancer: LoadBalancer, action: str, entries: Json) -> None:
        """Send a batch; a part of it may fail without an error, in a list of listeners."""
        reply = await self._writes.change_at_once(balancer, action, {"Targets": entries})
        failed = shapes.texts(reply, "FailListenerIdSet")
        if failed:
            message = shapes.text(reply, "Message") or "no reason given"
            raise errors.TaskFailed(
                action,
                "FailListenerIdSet",
                f"{', '.join(failed)}: {message}",
                shapes.text(reply, "RequestId"),
            )


def _batch_entry(listener: ListenerId, target: RoutedTarget) -> Json:
    where = shapes.write_target(target.target.endpoint)
    return {
        "ListenerId": listener,
        "LocationId": target.location,
        "Weight": target.target.weight,
        **where,
    }


def _weight_entry(listener: ListenerId, location: LocationId, targets: Sequence[RoutedTarget]) -> Json:
    return {
        "ListenerId": listener,
        "LocationId": location,
        "Targets": [{**shapes.write_target(t.target.endpoint), "Weight": t.target.weight} for t in targets],
    }


def _health_of(body: Mapping[str, object]) -> Iterator[tuple[Endpoint, TargetHealth]]:
    """Yield a target's health under both names that it may have been bound by."""
    instance, address, port, health = shapes.read_health(body)
    if instance:
        yield Endpoint(instance_id=instance, port=port), health
    if address:
        yield Endpoint(address=address, port=port), health
