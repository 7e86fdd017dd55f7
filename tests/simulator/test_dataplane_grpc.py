"""Behaviour 27: gRPC to backends, which needs HTTP/2 on both sides of the load balancer.

Documented: ForwardType GRPC and GRPCS, and that CLB speaks HTTP/1.1 to all other backends.
"""

from pathlib import Path

import pytest
from simulator.dataplane_fixtures import (
    authority,
    client,
    client_pair,
    domain,
    echo_backend,
    free_port,
    https,
    mutual,
    route,
    serving_plane,
)
from simulator.dataplane_http2 import call, grpc_backend

MUTUAL = mutual(("a.test",), "a")
PATH = "/echo.Echo/Say"


@pytest.mark.parametrize("forward_type", ["GRPC", "GRPCS"])
async def test_call_reaches_the_backend_over_http2_and_its_trailers_come_back(
    tmp_path: Path, forward_type: str
) -> None:
    port = free_port()
    tls = authority("unknown").issue("elsewhere.test") if forward_type == "GRPCS" else None
    async with grpc_backend(tmp_path / "rs", tls) as backend, serving_plane(tmp_path / "clb") as plane:
        chosen = route(backend, forward_type=forward_type)
        await plane.apply((https(port, domain("a.test", routes=(chosen,), http2=True), tls=MUTUAL),))
        reply = await call(client(client_pair("a")), port, sni="a.test", path=PATH)
    assert (reply.ok, reply.trailers) == (True, True)
    protocol, tls_version, host, forwarded_for, proto, path = reply.message.split("|")
    assert protocol == "HTTP/2.0"
    assert tls_version.startswith("TLS") == (forward_type == "GRPCS")
    assert (host, forwarded_for, proto, path) == ("a.test", "127.0.0.1", "https", PATH)


async def test_stranger_calls_nothing(tmp_path: Path) -> None:
    port = free_port()
    async with grpc_backend(tmp_path / "rs") as backend, serving_plane(tmp_path / "clb") as plane:
        chosen = route(backend, forward_type="GRPC")
        await plane.apply((https(port, domain("a.test", routes=(chosen,), http2=True), tls=MUTUAL),))
        reply = await call(client(client_pair("foreign")), port, sni="a.test", path=PATH)
    assert not reply.ok


async def test_http2_client_is_served_by_a_backend_of_http_1_1(tmp_path: Path) -> None:
    port = free_port()
    async with echo_backend("rs-1") as backend, serving_plane(tmp_path / "clb") as plane:
        site = domain("a.test", routes=(route(backend.weighing(10)),), http2=True)
        await plane.apply((https(port, site, tls=MUTUAL),))
        reply = await call(client(client_pair("a")), port, sni="a.test", path="/")
        assert (reply.ok, reply.message) == (True, "rs-1")
        assert backend.requests[0].version == (1, 1)
