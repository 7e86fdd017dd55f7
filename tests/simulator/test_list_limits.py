"""12. Lists have the documented lengths, and one more is refused.

Source: documented; the wording for Ports was seen.
"""

from typing import Any

import pytest
from simulator.cloud import Cloud, refused

LENGTH = "InvalidParameterValue.Length"


async def http_rule(cloud: Cloud) -> tuple[str, dict[str, str]]:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    return lb, {"ListenerId": listener, "LocationId": rule}


def targets(count: int, **extra: Any) -> list[dict[str, Any]]:
    return [{"EniIp": "127.0.0.11", "Port": 1000 + index, **extra} for index in range(count)]


async def test_49_ports_per_call(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    with refused(LENGTH) as refusal:
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=list(range(1, 51)), Protocol="HTTP")
    assert "length of .Ports should be less than 50" in refusal.message
    await cloud.change("CreateListener", LoadBalancerId=lb, Ports=list(range(1, 50)), Protocol="HTTP")


async def test_20_targets_per_register_and_deregister(cloud: Cloud) -> None:
    lb, where = await http_rule(cloud)
    for action in ("RegisterTargets", "DeregisterTargets"):
        with refused(LENGTH):
            await cloud.clb(action, LoadBalancerId=lb, **where, Targets=targets(21))
        await cloud.change(action, LoadBalancerId=lb, **where, Targets=targets(20))


async def test_500_targets_per_batch(cloud: Cloud) -> None:
    lb, where = await http_rule(cloud)
    await cloud.admin("PUT", "/quotas/TOTAL_TARGET_BIND_QUOTA", limit=500)
    for action in ("BatchRegisterTargets", "BatchDeregisterTargets"):
        with refused(LENGTH):
            await cloud.clb(action, LoadBalancerId=lb, Targets=targets(501, **where))
        reply = await cloud.clb(action, LoadBalancerId=lb, Targets=targets(500, **where))
        assert reply.FailListenerIdSet == []


async def test_50_weights_per_entry_and_100_entries_and_500_in_all(cloud: Cloud) -> None:
    lb, where = await http_rule(cloud)
    await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=targets(51, **where))
    entry = {**where, "Targets": targets(50), "Weight": 5}
    for refused_list in (
        [{**entry, "Targets": targets(51)}],
        [{**entry, "Targets": targets(1)}] * 101,
        [entry] * 10 + [{**entry, "Targets": targets(1)}],
    ):
        with refused(LENGTH):
            await cloud.clb("BatchModifyTargetWeight", LoadBalancerId=lb, ModifyList=refused_list)
    await cloud.change("BatchModifyTargetWeight", LoadBalancerId=lb, ModifyList=[entry] * 10)


@pytest.mark.parametrize(
    ("product", "action", "field", "limit"),
    [
        ("clb", "DescribeLoadBalancers", "LoadBalancerIds", 20),
        ("clb", "DescribeLoadBalancerListByCertId", "CertIds", 20),
        ("clb", "DescribeAsyncJobs", "RequestIds", 100),
        ("ssl", "DescribeDeleteCertificatesTaskResult", "TaskIds", 100),
    ],
)
async def test_ids_per_query(cloud: Cloud, product: str, action: str, field: str, limit: int) -> None:
    ids: dict[str, Any] = {field: [f"x-{index}" for index in range(limit)]}
    await cloud.call(product, action, **ids)
    ids[field].append("x-more")
    with refused(LENGTH):
        await cloud.call(product, action, **ids)


async def test_30_load_balancers_per_health_query(cloud: Cloud) -> None:
    many = [await cloud.load_balancer() for _ in range(30)]
    reply = await cloud.clb("DescribeTargetHealth", LoadBalancerIds=many)
    assert len(reply.LoadBalancers) == 30
    with refused(LENGTH):
        await cloud.clb("DescribeTargetHealth", LoadBalancerIds=[*many, many[0]])


async def test_20_listeners_per_target_query_and_100_per_listener_query(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    for action, limit in (("DescribeTargets", 20), ("DescribeListeners", 100)):
        await cloud.clb(action, LoadBalancerId=lb, ListenerIds=[f"lbl-{index}" for index in range(limit)])
        with refused(LENGTH):
            await cloud.clb(
                action, LoadBalancerId=lb, ListenerIds=[f"lbl-{index}" for index in range(limit + 1)]
            )
