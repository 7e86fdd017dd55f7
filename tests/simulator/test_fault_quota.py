"""28. A quota that is used up, for one call or for good.

Source: documented (LimitExceeded, which is not throttling).
"""

from simulator.cloud import Cloud, refused


async def test_one_call_is_refused(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults", kind="quota", action="CreateListener")
    with refused("LimitExceeded") as refusal:
        await cloud.listener(lb, Protocol="HTTP", port=80)
    assert "TOTAL_LISTENER_QUOTA" in refusal.message
    await cloud.listener(lb, Protocol="HTTP", port=80)


async def test_every_call_beyond_a_lowered_quota_is_refused(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("PUT", "/quotas/TOTAL_LISTENER_QUOTA", limit=1)
    await cloud.listener(lb, Protocol="HTTP", port=80)
    for port in (81, 82):
        with refused("LimitExceeded"):
            await cloud.listener(lb, Protocol="HTTP", port=port)
