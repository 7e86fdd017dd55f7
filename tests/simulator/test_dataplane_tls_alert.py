"""Behaviour 27: refusal by a TLS alert, where nothing but the refusal may differ from the other form.

Guess: which form CLB has is not documented, therefore the switch `refusal`.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from simulator.dataplane_fixtures import (
    VIP,
    EchoBackend,
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

from clb_simulator.dataplane.model import Backend, DataPlaneError, KeyPair, Listener, TlsBinding
from clb_simulator.dataplane.nginx import NginxDataPlane
from clb_simulator.dataplane.switches import Switches
from clb_simulator.dataplane.tls_door import Door, DoorDomain, Identity
from clb_simulator.dataplane.tls_stream import read_hello

MUTUAL = mutual(("a.test",), "a")
ME = client(client_pair("a"))
SWITCHES = Switches(refusal="tls-alert", tls13=True)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[NginxDataPlane]:
    async with serving_plane(tmp_path, SWITCHES) as plane:
        yield plane


@pytest.fixture
async def backend() -> AsyncIterator[EchoBackend]:
    async with echo_backend("rs-1") as backend:
        yield backend


def serving(port: int, backend: Backend, tls: TlsBinding = MUTUAL) -> tuple[Listener, ...]:
    return (https(port, domain("a.test", routes=(route(backend),)), tls=tls),)


@pytest.mark.parametrize(
    ("pair", "version", "reason"),
    [
        (None, ssl.TLSVersion.TLSv1_2, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
        (None, ssl.TLSVersion.TLSv1_3, "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        (client_pair("foreign"), ssl.TLSVersion.TLSv1_2, "TLSV1_ALERT_UNKNOWN_CA"),
        (client_pair("foreign"), ssl.TLSVersion.TLSv1_3, "TLSV1_ALERT_UNKNOWN_CA"),
        (
            authority("a").issue("x", lifetime=timedelta(days=1)),
            ssl.TLSVersion.TLSv1_2,
            "CERTIFICATE_EXPIRED",
        ),
        (
            authority("a").issue("x", lifetime=timedelta(days=1)),
            ssl.TLSVersion.TLSv1_3,
            "CERTIFICATE_EXPIRED",
        ),
    ],
    ids=["none 1.2", "none 1.3", "foreign 1.2", "foreign 1.3", "expired 1.2", "expired 1.3"],
)
async def test_alert_says_why_and_always_arrives(
    plane: NginxDataPlane, backend: EchoBackend, pair: KeyPair | None, version: ssl.TLSVersion, reason: str
) -> None:
    port = free_port()
    await plane.apply(serving(port, backend.weighing(10)))
    for _ in range(10):
        with pytest.raises(ssl.SSLError, match=reason):
            await client(pair, version).asks(port, sni="a.test")
    assert not backend.requests


async def test_alert_survives_a_request_that_comes_too_late(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    await plane.apply(serving(port, backend.weighing(10)))

    def ask_after_the_alert() -> None:
        context = client(None, ssl.TLSVersion.TLSv1_3).context
        with (
            socket.create_connection((VIP, port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="a.test") as connection,
        ):
            select.select([connection], [], [], 10)
            # A socket that was closed by now would answer with a reset, and sending would fail.
            for _ in range(20):
                connection.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            connection.recv(1)

    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        await asyncio.to_thread(ask_after_the_alert)


async def test_change_that_nginx_refuses_leaves_no_address_taken(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    refused = domain("a.test", routes=(route(backend.weighing(10), url="~ ("),))
    with pytest.raises(DataPlaneError, match="missing \\)"):
        await plane.apply((https(port, refused, tls=MUTUAL),))
    with socket.socket() as another:
        another.bind((VIP, port))


async def test_headers_tell_the_client_as_without_the_terminator(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    await plane.apply(serving(port, backend.weighing(10)))
    forged = {"X-Client-Proto": "http", "X-Forwarded-For": "192.0.2.7"}
    await ME.asks(port, sni="a.test", host=f"a.test:{port}", headers=forged)
    (request,) = backend.requests
    assert request.headers.getall("X-Client-Proto") == ["https"]
    assert request.headers["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
    assert set(request.headers) == {"Host", "Connection", "X-Client-Proto", "X-Forwarded-For"}


async def test_http2_is_negotiated_by_domain_and_carries_grpc(tmp_path: Path) -> None:
    port = free_port()
    async with grpc_backend(tmp_path / "rs") as backend, serving_plane(tmp_path / "clb", SWITCHES) as plane:
        two = domain(
            "two.test",
            tls=MUTUAL,
            default=True,
            http2=True,
            routes=(route(backend, forward_type="GRPC"),),
        )
        await plane.apply((https(port, two, domain("one.test", tls=MUTUAL)),))
        who = client(client_pair("a"))
        assert await asyncio.to_thread(who.negotiates, port, sni="two.test") == "h2"
        assert await asyncio.to_thread(who.negotiates, port, sni="one.test") == "http/1.1"
        reply = await call(who, port, sni="two.test", path="/echo.Echo/Say")
    assert (reply.ok, reply.trailers) == (True, True)
    assert reply.message == "HTTP/2.0||two.test|127.0.0.1|https|/echo.Echo/Say"


async def test_both_kinds_of_key_are_served(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    pairs = (authority("servers").issue("a.test", kind="rsa"), authority("servers").issue("a.test"))
    await plane.apply(serving(port, backend.weighing(1), replace(MUTUAL, key_pairs=pairs)))
    seen = set()
    for ciphers in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        who = client(client_pair("a"))
        who.context.set_ciphers(ciphers)
        seen.add((await who.asks(port, sni="a.test")).server_certificate)
    assert len(seen) == 2


async def test_large_replies_arrive_whole(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    backend.name = "x" * 5_000_000
    await plane.apply(serving(port, backend.weighing(10)))
    assert (await ME.asks(port, sni="a.test")).body == backend.name


async def test_connection_is_kept_alive(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend.weighing(10)))
    reader, writer = await asyncio.open_connection(VIP, port, ssl=ME.context, server_hostname="a.test")
    for _ in range(3):
        writer.write(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert b" 200 " in await reader.readline()
        await reader.readuntil(b"rs-1")
    writer.close()


async def test_what_cannot_be_served_is_refused_and_the_old_one_served(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    good = serving(port, backend.weighing(10))
    await plane.apply(good)
    other = await asyncio.start_server(lambda _reader, writer: writer.close(), VIP, 0)
    taken: int = other.sockets[0].getsockname()[1]
    broken = TlsBinding((KeyPair("no certificate", "no key"),), authority("a").pem, "on")
    async with other:
        for bad, reason in (
            ((*good, *serving(taken, backend.weighing(10))), f"{VIP}:{taken}"),
            (serving(port, backend.weighing(10), broken), "cannot load certificate"),
            (serving(port, backend.weighing(10), TlsBinding(MUTUAL.key_pairs, None, "on")), "no CA is bound"),
            ((https(port, domain("~("), tls=MUTUAL),), "regular expression"),
        ):
            with pytest.raises(DataPlaneError, match=reason):
                await plane.apply(bad)
            assert (await ME.asks(port, sni="a.test")).status == 200
    with pytest.raises(DataPlaneError, match="chosen when the data plane starts"):
        await plane.use(Switches())


async def test_removed_listener_listens_no_more(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend.weighing(10)))
    await plane.apply(())
    with pytest.raises(ConnectionRefusedError):
        await ME.asks(port, sni="a.test")
    await plane.apply(serving(port, backend.weighing(10)))
    assert (await ME.asks(port, sni="a.test")).status == 200


async def test_domain_without_certificate_rejects_handshakes(plane: NginxDataPlane) -> None:
    port = free_port()
    await plane.apply((https(port, domain("a.test", default=True)),))
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        await ME.asks(port, sni="a.test")


async def test_stop_ends_open_connections(tmp_path: Path, backend: EchoBackend) -> None:
    port = free_port()
    async with serving_plane(tmp_path, SWITCHES) as plane:
        await plane.apply(serving(port, backend.weighing(10)))
        reader, writer = await asyncio.open_connection(VIP, port, ssl=ME.context, server_hostname="a.test")
    assert await reader.read() == b""
    writer.close()


async def hello_of(name: str | None) -> bytes:
    outgoing = ssl.MemoryBIO()
    side = ME.context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("name", ["a.test", None])
async def test_hello_in_pieces_is_waited_for(name: str | None) -> None:
    hello = await hello_of(name)
    reader = asyncio.StreamReader()
    asked = asyncio.create_task(read_hello(reader))
    for byte in hello:
        assert not asked.done()
        reader.feed_data(bytes([byte]))
        await asyncio.sleep(0)
    assert await asked == (hello, name)


async def test_what_is_no_hello_is_answered_and_closed(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend.weighing(10)))
    reader, writer = await asyncio.open_connection(VIP, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert b"rs-1" not in await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("www.x.test", "www.x.test"),
        ("WWW.X.TEST", "www.x.test"),
        ("deep.other.x.test", "*.x.test"),
        ("other.sub.x.test", "*.sub.x.test"),
        ("x.test", "~^x"),
        ("www.y.example", "www.y.*"),
        ("api7.z.test", r"~^api\d+\.z\.test$"),
        ("nothing.else", "www.x.test"),
        (None, "www.x.test"),
    ],
)
def test_name_meets_the_domain_that_nginx_would_choose(name: str | None, expected: str) -> None:
    patterns = [r"~^api\d+\.z\.test$", "~^x", "www.y.*", "*.x.test", "*.sub.x.test", "www.x.test"]
    identity = Identity((), None, "off", http2=False, tls13=False)
    domains = tuple(DoorDomain((pattern,), identity, pattern) for pattern in patterns)
    door = Door("127.0.0.1", 443, "a.sock", domains, default=5, unnamed_mark="www.x.test")
    assert door.choose(name)[1] == expected
