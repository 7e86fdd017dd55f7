"""Behaviour 27: names and URLs, scheduling, session persistence and headers on the way to a backend.

Documented: the order of domain and URL forms, X-Forwarded-For and X-Client-Proto, weight 0 gets nothing.
Guess: a route without backends answers 502.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from simulator.dataplane_fixtures import (
    EchoBackend,
    authority,
    client,
    client_pair,
    domain,
    echo_backend,
    eventually,
    free_port,
    https,
    mutual,
    route,
    serving_plane,
)

from clb_simulator.dataplane.model import Backend, DataPlaneError, Listener, Route
from clb_simulator.dataplane.nginx import NginxDataPlane

MUTUAL = mutual(("a.test",), "a")
ME = client(client_pair("a"))


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[NginxDataPlane]:
    async with serving_plane(tmp_path) as plane:
        yield plane


@pytest.fixture
async def backends() -> AsyncIterator[tuple[EchoBackend, EchoBackend]]:
    async with echo_backend("rs-1") as first, echo_backend("rs-2") as second:
        yield first, second


def one_route(port: int, chosen: Route) -> tuple[Listener, ...]:
    return (https(port, domain("a.test", routes=(chosen,)), tls=MUTUAL),)


async def answers(port: int, count: int, headers: dict[str, str] | None = None) -> Counter[str]:
    got = [await ME.asks(port, sni="a.test", headers=headers) for _ in range(count)]
    return Counter(response.body if response.status == 200 else str(response.status) for response in got)


async def test_weights_are_shares(plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]) -> None:
    port = free_port()
    await plane.apply(one_route(port, route(backends[0].weighing(30), backends[1].weighing(10))))
    assert await answers(port, 8) == {"rs-1": 6, "rs-2": 2}


@pytest.mark.parametrize("scheduler", ["WRR", "LEAST_CONN", "IP_HASH"])
async def test_weight_zero_gets_nothing(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend], scheduler: str
) -> None:
    port = free_port()
    chosen = route(backends[0].weighing(0), backends[1].weighing(10), scheduler=scheduler)
    await plane.apply(one_route(port, chosen))
    assert await answers(port, 6) == {"rs-2": 6}


async def test_least_connections_avoids_the_busy_backend(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    chosen = route(*(backend.weighing(10) for backend in backends), scheduler="LEAST_CONN")
    await plane.apply(one_route(port, chosen))
    for backend in backends:
        backend.gate.clear()
    busy = asyncio.create_task(ME.asks(port, sni="a.test"))
    await eventually(lambda: any(backend.requests for backend in backends), "one backend is busy")
    idle = next(backend for backend in backends if not backend.requests)
    idle.gate.set()
    assert await answers(port, 4) == {idle.name: 4}
    for backend in backends:
        backend.gate.set()
    await busy


async def test_ip_hash_sends_a_client_to_one_backend(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    chosen = route(*(backend.weighing(10) for backend in backends), scheduler="IP_HASH")
    await plane.apply(one_route(port, chosen))
    assert len(await answers(port, 6)) == 1


async def test_session_cookie_sticks_across_a_change(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    chosen = route(*(backend.weighing(10) for backend in backends), session_seconds=60, cookie_name="who")
    await plane.apply(one_route(port, chosen))
    first = await ME.asks(port, sni="a.test")
    cookie = first.headers["Set-Cookie"]
    assert cookie.startswith("who=")
    assert "max-age=60" in cookie.lower()
    headers = {"Cookie": cookie.split(";")[0]}
    assert await answers(port, 5, headers) == {first.body: 5}
    await plane.apply(one_route(port, replace(chosen, session_seconds=90)))
    assert await answers(port, 5, headers) == {first.body: 5}


async def test_without_persistence_there_is_no_cookie(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    await plane.apply(one_route(port, route(backends[0].weighing(10))))
    assert "Set-Cookie" not in (await ME.asks(port, sni="a.test")).headers


async def test_route_without_backends_answers_502(plane: NginxDataPlane) -> None:
    port = free_port()
    await plane.apply(one_route(port, route()))
    assert await answers(port, 1) == {"502": 1}


async def test_headers_tell_the_client_and_nothing_of_its_certificate(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    await plane.apply(one_route(port, route(backends[0].weighing(10))))
    forged = {"X-Client-Proto": "http", "X-Forwarded-For": "192.0.2.7"}
    await ME.asks(port, sni="a.test", host=f"a.test:{port}", path="/dir/?q=1", headers=forged)
    (request,) = backends[0].requests
    assert request.headers.getall("X-Client-Proto") == ["https"]
    assert request.headers["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
    assert request.headers["Host"] == f"a.test:{port}"
    assert request.path_qs == "/dir/?q=1"
    assert request.version == (1, 1)
    assert set(request.headers) == {"Host", "Connection", "X-Client-Proto", "X-Forwarded-For"}


async def test_plain_listener_says_http(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    site = domain("a.test", routes=(route(backends[0].weighing(10)),))
    await plane.apply((replace(https(port, site), protocol="HTTP"),))
    reply = await ME.asks_plainly(port, host="a.test")
    assert reply == "rs-1"
    assert backends[0].requests[0].headers["X-Client-Proto"] == "http"


async def test_https_backend_is_reached_whatever_its_certificate(plane: NginxDataPlane) -> None:
    port = free_port()
    async with echo_backend("tls", authority("unknown").issue("elsewhere.test")) as backend:
        await plane.apply(one_route(port, route(backend.weighing(10), forward_type="HTTPS")))
        assert await answers(port, 2) == {"tls": 2}


async def test_unknown_forward_type_is_refused(plane: NginxDataPlane) -> None:
    with pytest.raises(DataPlaneError, match="TRPC"):
        await plane.apply(one_route(free_port(), route(Backend("127.0.0.1", 1, 1), forward_type="TRPC")))


async def test_url_forms_match_in_the_documented_order(plane: NginxDataPlane) -> None:
    # Each backend is named by the URL of its route.
    urls = ["/", "/dir/", "/dir/page.html", "= /dir/exact", "^~ /static/", r"~ \.php$", r"~* \.JPG$"]
    asked = {
        "/other": "/",
        "/dir/x": "/dir/",
        "/dir/page.html": "/dir/page.html",
        "/dir/exact": "= /dir/exact",
        "/static/a.php": "^~ /static/",
        "/dir/a.php": r"~ \.php$",
        "/dir/a.PHP": "/dir/",
        "/a.jpg": r"~* \.JPG$",
    }
    assert await which(plane, urls, asked) == asked


async def which(plane: NginxDataPlane, urls: list[str], asked: dict[str, str]) -> dict[str, str]:
    """Return the URL of the route that each path reached."""
    port = free_port()
    async with echo_backend("any") as backend:
        # A route's cookie tells which one answered.
        routes = tuple(
            route(
                backend.weighing(1), location_id=f"loc-{n}", url=url, session_seconds=60, cookie_name=f"r{n}"
            )
            for n, url in enumerate(urls)
        )
        await plane.apply((https(port, domain("a.test", routes=routes), tls=MUTUAL),))
        replies = {path: await ME.asks(port, sni="a.test", path=path) for path in asked}
    return {
        path: urls[int(reply.headers["Set-Cookie"].split("=")[0].removeprefix("r"))]
        for path, reply in replies.items()
    }


async def test_url_of_no_route_is_not_found(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    await plane.apply(one_route(port, route(backends[0].weighing(10), url="/only/")))
    assert (await ME.asks(port, sni="a.test", path="/else")).status == 404


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("www.x.test", "exact"),
        ("other.x.test", "*.x"),
        ("www.y.example", "www.y.*"),
        ("api7.z.test", "regex"),
        ("nothing.else", "exact"),
    ],
)
async def test_domain_forms_choose_certificate_and_route(
    plane: NginxDataPlane, name: str, expected: str
) -> None:
    port = free_port()
    forms = {"exact": "www.x.test", "*.x": "*.x.test", "www.y.*": "www.y.*", "regex": r"~^api\d+\.z\.test$"}
    async with echo_backend("any") as backend:
        domains = [
            domain(
                pattern,
                tls=mutual((f"{n}.server.test",), "a"),
                default=label == "exact",
                routes=(
                    route(
                        backend.weighing(1), location_id=f"loc-{n}", session_seconds=60, cookie_name=f"d{n}"
                    ),
                ),
            )
            for n, (label, pattern) in enumerate(forms.items())
        ]
        await plane.apply((https(port, *domains),))
        reply = await ME.asks(port, sni=name)
    index = list(forms).index(expected)
    assert reply.headers["Set-Cookie"].startswith(f"d{index}=")
    assert f"{index}.server.test".encode() in reply.server_certificate


async def test_http2_is_negotiated_by_domain(plane: NginxDataPlane) -> None:
    port = free_port()
    await plane.apply(
        (
            https(
                port,
                domain("two.test", tls=MUTUAL, default=True, http2=True),
                domain("one.test", tls=MUTUAL),
            ),
        )
    )
    assert ME.negotiates(port, sni="two.test") == "h2"
    assert ME.negotiates(port, sni="one.test") == "http/1.1"


async def test_both_kinds_of_key_are_served(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    pairs = (authority("servers").issue("a.test", kind="rsa"), authority("servers").issue("a.test"))
    both = replace(MUTUAL, key_pairs=pairs)
    await plane.apply((https(port, domain("a.test", routes=(route(backends[0].weighing(1)),)), tls=both),))
    seen = set()
    for ciphers in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        who = client(client_pair("a"))
        who.context.set_ciphers(ciphers)
        seen.add((await who.asks(port, sni="a.test")).server_certificate)
    assert len(seen) == 2


async def test_listener_without_domains_listens(plane: NginxDataPlane) -> None:
    port = free_port()
    await plane.apply((https(port, tls=MUTUAL),))
    assert (await ME.asks(port, sni="a.test")).status == 404
    assert (await client().asks(port, sni="a.test")).status == 400


async def test_no_value_becomes_a_directive(
    plane: NginxDataPlane, backends: tuple[EchoBackend, EchoBackend]
) -> None:
    port = free_port()
    url = '/"; return 200 "injected"; #'
    await plane.apply(one_route(port, route(backends[0].weighing(10), url=url)))
    assert (await ME.asks(port, sni="a.test")).status == 404
    for unwritable in ("/\n}", "/\ud800"):
        with pytest.raises(DataPlaneError, match="control characters"):
            await plane.apply(one_route(port, route(backends[0].weighing(10), url=unwritable)))
