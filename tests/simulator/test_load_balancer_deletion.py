"""DeleteLoadBalancer: all or none, with everything on it, behind the documented guard rails.

Source: documented (ForceDelete, TargetNumCheckRisk, FrequencyCheckRisk, LBIdNotFound); the code for a
protected one is a guess.
"""

import pytest
from simulator.cloud import Cloud, refused
from simulator.pki import Authority


async def test_everything_on_it_goes(cloud: Cloud, authority: Authority) -> None:
    lb, other = await cloud.load_balancer(tags={"a": "b"}), await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=binding)
    await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    await cloud.change("DeleteLoadBalancer", LoadBalancerIds=[lb])
    left = await cloud.clb("DescribeLoadBalancers")
    assert [one.LoadBalancerId for one in left.LoadBalancerSet] == [other]
    state = await cloud.admin("GET", "/state")
    assert [state[name] for name in ("listeners", "domains", "rules", "tags")] == [[], [], [], []]
    assert (await cloud.ssl("DeleteCertificate", CertificateId=binding["CertId"])).DeleteResult is True


async def test_one_missing_id_refuses_all(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    with refused("InvalidParameter.LBIdNotFound"):
        await cloud.clb("DeleteLoadBalancer", LoadBalancerIds=[lb, "lb-nonesuch"])
    with refused("InvalidParameterValue.Length"):
        await cloud.clb("DeleteLoadBalancer", LoadBalancerIds=[f"lb-{index}" for index in range(21)])
    assert (await cloud.clb("DescribeLoadBalancers")).TotalCount == 1


async def test_busy_one_refuses_all_of_them(cloud: Cloud) -> None:
    lb, busy = await cloud.load_balancer(), await cloud.load_balancer()
    await cloud.admin("POST", f"/load-balancers/{busy}/busy", seconds=60)
    with refused("FailedOperation.ResourceInOperating"):
        await cloud.clb("DeleteLoadBalancer", LoadBalancerIds=[lb, busy])
    await cloud.change("DeleteLoadBalancer", LoadBalancerIds=[lb])


@pytest.mark.parametrize(("count", "is_risky"), [(19, False), (20, True)])
async def test_twenty_targets_need_force(cloud: Cloud, count: int, *, is_risky: bool) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="TCP", port=80)
    targets = [{"EniIp": "127.0.0.11", "Port": 1000 + index} for index in range(count)]
    await cloud.change("RegisterTargets", LoadBalancerId=lb, ListenerId=listener, Targets=targets)
    if is_risky:
        with refused("FailedOperation.TargetNumCheckRisk"):
            await cloud.clb("DeleteLoadBalancer", LoadBalancerIds=[lb])
    await cloud.change("DeleteLoadBalancer", LoadBalancerIds=[lb], ForceDelete=is_risky)


async def test_thirtieth_deletion_within_five_minutes_is_refused(cloud: Cloud) -> None:
    identifiers = [await cloud.load_balancer() for _ in range(31)]
    await cloud.change("DeleteLoadBalancer", LoadBalancerIds=identifiers[:20])
    await cloud.change("DeleteLoadBalancer", LoadBalancerIds=identifiers[20:29])
    with refused("FailedOperation.FrequencyCheckRisk"):
        await cloud.clb("DeleteLoadBalancer", LoadBalancerIds=[identifiers[29]], ForceDelete=True)
    other = await cloud.load_balancer(region="ap-beijing")
    await cloud.change("DeleteLoadBalancer", region="ap-beijing", LoadBalancerIds=[other])


async def test_protected_one_stays(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.change("ModifyLoadBalancerAttributes", LoadBalancerId=lb, DeleteProtect=True)
    [one] = (await cloud.clb("DescribeLoadBalancers")).LoadBalancerSet
    assert "DeleteProtect" in one.AttributeFlags
    with refused("FailedOperation"):
        await cloud.clb("DeleteLoadBalancer", LoadBalancerIds=[lb], ForceDelete=True)
    await cloud.change("ModifyLoadBalancerAttributes", LoadBalancerId=lb, DeleteProtect=False)
    await cloud.change("DeleteLoadBalancer", LoadBalancerIds=[lb])
