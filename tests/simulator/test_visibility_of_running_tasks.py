"""10. What a task makes is seen when it ends, or (switch `early_visibility`) as soon as it was asked for.

Source: inferred (clients rely on reads only after the task).
"""

from collections.abc import Awaitable, Callable

import pytest
from simulator.cloud import Cloud

Start = Callable[..., Awaitable[Cloud]]


@pytest.mark.parametrize("early", [False, True])
async def test_listener_before_and_after_its_task(start_cloud: Start, *, early: bool) -> None:
    cloud = await start_cloud(task_seconds=1.0, early_visibility=early)
    lb = await cloud.load_balancer()
    reply = await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    seen = (await cloud.clb("DescribeListeners", LoadBalancerId=lb)).Listeners
    assert [one.ListenerId for one in seen] == (reply.ListenerIds if early else [])
    cloud.clock.advance(2)
    await cloud.wait(reply.RequestId)
    assert (await cloud.describe_listener(lb, reply.ListenerIds[0])).Port == 80
