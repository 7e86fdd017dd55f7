"""Tasks are listed by DescribeAsyncJobs; old finished ones are forgotten, running and recent ones are not.

Source: documented (DescribeAsyncJobs); how long the cloud remembers a task is not known.
"""

from collections.abc import Awaitable, Callable

import pytest
from simulator.cloud import Cloud, refused

from clb_simulator import tasks

Start = Callable[..., Awaitable[Cloud]]


async def rename(cloud: Cloud, lb: str, name: str) -> str:
    reply = await cloud.change("ModifyLoadBalancerAttributes", LoadBalancerId=lb, LoadBalancerName=name)
    return str(reply.RequestId)


async def test_jobs_are_paged_newest_first(cloud: Cloud) -> None:
    lb, elsewhere = await cloud.load_balancer(), await cloud.load_balancer(region="ap-beijing")
    await cloud.change("SetLoadBalancerSecurityGroups", region="ap-beijing", LoadBalancerId=elsewhere)
    order = [await rename(cloud, lb, f"name-{index}") for index in range(3)]
    first = await cloud.clb("DescribeAsyncJobs", MaxResults=2)
    assert [job.RequestId for job in first.Jobs] == [order[2], order[1]]
    second = await cloud.clb("DescribeAsyncJobs", MaxResults=2, NextToken=first.NextToken)
    assert [job.RequestId for job in second.Jobs] == [order[0]]
    assert (second.TotalCount, second.NextToken) == (3, "")
    with refused("InvalidParameterValue"):
        await cloud.clb("DescribeAsyncJobs", MaxResults=101)


async def test_job_says_what_it_is_and_how_it_ended(start_cloud: Start) -> None:
    cloud = await start_cloud(task_seconds=5.0)
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults/failed-task", action="CreateListener", message="no capacity")
    failing = await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    created = await cloud.clb("CreateLoadBalancer", LoadBalancerType="OPEN")

    async def jobs() -> list[tuple[str, str, list[str]]]:
        wanted = [failing.RequestId, created.RequestId]
        reply = await cloud.clb("DescribeAsyncJobs", RequestIds=wanted)
        return [(job.ApiName, job.Status, job.ResourceIds) for job in reply.Jobs]

    made = created.LoadBalancerIds
    assert await jobs() == [
        ("CreateLoadBalancer", "Processing", made),
        ("CreateListener", "Processing", [lb]),
    ]
    cloud.clock.advance(6)
    await cloud.wait(failing.RequestId)
    await cloud.wait(created.RequestId)
    assert await jobs() == [("CreateLoadBalancer", "Succeeded", made), ("CreateListener", "Failed", [lb])]


async def test_oldest_finished_tasks_are_forgotten_and_running_ones_are_not(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "KEPT", 3)
    slow, lb = await cloud.load_balancer(), await cloud.load_balancer()
    await cloud.admin("PATCH", "/settings", task_seconds=60)
    running = await cloud.clb("SetLoadBalancerSecurityGroups", LoadBalancerId=slow)
    await cloud.admin("PATCH", "/settings", task_seconds=0)
    finished = [await rename(cloud, lb, f"name-{index}") for index in range(6)]
    assert (await cloud.clb("DescribeTaskStatus", TaskId=running.RequestId)).Status == 2
    for recent in finished[-2:]:
        assert (await cloud.clb("DescribeTaskStatus", TaskId=recent)).Status == 0
    with refused("InvalidParameter"):
        await cloud.clb("DescribeTaskStatus", TaskId=finished[0])
    assert len(cloud.server.engine.store.tasks) <= 4
