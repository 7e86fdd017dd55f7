"""28. A task that takes long: it runs, its load balancer is busy, and then it succeeds.

Source: documented (Status 2 while it runs); production clients wait for minutes.
"""

from simulator.cloud import Cloud, refused


async def test_task_runs_for_as_long_as_ordered(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults", kind="slow-task", action="CreateListener", seconds=600)
    reply = await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    cloud.clock.advance(290)
    assert (await cloud.clb("DescribeTaskStatus", TaskId=reply.RequestId)).Status == 2
    with refused("FailedOperation.ResourceInOperating"):
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[81], Protocol="HTTP")


async def test_it_succeeds_when_its_time_has_come(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults", kind="slow-task", action="CreateListener", seconds=200)
    reply = await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    cloud.clock.advance(201)
    assert (await cloud.wait(reply.RequestId)).Status == 0
