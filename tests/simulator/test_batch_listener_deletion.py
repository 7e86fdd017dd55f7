"""20. A batch deletion with one missing listener refuses all and names it; without ids everything goes.

Source: seen (the refusal's text) and documented (absent ids mean all).
"""

from simulator.cloud import Cloud, refused


async def listeners(cloud: Cloud, lb: str) -> list[str]:
    return [one.ListenerId for one in (await cloud.clb("DescribeListeners", LoadBalancerId=lb)).Listeners]


async def test_all_or_none(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    created = await cloud.change("CreateListener", LoadBalancerId=lb, Ports=[80, 81, 82], Protocol="HTTP")
    first, *others = created.ListenerIds
    with refused("InvalidParameter") as refusal:
        await cloud.clb("DeleteLoadBalancerListeners", LoadBalancerId=lb, ListenerIds=[first, "lbl-none0000"])
    assert "some ListenerId lbl-none0000 not found" in refusal.message
    await cloud.change("DeleteLoadBalancerListeners", LoadBalancerId=lb, ListenerIds=[first])
    assert await listeners(cloud, lb) == others
    await cloud.change("DeleteLoadBalancerListeners", LoadBalancerId=lb)
    assert await listeners(cloud, lb) == []
    with refused("InvalidParameterValue.Length"):
        await cloud.clb("DeleteLoadBalancerListeners", LoadBalancerId=lb, ListenerIds=["x"] * 21)
