"""22. An unknown load balancer is an empty list in DescribeLoadBalancers and LBIdNotFound elsewhere.

Source: inferred (how production clients detect it) and documented (the code).
"""

from typing import Any

import pytest
from simulator.cloud import Cloud, refused

WRITES: dict[str, dict[str, Any]] = {
    "CreateListener": {"Ports": [80], "Protocol": "HTTP"},
    "DeleteListener": {"ListenerId": "lbl-none0000"},
    "BatchRegisterTargets": {"Targets": [{"ListenerId": "lbl-none0000", "Port": 1, "EniIp": "127.0.0.11"}]},
    "DescribeListeners": {},
    "DescribeTargets": {},
}


async def test_describe_gives_an_empty_list(cloud: Cloud) -> None:
    reply = await cloud.clb("DescribeLoadBalancers", LoadBalancerIds=["lb-none0000"])
    assert (reply.TotalCount, reply.LoadBalancerSet) == (0, [])


@pytest.mark.parametrize("action", WRITES)
async def test_other_actions_refuse(cloud: Cloud, action: str) -> None:
    with refused("InvalidParameter.LBIdNotFound"):
        await cloud.clb(action, LoadBalancerId="lb-none0000", **WRITES[action])
