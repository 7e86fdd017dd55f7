"""28. An HTML page with status 502 in place of the reply, before or after the request took effect.

Source: seen (the SDK reports it as ServerNetworkError, and the business code is lost).
"""

import pytest
from simulator.cloud import Cloud, refused


@pytest.mark.parametrize("carried_out", [False, True])
async def test_page_in_place_of_the_reply(cloud: Cloud, *, carried_out: bool) -> None:
    lb = await cloud.load_balancer()
    order = {"kind": "bad-gateway", "action": "CreateListener", "carried_out": carried_out}
    await cloud.admin("POST", "/faults", **order)
    with refused("ServerNetworkError") as refusal:
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    assert "502 Bad Gateway" in str(refusal.message)
    found = await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    assert found.TotalCount == int(carried_out)
