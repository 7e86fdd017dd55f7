"""8. A load balancer can stay busy for a while after a change has ended, or be held by somebody else.

Source: seen (a large batch leaves the load balancer busy after its synchronous reply).
"""

from collections.abc import Awaitable, Callable

from simulator.cloud import Cloud, refused

Start = Callable[..., Awaitable[Cloud]]


async def test_tail_after_a_task(start_cloud: Start) -> None:
    cloud = await start_cloud(busy_tail_seconds=3.0)
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    with refused("FailedOperation.ResourceInOperating"):
        await cloud.clb("DeleteListener", LoadBalancerId=lb, ListenerId=listener)
    cloud.clock.advance(3.1)
    await cloud.clb("DeleteListener", LoadBalancerId=lb, ListenerId=listener)


async def test_held_by_somebody_else(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", f"/load-balancers/{lb}/busy", seconds=2)
    with refused("FailedOperation.ResourceInOperating") as refusal:
        await cloud.listener(lb, Protocol="HTTP", port=80)
    assert "normal desState" in refusal.message
    cloud.clock.advance(2.1)
    await cloud.listener(lb, Protocol="HTTP", port=80)
