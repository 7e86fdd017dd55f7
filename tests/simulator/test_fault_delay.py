"""28. A delay beyond the client's timeout: of the reply, or of the request, which then takes effect late.

Source: documented for clients (60 s by default, and the outcome is then open).
"""

from eventually import eventually_async
from simulator.cloud import Cloud
from simulator.network import broken, give_up_after


async def test_late_reply_belongs_to_a_write_that_took_effect(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults", kind="delay", action="CreateListener", seconds=90)
    give_up_after(cloud, 0.2)
    with broken():
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    give_up_after(cloud, 60)
    assert (await cloud.clb("DescribeListeners", LoadBalancerId=lb)).TotalCount == 1


async def test_late_request_takes_effect_after_the_client_gave_up(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    order = {"kind": "delay", "action": "CreateListener", "seconds": 90, "of": "request"}
    await cloud.admin("POST", "/faults", **order)
    give_up_after(cloud, 0.2)
    with broken():
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    give_up_after(cloud, 60)
    assert (await cloud.clb("DescribeListeners", LoadBalancerId=lb)).TotalCount == 0
    # Within the five minutes in which a signature counts.
    cloud.clock.advance(91)
    await eventually_async(
        lambda: cloud.clb("DescribeListeners", LoadBalancerId=lb), until=lambda reply: reply.TotalCount == 1
    )
