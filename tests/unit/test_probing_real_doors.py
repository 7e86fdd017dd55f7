"""The trials over real TLS, against the simulated load balancer in each form that it can refuse in."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from simulator.dataplane_fixtures import (
    VIP,
    EchoBackend,
    authority,
    client_pair,
    domain,
    echo_backend,
    free_port,
    https,
    mutual,
    route,
    server_context,
    serving_plane,
)

from clb_simulator.dataplane.model import Listener, Verify
from clb_simulator.dataplane.nginx import NginxDataPlane
from clb_simulator.dataplane.switches import Switches
from mtls_operator.api.listener_status import VerificationResult
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core import probe_cert
from mtls_operator.core.trials import Credentials, Door, Shows, Site
from mtls_operator.core.verification import Answered, Silent, SiteReport, overall
from mtls_operator.pki.issue import Issuer
from mtls_operator.probing.prober import Knock, TlsProber
from mtls_operator.probing.rounds import Keyring, Trials

FORMS = [
    Switches(refusal="http400", foreign_host="421", tls13=True),
    Switches(refusal="http400", foreign_host="route", tls13=False),
    Switches(refusal="tls-alert", foreign_host="421", tls13=False),
    Switches(refusal="tls-alert", foreign_host="route", tls13=True),
]
A, B = ObjectRef("edge", "a"), ObjectRef("edge", "b")
NOW = datetime.now(UTC)  # noqa: TID251 - the load balancer looks at the real time


@pytest.fixture(params=FORMS, ids=lambda form: f"{form.refusal} {form.foreign_host} {form.tls13}")
def switches(request: pytest.FixtureRequest) -> Switches:
    form: Switches = request.param
    return form


@pytest.fixture
async def plane(tmp_path: Path, switches: Switches) -> AsyncIterator[NginxDataPlane]:
    async with serving_plane(tmp_path, switches) as plane:
        yield plane


@pytest.fixture
async def backend() -> AsyncIterator[EchoBackend]:
    async with echo_backend("rs-1") as backend:
        yield backend


def keyring(name: str) -> Keyring:
    """Return what the operator would show for a root of the fixtures."""
    root = authority(name)
    good, issuer = client_pair(name), Issuer(root.certificate, root.key)
    return Keyring(
        shown={
            Shows.GOOD: Credentials(chain=good.chain_pem.encode(), key=good.key_pem.encode()),
            Shows.FOREIGN: probe_cert.foreign(root.certificate, NOW),
            Shows.EXPIRED: probe_cert.expired(issuer, NOW - timedelta(days=1)),
        }
    )


def site(name: str, ref: ObjectRef = A) -> Site:
    return Site(domain=name, host=name, authority=ref)


async def trying(port: int, *sites: Site) -> tuple[SiteReport, ...]:
    door = Door(address=VIP, port=port, path="/", sites=sites)
    return await Trials(TlsProber()).try_door(door, {A: keyring("a"), B: keyring("b")})


def one_domain(port: int, backend: EchoBackend, verify: Verify = "on") -> Listener:
    at = domain("a.test", routes=(route(backend.weighing(10)),))
    return https(port, at, tls=mutual(("a.test",), "a", verify=verify))


def two_domains(port: int, backend: EchoBackend, second: str = "b") -> Listener:
    to = (route(backend.weighing(10)),)
    return https(
        port,
        domain("a.test", tls=mutual(("a.test",), "a"), default=True, routes=to),
        domain("b.test", tls=mutual(("b.test",), second), routes=(replace(to[0], location_id="loc-2"),)),
    )


async def test_a_closed_door_is_enforced(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply((one_domain(port, backend),))
    (report,) = await trying(port, site("a.test"))
    assert report.result is VerificationResult.ENFORCED, list(report.reasons())
    assert len(report.findings) == 5
    shown = x509.load_pem_x509_certificate(mutual(("a.test",), "a").key_pairs[0].chain_pem.encode())
    assert report.served == {sha256(shown.public_bytes(Encoding.DER)).hexdigest()}


@pytest.mark.parametrize("verify", ["off", "optional"])
async def test_a_door_without_a_lock_is_open(
    plane: NginxDataPlane, backend: EchoBackend, verify: Verify
) -> None:
    port = free_port()
    await plane.apply((one_domain(port, backend, verify),))
    (report,) = await trying(port, site("a.test"))
    assert report.result is VerificationResult.OPEN
    assert "a.test, no certificate: HTTP 200, as with a good certificate" in list(report.reasons())


async def test_domains_of_one_audience_are_enforced(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply((two_domains(port, backend, "a"),))
    reports = await trying(port, site("a.test"), site("b.test"))
    assert overall(reports) is VerificationResult.ENFORCED


async def test_a_way_from_one_audience_to_another_is_found(
    plane: NginxDataPlane, backend: EchoBackend, switches: Switches
) -> None:
    port = free_port()
    await plane.apply((two_domains(port, backend),))
    reports = await trying(port, site("a.test"), site("b.test", B))
    if switches.foreign_host == "421":
        assert overall(reports) is VerificationResult.ENFORCED
        return
    assert [report.result for report in reports] == [VerificationResult.OPEN] * 2
    assert "b.test, a certificate for a.test, whose name is in the handshake: HTTP 200" in "".join(
        reports[1].reasons()
    )


async def test_an_application_that_answers_400_is_no_door(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    backend.status = 400
    port = free_port()
    await plane.apply((one_domain(port, backend),))
    (report,) = await trying(port, site("a.test"))
    assert report.control == "HTTP 400"
    assert report.result is VerificationResult.ENFORCED, list(report.reasons())
    await plane.apply((one_domain(port, backend, "off"),))
    (report,) = await trying(port, site("a.test"))
    assert report.result is VerificationResult.UNKNOWN


async def test_a_dead_real_server_says_nothing(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    backend.port = free_port("127.0.0.1")
    await plane.apply((one_domain(port, backend, "off"),))
    (report,) = await trying(port, site("a.test"))
    assert report.result is VerificationResult.UNKNOWN
    assert "HTTP 502" in report.failure


async def test_a_listener_that_admits_another_authority_says_nothing(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    await plane.apply((one_domain(port, backend),))
    (report,) = await trying(port, site("a.test", B))
    assert report.result is VerificationResult.UNKNOWN


Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving_over_tls(answer: Handler, address: str) -> AsyncIterator[int]:
    """Serve one answer over TLS to whoever asks."""
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    with server_context(authority("servers").issue("a.test")) as context:
        await web.TCPSite(runner, address, 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def knock(port: int, address: str = "127.0.0.1") -> Knock:
    return Knock(address=address, port=port, sni=None, host="a.test", path="/", credentials=None)


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """Send the same bytes to one who connects, and hang up."""
    answered = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()
        answered.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await answered.wait()


class TestWhatIsNoAnswer:
    async def test_nobody_there(self) -> None:
        seen = await TlsProber().knock(knock(free_port("127.0.0.1")))
        assert seen == Silent(why="no connection: connection refused")

    async def test_a_name_that_leads_nowhere(self) -> None:
        seen = await TlsProber().knock(knock(443, "nobody.invalid"))
        assert isinstance(seen, Silent)

    async def test_somebody_who_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            seen = await TlsProber(seconds=0.2).knock(knock(deaf.getsockname()[1]))
        assert seen == Silent(why="no answer within 0 s")

    async def test_somebody_who_speaks_no_tls(self) -> None:
        async with answering(b"220 mail.acme.example ESMTP\r\n") as port:
            seen = await TlsProber().knock(knock(port))
        assert isinstance(seen, Silent)


async def test_an_ipv6_address_is_asked_and_a_long_answer_cut() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 10_000_000, headers={"X-Served-By": "six"})

    async with serving_over_tls(answer, "::1") as port:
        seen = await TlsProber().knock(knock(port, "::1"))
    assert isinstance(seen, Answered)
    assert (seen.status, seen.headers["x-served-by"]) == (200, "six")
    assert seen.body == sha256(b"x" * 65536).hexdigest()


async def test_a_redirect_is_not_followed() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    async with serving_over_tls(answer, "127.0.0.1") as port:
        seen = await TlsProber().knock(knock(port))
    assert isinstance(seen, Answered)
    assert seen.status == 302
