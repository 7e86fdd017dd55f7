"""11. BatchRegisterTargets and BatchDeregisterTargets are synchronous and may fail for some listeners.

Source: documented (FailListenerIdSet) and seen (no task to wait for).
"""

from typing import Any

from simulator.cloud import Cloud, refused


async def two_rules(cloud: Cloud) -> tuple[str, list[dict[str, Any]]]:
    lb = await cloud.load_balancer()
    places = []
    for port in (80, 81):
        listener = await cloud.listener(lb, Protocol="HTTP", port=port)
        [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
        places.append({"ListenerId": listener, "LocationId": rule})
    return lb, places


async def bound(cloud: Cloud, lb: str) -> list[list[str]]:
    reply = await cloud.clb("DescribeTargets", LoadBalancerId=lb)
    return [[one.PrivateIpAddresses[0] for one in each.Rules[0].Targets] for each in reply.Listeners]


async def test_listener_with_an_unknown_instance_fails_and_the_other_is_bound(cloud: Cloud) -> None:
    lb, (first, second) = await two_rules(cloud)
    good = {**first, "InstanceId": await cloud.instance("127.0.0.11"), "Port": 30080}
    bad = {**second, "InstanceId": "ins-gone0000", "Port": 30080}
    reply = await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=[good, bad])
    assert reply.FailListenerIdSet == [second["ListenerId"]]
    assert "ins-gone0000" in reply.Message
    assert await bound(cloud, lb) == [["127.0.0.11"], []]
    reply = await cloud.clb(
        "BatchDeregisterTargets", LoadBalancerId=lb, Targets=[good, {**bad, **good, **second}]
    )
    assert reply.FailListenerIdSet == [second["ListenerId"]]
    assert await bound(cloud, lb) == [[], []]


async def test_unknown_rule_refuses_the_call(cloud: Cloud) -> None:
    lb, (first, second) = await two_rules(cloud)
    target = {"EniIp": "127.0.0.11", "Port": 30080}
    with refused("InvalidParameter.LocationNotFound"):
        wrong = {**second, "LocationId": "loc-none0000", **target}
        await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=[{**first, **target}, wrong])
    with refused("InvalidParameter.ListenerIdNotFound"):
        wrong = {**second, "ListenerId": "lbl-none0000", **target}
        await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=[wrong])
    assert await bound(cloud, lb) == [[], []]
