"""ModifyLoadBalancerAttributes keeps what is absent; SetLoadBalancerSecurityGroups replaces the list.

Source: documented.
"""

from typing import Any

from simulator.cloud import Cloud, refused


async def only(cloud: Cloud) -> Any:
    [one] = (await cloud.clb("DescribeLoadBalancers")).LoadBalancerSet
    return one


async def test_attributes_change_one_by_one(cloud: Cloud) -> None:
    lb = await cloud.load_balancer(name="before", tags={"team": "payments"})
    await cloud.change(
        "ModifyLoadBalancerAttributes",
        LoadBalancerId=lb,
        LoadBalancerName="after",
        InternetChargeInfo={"InternetChargeType": "BANDWIDTH_POSTPAID_BY_HOUR", "InternetMaxBandwidthOut": 5},
    )
    await cloud.change(
        "ModifyLoadBalancerAttributes", LoadBalancerId=lb, LoadBalancerPassToTarget=True, SnatPro=True
    )
    one = await only(cloud)
    assert (one.LoadBalancerName, one.LoadBalancerPassToTarget, one.SnatPro) == ("after", True, True)
    assert one.NetworkAttributes.InternetChargeType == "BANDWIDTH_POSTPAID_BY_HOUR"
    assert one.NetworkAttributes.InternetMaxBandwidthOut == 5
    assert [tag.TagValue for tag in one.Tags] == ["payments"]


async def test_instances_of_the_target_vpc_can_be_bound(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="TCP", port=80)
    elsewhere = await cloud.instance(vpc_id="vpc-2")
    place = {"LoadBalancerId": lb, "ListenerId": listener}
    with refused("InvalidParameter"):
        await cloud.clb("RegisterTargets", **place, Targets=[{"InstanceId": elsewhere, "Port": 1}])
    region = {"Region": "ap-beijing", "VpcId": "vpc-2"}
    await cloud.change("ModifyLoadBalancerAttributes", LoadBalancerId=lb, TargetRegionInfo=region)
    assert (await only(cloud)).TargetRegionInfo.Region == "ap-beijing"
    await cloud.change("RegisterTargets", **place, Targets=[{"InstanceId": elsewhere, "Port": 1}])


async def test_security_groups_are_a_set_that_is_replaced(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.change(
        "SetLoadBalancerSecurityGroups", LoadBalancerId=lb, SecurityGroups=["sg-1", "sg-2", "sg-1"]
    )
    assert (await only(cloud)).SecureGroups == ["sg-1", "sg-2"]
    many = [f"sg-{index}" for index in range(50)]
    await cloud.change("SetLoadBalancerSecurityGroups", LoadBalancerId=lb, SecurityGroups=many)
    with refused("InvalidParameterValue.Length"):
        await cloud.clb("SetLoadBalancerSecurityGroups", LoadBalancerId=lb, SecurityGroups=[*many, "sg-50"])
    await cloud.change("SetLoadBalancerSecurityGroups", LoadBalancerId=lb)
    assert (await only(cloud)).SecureGroups == []
