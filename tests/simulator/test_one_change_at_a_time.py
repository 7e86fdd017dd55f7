"""7. While a task runs on a load balancer every other change of it is refused; reads and others are not.

Source: documented (FailedOperation.ResourceInOperating) and seen (both wordings).
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from simulator.cloud import Cloud, refused

Start = Callable[..., Awaitable[Cloud]]


@pytest.mark.parametrize(
    ("wording", "text"), [("task", "Your task is working (CreateQLBListener)"), ("state", "normal desState")]
)
async def test_busy_load_balancer_refuses_changes(start_cloud: Start, wording: str, text: str) -> None:
    cloud = await start_cloud(task_seconds=5.0, busy_wording=wording)
    lb, other = await cloud.load_balancer(), await cloud.load_balancer()
    http: dict[str, Any] = {"Ports": [80], "Protocol": "HTTP"}
    first = await cloud.clb("CreateListener", LoadBalancerId=lb, **http)
    listener = first.ListenerIds[0]
    with refused("FailedOperation.ResourceInOperating") as refusal:
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[81], Protocol="HTTP")
    assert text in refusal.message
    with refused("FailedOperation.ResourceInOperating"):
        target = {"ListenerId": listener, "Port": 80, "EniIp": "127.0.0.11"}
        await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=[target])
    await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    await cloud.clb("CreateListener", LoadBalancerId=other, **http)
    cloud.clock.advance(6)
    await cloud.wait(first.RequestId)
    await cloud.clb("DeleteListener", LoadBalancerId=lb, ListenerId=listener)
