"""Behaviour 27: client verification per listener or SNI domain, in every form that CLB may have.

Documented: certificates per SNI domain, ON and OPTIONAL. Guesses, therefore switches: the form of refusal
and what a Host of another domain gets.
"""

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from simulator.dataplane_fixtures import (
    Client,
    EchoBackend,
    Response,
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

from clb_simulator.dataplane.model import Listener, Verify
from clb_simulator.dataplane.nginx import NginxDataPlane
from clb_simulator.dataplane.switches import Switches

FORMS = [
    Switches(refusal="http400", foreign_host="421", tls13=True),
    Switches(refusal="http400", foreign_host="route", tls13=True),
    Switches(refusal="tls-alert", foreign_host="421", tls13=True),
    Switches(refusal="tls-alert", foreign_host="route", tls13=True),
]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=FORMS, ids=lambda form: f"{form.refusal} {form.foreign_host}")
def switches(request: pytest.FixtureRequest) -> Switches:
    form: Switches = request.param
    return form


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    chosen: ssl.TLSVersion = request.param
    return chosen


@pytest.fixture
async def backends() -> AsyncIterator[tuple[EchoBackend, EchoBackend]]:
    async with echo_backend("rs-1") as first, echo_backend("rs-2") as second:
        yield first, second


@pytest.fixture
async def plane(tmp_path: Path, switches: Switches) -> AsyncIterator[NginxDataPlane]:
    async with serving_plane(tmp_path, switches) as plane:
        yield plane


def two_domains(port: int, backends: tuple[EchoBackend, EchoBackend]) -> Listener:
    """Return a listener with domains a (the default) and b, each with its own CA and backend."""
    first, second = backends
    return https(
        port,
        domain(
            "b.test",
            tls=mutual(("b.test",), "b"),
            routes=(route(second.weighing(10), location_id="loc-2"),),
        ),
        domain("a.test", tls=mutual(("a.test",), "a"), default=True, routes=(route(first.weighing(10)),)),
    )


async def outcome(
    who: Client,
    port: int,
    *,
    sni: str | None,
    host: str | None = None,
    session: ssl.SSLSession | None = None,
) -> str:
    """Return the backend's name, the status of a refusal, or the reason of a TLS alert."""
    try:
        response = await who.asks(port, sni=sni, host=host, session=session)
    except ssl.SSLError as error:
        reason = error.reason or "no reason"
        return f"alert {reason}" if "ALERT" in reason else reason
    return response.body if response.status == 200 else str(response.status)


def is_refusal(got: str, switches: Switches) -> bool:
    """Tell whether a client was refused in the form that it should be."""
    return got.startswith("alert") if switches.refusal == "tls-alert" else got == "400"


async def test_good_certificate_reaches_both_backends_in_turn(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend], version: ssl.TLSVersion
) -> None:
    port = free_port()
    routes = (route(*(backend.weighing(10) for backend in backends)),)
    await plane.apply((https(port, domain("a.test", routes=routes), tls=mutual(("a.test",), "a")),))
    who = client(client_pair("a"), version)
    got = [await outcome(who, port, sni="a.test") for _ in range(4)]
    assert got in (["rs-1", "rs-2"] * 2, ["rs-2", "rs-1"] * 2)


@pytest.mark.parametrize("sni", ["a.test", None, "unknown.test"])
async def test_strangers_are_refused_whatever_name_they_ask(
    plane: NginxDataPlane,
    backends: tuple[EchoBackend, EchoBackend],
    switches: Switches,
    version: ssl.TLSVersion,
    sni: str | None,
) -> None:
    port = free_port()
    await plane.apply((two_domains(port, backends),))
    for stranger in (None, client_pair("foreign"), client_pair("b")):
        got = await outcome(client(stranger, version), port, sni=sni)
        assert is_refusal(got, switches), got
    assert await outcome(client(client_pair("a"), version), port, sni=sni) == "rs-1"


async def test_each_domain_admits_its_own_ca_alone(
    plane: NginxDataPlane,
    backends: tuple[EchoBackend, EchoBackend],
    switches: Switches,
    version: ssl.TLSVersion,
) -> None:
    port = free_port()
    await plane.apply((two_domains(port, backends),))
    assert await outcome(client(client_pair("b"), version), port, sni="b.test") == "rs-2"
    got = await outcome(client(client_pair("a"), version), port, sni="b.test")
    assert is_refusal(got, switches), got


@pytest.mark.parametrize("sni", ["a.test", None])
async def test_host_of_another_domain_gets_421_or_that_domain(
    plane: NginxDataPlane,
    backends: tuple[EchoBackend, EchoBackend],
    switches: Switches,
    version: ssl.TLSVersion,
    sni: str | None,
) -> None:
    port = free_port()
    await plane.apply((two_domains(port, backends),))
    expected = "421" if switches.foreign_host == "421" else "rs-2"
    assert await outcome(client(client_pair("a"), version), port, sni=sni, host="b.test") == expected
    for stranger in (None, client_pair("b")):
        got = await outcome(client(stranger, version), port, sni=sni, host="b.test")
        assert is_refusal(got, switches) or got == "421", got


