"""13. What DescribeQuota says is enforced with LimitExceeded, and can be set per test.

Source: documented (214/6187).
"""

from simulator.cloud import Cloud, refused


async def test_listeners_rules_and_targets_are_counted(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    for quota_id in ("TOTAL_LISTENER_QUOTA", "TOTAL_LISTENER_RULE_QUOTA", "TOTAL_TARGET_BIND_QUOTA"):
        await cloud.admin("PUT", f"/quotas/{quota_id}", limit=1)
    described = {one.QuotaId: one.QuotaLimit for one in (await cloud.clb("DescribeQuota")).QuotaSet}
    assert described["TOTAL_LISTENER_QUOTA"] == 1
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    with refused("LimitExceeded"):
        await cloud.listener(lb, Protocol="HTTP", port=81)
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    with refused("LimitExceeded"):
        await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/b"})
    place = {"LoadBalancerId": lb, "ListenerId": listener, "LocationId": rule}
    await cloud.change("RegisterTargets", **place, Targets=[{"EniIp": "127.0.0.11", "Port": 1}])
    with refused("LimitExceeded"):
        await cloud.clb("RegisterTargets", **place, Targets=[{"EniIp": "127.0.0.11", "Port": 2}])


async def test_default_is_per_region(cloud: Cloud) -> None:
    await cloud.admin("PUT", "/quotas/TOTAL_LISTENER_QUOTA", limit=1, region="ap-beijing")
    described = {one.QuotaId: one.QuotaLimit for one in (await cloud.clb("DescribeQuota")).QuotaSet}
    assert described["TOTAL_LISTENER_QUOTA"] == 50
