"""27. What the API says exists really listens; a change is served when its task ends and not before.

Source: documented (mutual authentication) and inferred (the moment at which a change is served).
"""

import asyncio
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from eventually import eventually_async
from simulator.cloud import Cloud
from simulator.dataplane_fixtures import echo_backend, free_port
from simulator.pki import Authority, KeyPair, issue_leaf

Start = Callable[..., Awaitable[Cloud]]


async def get(vip: str, port: int, authority: Authority, client: KeyPair | None) -> tuple[int, str]:
    """Send one request with or without a client certificate and return status and body."""
    context = ssl.create_default_context(cadata=authority.pem)
    if client is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
            pair.write(f"{client.pem}\n{client.key_pem}\n")
            pair.flush()
            context.load_cert_chain(pair.name)
    reader, writer = await asyncio.open_connection(vip, port, ssl=context, server_hostname="a.example.com")
    writer.write(b"GET / HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n")
    reply = (await reader.read()).decode()
    writer.close()
    return int(reply.split()[1]), reply


async def test_listener_refuses_strangers_and_forwards_for_its_clients(
    start_cloud: Start, authority: Authority, other_authority: Authority, tmp_path: Path
) -> None:
    cloud = await start_cloud(data_plane="nginx", task_seconds=1.0)
    port = free_port()
    created = await cloud.admin("POST", "/load-balancers", vip="127.77.9.1")
    lb, vip = created["load_balancer_id"], created["vip"]
    binding = await cloud.mutual(authority)
    reply = await cloud.clb(
        "CreateListener", LoadBalancerId=lb, Ports=[port], Protocol="HTTPS", Certificate=binding
    )
    with pytest.raises(ConnectionRefusedError):
        await get(vip, port, authority, None)
    cloud.clock.advance(2)
    await cloud.wait(reply.RequestId)
    # From here on changes take no time.
    await cloud.admin("PATCH", "/settings", task_seconds=0)
    listener = reply.ListenerIds[0]
    [rule] = await cloud.rules(
        lb, listener, {"Domain": "a.example.com", "Url": "/", "HealthCheck": {"HealthSwitch": 0}}
    )
    good, foreign = issue_leaf(authority, "client"), issue_leaf(other_authority, "client")
    async with echo_backend("rs-1") as backend:
        target = {"EniIp": backend.address, "Port": backend.port, "ListenerId": listener, "LocationId": rule}
        assert (await get(vip, port, authority, good))[0] != 200
        await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=[target])
        status, body = await get(vip, port, authority, good)
        assert (status, body.endswith("rs-1")) == (200, True)
        for stranger in (None, foreign):
            assert (await get(vip, port, authority, stranger))[0] == 400
        swapped = {**binding, "CertCaId": await cloud.upload_ca(other_authority)}
        await cloud.change("ModifyListener", LoadBalancerId=lb, ListenerId=listener, Certificate=swapped)
        assert (await get(vip, port, authority, foreign))[0] == 200
        assert (await get(vip, port, authority, good))[0] == 400
    await cloud.change("DeleteListener", LoadBalancerId=lb, ListenerId=listener)
    with pytest.raises(ConnectionRefusedError):
        await get(vip, port, authority, good)


async def test_health_is_told_by_the_data_plane(start_cloud: Start) -> None:
    cloud = await start_cloud(data_plane="nginx")
    lb = await cloud.load_balancer(vip="127.77.9.2")
    listener = await cloud.listener(lb, Protocol="HTTP", port=free_port())
    check = {"HealthCheck": {"IntervalTime": 3, "TimeOut": 2, "HealthNum": 2, "UnHealthNum": 2}}
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/", **check})
    async with echo_backend("rs-1") as backend:
        target = {"EniIp": backend.address, "Port": backend.port, "ListenerId": listener, "LocationId": rule}
        await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=[target])

        async def detail() -> str:
            reply = await cloud.clb("DescribeTargetHealth", LoadBalancerIds=[lb])
            return str(reply.LoadBalancers[0].Listeners[0].Rules[0].Targets[0].HealthStatusDetail)

        assert await detail() == "Unknown"
        await eventually_async(detail, until=lambda seen: seen == "Alive")
