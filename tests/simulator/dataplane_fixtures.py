"""Certificates, backends and clients for the tests of the data plane: all real, all on loopback."""

import asyncio
import http.client
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from clb_simulator.dataplane.model import (
    Backend,
    Domain,
    HealthCheck,
    KeyPair,
    Listener,
    Route,
    TlsBinding,
    Verify,
)
from clb_simulator.dataplane.nginx import NginxDataPlane
from clb_simulator.dataplane.switches import Switches

VIP = "127.0.77.1"
PRIVATE_KEY = "PRIVATE KEY"
_NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
_LIFETIME = timedelta(days=36500)

UNCHECKED = HealthCheck(
    enabled=False,
    path="/",
    method="HEAD",
    host=None,
    interval_seconds=5,
    timeout_seconds=2,
    healthy_threshold=3,
    unhealthy_threshold=3,
    codes_mask=31,
    protocol="HTTP",
)


@dataclass(frozen=True)
class Authority:
    """A root and the leaves that it signs."""

    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self, *names: str, kind: Literal["ec", "rsa"] = "ec", lifetime: timedelta = _LIFETIME
    ) -> KeyPair:
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if kind == "ec"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
        leaf = (
            _builder(names[0], self.name, lifetime)
            .public_key(key.public_key())
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        return KeyPair(leaf.public_bytes(serialization.Encoding.PEM).decode(), _key_pem(key))


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _builder(subject: str, issuer: str, lifetime: timedelta = _LIFETIME) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_BEFORE + lifetime)
    )


@cache
def authority(name: str) -> Authority:
    """Return the root of this name, the same one every time."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(name, name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(name, key, certificate)


def mutual(names: tuple[str, ...], ca: str, *, verify: Verify = "on") -> TlsBinding:
    """Return a binding that shows a certificate of the root `servers` and verifies with the root `ca`."""
    return TlsBinding((_server_pair(names),), authority(ca).pem, verify)


@cache
def _server_pair(names: tuple[str, ...]) -> KeyPair:
    return authority("servers").issue(*names)


@cache
def client_pair(ca: str) -> KeyPair:
    """Return a client certificate of this root."""
    return authority(ca).issue(f"client of {ca}")


@dataclass
class EchoBackend:
    """A backend that answers with its name when its gate is open, and keeps what it was asked.

    `probed` is the status for HEAD, by which checks ask, when it is another than that of requests.
    """

    name: str
    port: int = 0
    address: str = "127.0.0.1"
    status: int = 200
    probed: int | None = None
    requests: list[web.Request] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        await self.gate.wait()
        status = self.probed if self.probed and request.method == "HEAD" else self.status
        return web.Response(status=status, text=self.name)

    def weighing(self, weight: int) -> Backend:
        return Backend(self.address, self.port, weight)


@asynccontextmanager
async def echo_backend(name: str, tls: KeyPair | None = None) -> AsyncIterator[EchoBackend]:
    """Serve a backend while the block runs, over TLS when it has a certificate."""
    backend = EchoBackend(name)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", backend.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        with server_context(tls) as context:
            site = web.TCPSite(runner, backend.address, 0, ssl_context=context)
            await site.start()
        backend.port = runner.addresses[0][1]
        yield backend
    finally:
        await runner.cleanup()


@contextmanager
def server_context(pair: KeyPair | None) -> Iterator[ssl.SSLContext | None]:
    """Return a context that shows this certificate, or None without one."""
    if pair is None:
        yield None
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, pair)
    yield context


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Give a context a certificate and its key."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "pair.pem")
        path.write_text(pair.chain_pem + pair.key_pem)
        context.load_cert_chain(path)


@asynccontextmanager
async def serving_plane(directory: Path, switches: Switches | None = None) -> AsyncIterator[NginxDataPlane]:
    """Run a data plane while the block runs."""
    plane = NginxDataPlane(directory, switches=switches or Switches())
    await plane.start()
    try:
        yield plane
    finally:
        await plane.stop()


def free_port(address: str = VIP) -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def route(
    *backends: Backend,
    location_id: str = "loc-1",
    url: str = "/",
    scheduler: str = "WRR",
    forward_type: str = "HTTP",
    session_seconds: int = 0,
    cookie_name: str | None = None,
    health_check: HealthCheck = UNCHECKED,
) -> Route:
    """Return a route with CLB's defaults, its check off."""
    return Route(
        location_id,
        url,
        scheduler,
        forward_type,
        session_seconds,
        cookie_name,
        backends,
        health_check,
    )


def domain(
    *names: str,
    routes: tuple[Route, ...] = (),
    tls: TlsBinding | None = None,
    default: bool = False,
    http2: bool = False,
) -> Domain:
    """Return a domain of these names."""
    return Domain(names, default, http2, tls, routes)


def https(port: int, *domains: Domain, tls: TlsBinding | None = None) -> Listener:
    """Return an HTTPS listener: SNI on unless it has a binding of its own."""
    return Listener("lb-1", f"lbl-{port}", VIP, port, "HTTPS", tls is None, tls, domains)


@dataclass(frozen=True)
class Response:
    """What a client got."""

    status: int
    headers: http.client.HTTPMessage
    body: str
    server_certificate: bytes
    session: ssl.SSLSession | None
    resumed: bool


@dataclass(frozen=True)
class Client:
    """A TLS client of one certificate, or of none, that trusts any server."""

    context: ssl.SSLContext

    def get(
        self,
        port: int,
        *,
        sni: str | None,
        host: str | None = None,
        path: str = "/",
        headers: dict[str, str] | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Response:
        """Send one GET on a connection of its own. The Host is the SNI unless given."""
        with (
            socket.create_connection((VIP, port), timeout=10) as raw,
            self.context.wrap_socket(raw, server_hostname=sni, session=session) as connection,
        ):
            lines = {"Host": host or sni or VIP, "Connection": "close", **(headers or {})}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            connection.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            with http.client.HTTPResponse(connection) as response:
                response.begin()
                body = response.read().decode()
                return Response(
                    response.status,
                    response.msg,
                    body,
                    connection.getpeercert(binary_form=True) or b"",
                    connection.session,
                    bool(connection.session_reused),
                )

    async def asks(
        self,
        port: int,
        *,
        sni: str | None,
        host: str | None = None,
        path: str = "/",
        headers: dict[str, str] | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Response:
        """Send one GET from a thread, so that backends in the test's event loop can answer."""
        return await asyncio.to_thread(
            self.get, port, sni=sni, host=host, path=path, headers=headers, session=session
        )

    async def asks_plainly(self, port: int, *, host: str) -> str:
        """Send one GET without TLS and return the body."""
        reader, writer = await asyncio.open_connection(VIP, port)
        writer.write(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        reply = await reader.read()
        writer.close()
        await writer.wait_closed()
        return reply.partition(b"\r\n\r\n")[2].decode()

    def negotiates(self, port: int, *, sni: str) -> str | None:
        """Return the protocol that a client which knows HTTP/2 ends up with."""
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        try:
            with (
                socket.create_connection((VIP, port), timeout=10) as raw,
                self.context.wrap_socket(raw, server_hostname=sni) as connection,
            ):
                return connection.selected_alpn_protocol()
        finally:
            self.context.set_alpn_protocols(["http/1.1"])


def client(pair: KeyPair | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> Client:
    """Return a client that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if pair:
        load_pair(context, pair)
    return Client(context)


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds, ten seconds at most."""
    deadline = asyncio.get_running_loop().time() + 10
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"never came true: {what}"
        await asyncio.sleep(0.01)
