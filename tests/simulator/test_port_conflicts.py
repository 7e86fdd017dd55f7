"""14. A port is taken once per load balancer and transport: TCP family and UDP family do not collide.

Source: documented (214/32516); inferred for QUIC.
"""

from typing import Any

import pytest
from simulator.cloud import Cloud, refused
from simulator.pki import Authority

TCP_FAMILY = ("TCP", "HTTP", "HTTPS", "TCP_SSL")
UDP_FAMILY = ("UDP", "QUIC")
SECURE = ("HTTPS", "TCP_SSL", "QUIC")


@pytest.mark.parametrize("first", [*TCP_FAMILY, *UDP_FAMILY])
async def test_matrix(cloud: Cloud, authority: Authority, first: str) -> None:
    binding = await cloud.mutual(authority)
    for second in (*TCP_FAMILY, *UDP_FAMILY):
        lb = await cloud.load_balancer()
        for protocol in (first, second):
            fields: dict[str, Any] = {
                "Protocol": protocol,
                **({"Certificate": binding} if protocol in SECURE else {}),
            }
            conflicts = protocol is second and (first in UDP_FAMILY) == (second in UDP_FAMILY)
            if conflicts and len((await cloud.clb("DescribeListeners", LoadBalancerId=lb)).Listeners):
                with refused("InvalidParameter.PortCheckFailed"):
                    await cloud.listener(lb, **fields)
            else:
                await cloud.listener(lb, **fields)


async def test_other_load_balancer_has_its_own_ports(cloud: Cloud) -> None:
    for lb in (await cloud.load_balancer(), await cloud.load_balancer()):
        await cloud.listener(lb, Protocol="HTTP", port=80)


async def test_one_taken_port_refuses_all_of_the_call(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.listener(lb, Protocol="HTTP", port=81)
    with refused("InvalidParameter.PortCheckFailed"):
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80, 81], Protocol="HTTP")
    assert (await cloud.clb("DescribeListeners", LoadBalancerId=lb)).TotalCount == 1
