"""28. A load balancer that is busy with somebody else's change for a while; reads still work.

Source: seen (one change at a time per load balancer, whoever makes it).
"""

from typing import Any

from simulator.cloud import Cloud, refused

BUSY = "FailedOperation.ResourceInOperating"


async def test_busy_from_the_struck_call_on_for_so_long(cloud: Cloud) -> None:
    lb, other = await cloud.load_balancer(), await cloud.load_balancer()
    await cloud.admin("POST", "/faults", kind="busy", action="CreateListener", seconds=30)
    create: dict[str, Any] = {"Ports": [80], "Protocol": "HTTP"}
    for _ in range(2):
        with refused(BUSY):
            await cloud.clb("CreateListener", LoadBalancerId=lb, **create)
    await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    await cloud.clb("CreateListener", LoadBalancerId=other, **create)
    cloud.clock.advance(31)
    await cloud.clb("CreateListener", LoadBalancerId=lb, **create)