async def test_one_way_domain_opens_no_mutual_one(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend], switches: Switches
) -> None:
    port = free_port()
    listener = two_domains(port, backends)
    open_domain = domain("open.test", tls=mutual(("open.test",), "a", verify="off"), routes=())
    await plane.apply((https(port, *listener.domains, open_domain),))
    got = await outcome(client(), port, sni="open.test", host="a.test")
    assert got == ("421" if switches.foreign_host == "421" else "rs-1")
    got = await outcome(client(), port, sni="a.test", host="open.test")
    assert is_refusal(got, switches) or (got == "421" and switches.foreign_host == "421")


async def test_optional_admits_none_and_good_but_no_foreign_certificate(
    plane: NginxDataPlane,
    backends: tuple[EchoBackend, EchoBackend],
    switches: Switches,
    version: ssl.TLSVersion,
) -> None:
    port = free_port()
    routes = (route(backends[0].weighing(10)),)
    await plane.apply(
        (https(port, domain("a.test", routes=routes), tls=mutual(("a.test",), "a", verify="optional")),)
    )
    assert await outcome(client(None, version), port, sni="a.test") == "rs-1"
    assert await outcome(client(client_pair("a"), version), port, sni="a.test") == "rs-1"
    got = await outcome(client(client_pair("foreign"), version), port, sni="a.test")
    assert is_refusal(got, switches), got


async def test_expired_certificate_is_refused(
    plane: NginxDataPlane,
    backends: tuple[EchoBackend, EchoBackend],
    switches: Switches,
    version: ssl.TLSVersion,
) -> None:
    port = free_port()
    site = domain("a.test", routes=(route(backends[0].weighing(10)),))
    expired = authority("a").issue("client", lifetime=timedelta(days=1))
    modes: tuple[Verify, ...] = ("on", "optional")
    for verify in modes:
        await plane.apply((https(port, site, tls=mutual(("a.test",), "a", verify=verify)),))
        got = await outcome(client(expired, version), port, sni="a.test")
        assert is_refusal(got, switches), got
        assert got in ("400", "alert SSLV3_ALERT_CERTIFICATE_EXPIRED")


async def test_one_way_listener_asks_for_nothing(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    routes = (route(backends[0].weighing(10)),)
    await plane.apply(
        (https(port, domain("a.test", routes=routes), tls=mutual(("a.test",), "a", verify="off")),)
    )
    assert await outcome(client(), port, sni="a.test") == "rs-1"


async def test_session_of_one_domain_opens_no_other(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend], version: ssl.TLSVersion
) -> None:
    port = free_port()
    second_domain, first_domain = two_domains(port, backends).domains
    # With one certificate for both, OpenSSL cannot tell the domains' sessions apart.
    shared = replace(second_domain, tls=mutual(("a.test",), "b"))
    await plane.apply((https(port, shared, first_domain),))
    who = client(client_pair("a"), version)
    for first_sni in ("a.test", None):
        first = await who.asks(port, sni=first_sni)
        assert first.status == 200
        assert not await reaches(who, port, first)


async def test_session_is_resumed_where_all_admit_the_same_clients(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend], version: ssl.TLSVersion
) -> None:
    port = free_port()
    routes = (route(backends[0].weighing(10)),)
    await plane.apply((https(port, domain("a.test", routes=routes), tls=mutual(("a.test",), "a")),))
    who = client(client_pair("a"), version)
    first = await who.asks(port, sni="a.test")
    second = await who.asks(port, sni="a.test", session=first.session)
    assert (second.status, second.resumed) == (200, True)


async def test_session_does_not_outlive_a_change_of_ca(
    plane: NginxDataPlane,
    backends: tuple[EchoBackend, EchoBackend],
    switches: Switches,
    version: ssl.TLSVersion,
) -> None:
    port = free_port()
    site = domain("a.test", routes=(route(backends[0].weighing(10)),))
    await plane.apply((https(port, site, tls=mutual(("a.test",), "a")),))
    who = client(client_pair("a"), version)
    first = await who.asks(port, sni="a.test")
    await plane.apply((https(port, site, tls=mutual(("a.test",), "b")),))
    got = await outcome(who, port, sni="a.test", session=first.session)
    assert is_refusal(got, switches), got


async def reaches(who: Client, port: int, first: Response) -> bool:
    """Tell whether the session of one response reaches domain b's backend."""
    try:
        second = await who.asks(port, sni="b.test", session=first.session)
    except ssl.SSLError:
        return False
    return second.resumed or second.status == 200
