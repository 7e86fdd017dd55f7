"""21. Unbinding an absent target is InvalidParameter; a terminated instance's targets vanish on their own.

Source: seen (clients treat the code as success) and inferred (unbinding after termination).
"""

from collections.abc import Awaitable, Callable
from typing import Any

from eventually import eventually_async
from simulator.cloud import Cloud, refused

Start = Callable[..., Awaitable[Cloud]]


async def place(cloud: Cloud) -> dict[str, str]:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    return {"LoadBalancerId": lb, "ListenerId": listener, "LocationId": rule}


async def bound(cloud: Cloud, where: dict[str, str]) -> list[Any]:
    reply = await cloud.clb("DescribeTargets", LoadBalancerId=where["LoadBalancerId"])
    return list(reply.Listeners[0].Rules[0].Targets)


async def test_absent_target_refuses_the_call_and_unbinds_nothing(cloud: Cloud) -> None:
    where = await place(cloud)
    target = {"InstanceId": await cloud.instance(), "Port": 1}
    await cloud.change("RegisterTargets", **where, Targets=[target])
    with refused("InvalidParameter"):
        await cloud.clb("DeregisterTargets", **where, Targets=[target, {**target, "Port": 2}])
    assert len(await bound(cloud, where)) == 1
    await cloud.change("DeregisterTargets", **where, Targets=[{**target, "Weight": 99}])
    assert await bound(cloud, where) == []


async def test_targets_of_a_terminated_instance_vanish_later(cloud: Cloud) -> None:
    where = await place(cloud)
    instance = await cloud.instance()
    await cloud.change("RegisterTargets", **where, Targets=[{"InstanceId": instance, "Port": 1}])
    await cloud.admin("PATCH", "/settings", task_seconds=5)
    await cloud.admin("DELETE", f"/instances/{instance}")
    assert len(await bound(cloud, where)) == 1
    cloud.clock.advance(6)
    await eventually_async(lambda: bound(cloud, where), until=lambda left: left == [])
