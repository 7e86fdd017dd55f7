"""The LoadBalancers port over the CLB API: the changes, and what is read by way of `load_balancer_reads`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mtls_operator import errors
from mtls_operator.adapters.tencent import shapes
from mtls_operator.adapters.tencent.load_balancer_reads import LoadBalancerReads
from mtls_operator.adapters.tencent.quotas import CloudQuotas
from mtls_operator.core.cloud import ListenerId, LocationId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.adapters.tencent.writes import LoadBalancerWrites
    from mtls_operator.api.model import Json
    from mtls_operator.core.actions import NewRule, RoutedTarget
    from mtls_operator.core.cloud import (
        Endpoint,
        Listener,
        LoadBalancer,
        LoadBalancerId,
        MutualBinding,
        TargetHealth,
    )
    from mtls_operator.core.cloud_quota import Quotas

MOST_TARGETS: Final = 500
"""Targets of one batch call (API: BatchRegisterTargets)."""
_MOST_WEIGHTS: Final = 50
"""Targets of one entry of BatchModifyTargetWeight."""
_MOST_WEIGHT_ENTRIES: Final = 100
"""Entries of one call, which have at most MOST_TARGETS together."""

T = TypeVar("T")


def _chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


class CloudLoadBalancers:
    """Reads and changes load balancers."""

    def __init__(self, api: CloudApi, writes: LoadBalancerWrites) -> None:
        self._writes = writes
        self._reads = LoadBalancerReads(api)
        self._quotas = CloudQuotas(api)

    async def get(self, region: str, load_balancer: LoadBalancerId) -> LoadBalancer | None:
        """Return it, None when the cloud knows none of this id in this region."""
        return await self._reads.balancer(region, load_balancer)

    async def quotas(self, region: str) -> Quotas:
        """Return what the account may have in a region, as it was read within the last minutes."""
        return await self._quotas.get(region)

    async def listeners(self, balancer: LoadBalancer) -> Sequence[Listener]:
        """Return its listeners; targets are not filled in."""
        return await self._reads.listeners(balancer)

    async def with_targets(self, balancer: LoadBalancer, listener: Listener) -> Listener:
        """Return the listener with the targets of its rules."""
        return listener.with_targets(await self._reads.targets(balancer, listener.id))

    async def health(
        self, balancer: LoadBalancer, listener: ListenerId
    ) -> Mapping[tuple[LocationId, Endpoint], TargetHealth]:
        """Return the health of every target of a listener."""
        return await self._reads.health(balancer, listener)

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
        for call in _weight_calls(targets):
            body: Json = [_weight_entry(listener, entry) for entry in call]
            await self._writes.change(balancer, "BatchModifyTargetWeight", {"ModifyList": body})

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


def _weight_calls(targets: Sequence[RoutedTarget]) -> Iterator[list[Sequence[RoutedTarget]]]:
    """Yield the entries of each call, as few calls as the limits allow in the order of rules."""
    by_location: dict[LocationId, list[RoutedTarget]] = {}
    for target in targets:
        by_location.setdefault(target.location, []).append(target)
    call: list[Sequence[RoutedTarget]] = []
    for found in by_location.values():
        for entry in _chunks(found, _MOST_WEIGHTS):
            if len(call) == _MOST_WEIGHT_ENTRIES or sum(map(len, call)) + len(entry) > MOST_TARGETS:
                yield call
                call = []
            call.append(entry)
    if call:
        yield call


def _weight_entry(listener: ListenerId, targets: Sequence[RoutedTarget]) -> Json:
    return {
        "ListenerId": listener,
        "LocationId": targets[0].location,
        "Targets": [{**shapes.write_target(t.target.endpoint), "Weight": t.target.weight} for t in targets],
    }
