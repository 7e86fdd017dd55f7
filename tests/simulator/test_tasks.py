"""6. A change returns at once; its RequestId is a task that is 2 while it runs and 0 or 1 afterwards.

Source: documented (DescribeTaskStatus).
"""

from collections.abc import Awaitable, Callable

from simulator.cloud import Cloud, refused
from simulator.pki import Authority

Start = Callable[..., Awaitable[Cloud]]


async def test_task_runs_for_the_task_time_and_then_succeeds(
    start_cloud: Start, authority: Authority
) -> None:
    cloud = await start_cloud(task_seconds=5.0)
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    reply = await cloud.clb(
        "CreateListener", LoadBalancerId=lb, Ports=[443], Protocol="HTTPS", Certificate=binding
    )
    running = await cloud.clb("DescribeTaskStatus", TaskId=reply.RequestId)
    assert (running.Status, running.LoadBalancerIds) == (2, [lb])
    cloud.clock.advance(4.9)
    assert (await cloud.clb("DescribeTaskStatus", TaskId=reply.RequestId)).Status == 2
    cloud.clock.advance(0.2)
    assert (await cloud.wait(reply.RequestId)).Status == 0


async def test_unknown_task_is_refused(cloud: Cloud) -> None:
    with refused("InvalidParameter"):
        await cloud.clb("DescribeTaskStatus", TaskId="55c85074-3e7f-4c6d-864f-673660d4f8de")
    with refused("MissingParameter"):
        await cloud.clb("DescribeTaskStatus")
