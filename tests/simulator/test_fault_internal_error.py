"""28. The code InternalError, before or after the request took effect.

Source: seen (as the reply when several writers change one load balancer).
"""

import pytest
from simulator.cloud import Cloud, refused


@pytest.mark.parametrize("carried_out", [False, True])
async def test_code_does_not_say_whether_it_was_carried_out(cloud: Cloud, *, carried_out: bool) -> None:
    lb = await cloud.load_balancer()
    order = {"kind": "internal-error", "action": "CreateListener", "carried_out": carried_out}
    await cloud.admin("POST", "/faults", **order)
    with refused("InternalError"):
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    found = await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    assert found.TotalCount == int(carried_out)
