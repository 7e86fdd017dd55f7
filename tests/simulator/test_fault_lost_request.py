"""28. A request that is lost: the client sees what it sees of a lost reply, and nothing has happened.

Source: documented for clients (an error of the network is ambiguous).
"""

from simulator.cloud import Cloud
from simulator.network import broken


async def test_nothing_happened(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    before = await cloud.admin("GET", "/state")
    await cloud.admin("POST", "/faults", kind="lost-request", action="CreateListener")
    with broken():
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    assert await cloud.admin("GET", "/state") == before
    assert (await cloud.admin("GET", "/calls"))["total"] == 0
    await cloud.listener(lb, Protocol="HTTP", port=80)
