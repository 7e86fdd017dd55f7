"""CreateLoadBalancer: ids at once, load balancers with the task; a ClientToken makes it idempotent.

Source: documented (fields, defaults, ClientToken, duplicate names, DealName); that a token of a failed
creation is free again is a guess.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from simulator.cloud import Cloud, refused

Start = Callable[..., Awaitable[Cloud]]


async def create(cloud: Cloud, **fields: Any) -> Any:
    reply = await cloud.clb("CreateLoadBalancer", **{"LoadBalancerType": "OPEN", **fields})
    status = await cloud.wait(reply.RequestId)
    assert (status.Status, status.LoadBalancerIds) == (0, reply.LoadBalancerIds)
    return reply


async def described(cloud: Cloud, *identifiers: str) -> list[Any]:
    reply = await cloud.clb("DescribeLoadBalancers", LoadBalancerIds=list(identifiers))
    return list(reply.LoadBalancerSet)


async def test_load_balancers_exist_when_the_task_ends(start_cloud: Start) -> None:
    cloud = await start_cloud(task_seconds=5.0)
    reply = await cloud.clb("CreateLoadBalancer", LoadBalancerType="OPEN", Number=2)
    assert len(set(reply.LoadBalancerIds)) == 2
    assert await described(cloud, *reply.LoadBalancerIds) == []
    assert (await cloud.clb("DescribeTaskStatus", DealName=reply.DealName)).Status == 2
    cloud.clock.advance(6)
    await cloud.wait(reply.RequestId)
    made = await described(cloud, *reply.LoadBalancerIds)
    assert len({one.LoadBalancerVips[0] for one in made}) == 2
    assert (await cloud.clb("DescribeTaskStatus", DealName=reply.DealName)).Status == 0


async def test_what_was_asked_for_is_read_back(cloud: Cloud) -> None:
    asked = {
        "LoadBalancerType": "INTERNAL",
        "LoadBalancerName": "front",
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        "ProjectId": 7,
        "Tags": [{"TagKey": "team", "TagValue": "payments"}],
        "Vip": "127.88.0.1",
        "SlaType": "clb.c2.medium",
        "LoadBalancerPassToTarget": True,
        "SnatPro": True,
    }
    [identifier] = (await create(cloud, **asked)).LoadBalancerIds
    [one] = await described(cloud, identifier)
    assert (one.LoadBalancerType, one.LoadBalancerName, one.ProjectId) == ("INTERNAL", "front", 7)
    assert (one.VpcId, one.SubnetId, one.LoadBalancerVips) == ("vpc-1", "subnet-1", ["127.88.0.1"])
    assert [(tag.TagKey, tag.TagValue) for tag in one.Tags] == [("team", "payments")]
    assert (one.SlaType, one.LoadBalancerPassToTarget, one.SnatPro) == ("clb.c2.medium", True, True)
    assert one.TargetRegionInfo.VpcId == "vpc-1"
    assert one.NetworkAttributes is None


async def test_charging_of_a_public_one_has_the_documented_default(cloud: Cloud) -> None:
    [identifier] = (await create(cloud)).LoadBalancerIds
    [one] = await described(cloud, identifier)
    assert one.NetworkAttributes.InternetMaxBandwidthOut == 10
    assert one.LoadBalancerName == identifier
    assert (one.VipIsp, one.Status) == ("BGP", 1)


async def test_duplicate_name_is_replaced_without_a_word(cloud: Cloud) -> None:
    await create(cloud, LoadBalancerName="front")
    [second] = (await create(cloud, LoadBalancerName="front")).LoadBalancerIds
    [one] = await described(cloud, second)
    assert one.LoadBalancerName == second


async def test_repeated_client_token_makes_nothing_twice(start_cloud: Start) -> None:
    cloud = await start_cloud(task_seconds=5.0)
    first = await cloud.clb("CreateLoadBalancer", LoadBalancerType="OPEN", ClientToken="once")
    second = await cloud.clb("CreateLoadBalancer", LoadBalancerType="OPEN", ClientToken="once")
    cloud.clock.advance(6)
    for reply in (first, second):
        assert reply.LoadBalancerIds == first.LoadBalancerIds
        assert (await cloud.wait(reply.RequestId)).Status == 0
    third = await cloud.clb("CreateLoadBalancer", LoadBalancerType="OPEN", ClientToken="once")
    assert third.LoadBalancerIds == first.LoadBalancerIds
    assert (await cloud.clb("DescribeLoadBalancers")).TotalCount == 1


async def test_late_repetition_does_not_bring_a_deleted_one_back(cloud: Cloud) -> None:
    first = await create(cloud, ClientToken="once")
    await cloud.change("DeleteLoadBalancer", LoadBalancerIds=first.LoadBalancerIds)
    again = await create(cloud, ClientToken="once")
    assert again.LoadBalancerIds == first.LoadBalancerIds
    assert (await cloud.clb("DescribeLoadBalancers")).TotalCount == 0


async def test_client_token_belongs_to_one_request(cloud: Cloud) -> None:
    await create(cloud, ClientToken="once")
    with refused("InvalidParameter"):
        await create(cloud, ClientToken="once", ProjectId=3)
    await create(cloud, ClientToken="x" * 64)
    with refused("InvalidParameter.ClientTokenLimitExceeded"):
        await create(cloud, ClientToken="x" * 65)


async def test_client_token_of_a_failed_creation_is_free_again(cloud: Cloud) -> None:
    await cloud.admin("POST", "/faults/failed-task", action="CreateLoadBalancer", message="sold out")
    reply = await cloud.clb("CreateLoadBalancer", LoadBalancerType="OPEN", ClientToken="again")
    status = await cloud.wait(reply.RequestId)
    assert (status.Status, status.Message) == (1, "sold out")
    await create(cloud, ClientToken="again")
    assert (await cloud.clb("DescribeLoadBalancers")).TotalCount == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"LoadBalancerType": "PRIVATE"}, "InvalidParameterValue"),
        ({"LoadBalancerType": "INTERNAL"}, "MissingParameter"),
        ({"LoadBalancerType": "INTERNAL", "VpcId": "vpc-1"}, "MissingParameter"),
        ({"Number": 21}, "InvalidParameterValue"),
        ({"Vip": "10.0.0.1"}, "InvalidParameterValue"),
        ({"LoadBalancerName": "x" * 81}, "InvalidParameterValue"),
        ({"AddressIPVersion": "IPv6FullChain"}, "UnsupportedOperation"),
        ({"MasterZoneId": "100001"}, "UnsupportedOperation"),
        ({"InternetAccessible": {"InternetMaxBandwidthOut": 0}}, "InvalidParameterValue"),
    ],
    ids=str,
)
async def test_refused_creation(cloud: Cloud, fields: dict[str, Any], code: str) -> None:
    with refused(code):
        await create(cloud, **fields)
    assert (await cloud.clb("DescribeLoadBalancers")).TotalCount == 0


async def test_quota_of_load_balancers(cloud: Cloud) -> None:
    await cloud.admin("PUT", "/quotas/TOTAL_OPEN_CLB_QUOTA", limit=1)
    with refused("LimitExceeded"):
        await create(cloud, Number=2)
    await create(cloud)
    with refused("LimitExceeded"):
        await create(cloud)


async def test_created_one_carries_a_listener(cloud: Cloud) -> None:
    [identifier] = (await create(cloud)).LoadBalancerIds
    await cloud.listener(identifier, Protocol="HTTP", port=80)
