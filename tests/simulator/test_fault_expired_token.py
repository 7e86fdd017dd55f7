"""28. A session token that has expired.

Source: documented (AuthFailure.TokenFailure).
"""

from simulator.cloud import Cloud, refused


async def test_call_is_refused_and_changes_nothing(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    before = await cloud.admin("GET", "/state")
    await cloud.admin("POST", "/faults", kind="expired-token")
    with refused("AuthFailure.TokenFailure"):
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    assert await cloud.admin("GET", "/state") == before
    await cloud.listener(lb, Protocol="HTTP", port=80)
