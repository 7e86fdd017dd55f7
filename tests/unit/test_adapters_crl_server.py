"""Revocation lists over HTTP on a real socket: what is served, what is not, and for how long it counts."""

import asyncio
import functools
import hashlib
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from builders import NOW, authority
from unit.crls import VALIDITY, pem, revocation_list, root_pem
from unit.fakes.cluster import FakeClock
from unit.fakes.listed_api import ListedApi

from mtls_operator.adapters.crl_server import CrlServer
from mtls_operator.adapters.kube.shapes import write_config_map
from mtls_operator.adapters.kube.view import ClusterView
from mtls_operator.adapters.listening import CannotListen, listen
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.core.ownership import authority_annotations, authority_labels
from mtls_operator.pki.crl import crl_to_der

open_socket = functools.partial(listen, what="the revocation lists", setting="crlPort")
FIRST, SECOND = revocation_list(1), revocation_list(2)
LATEST = "/crl/edge/clients.crl"
ROOTS = "/ca/edge/clients.crt"
PUBLISHED = {"ca.crt": root_pem(), "ca.crl": pem(FIRST), "g1.crl": pem(FIRST), "g2.crl": pem(SECOND)}


class Reply:
    """What came back, read to its end."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body


class Served:
    """A server over a view, and a client for it."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self.port = port
        self.clock = FakeClock(NOW)
        self.view = ClusterView(ListedApi({}))
        self._session = session

    def publish(self, data: Mapping[str, str], name: str = "clients", version: int = 1) -> None:
        owner = authority(name)
        self.view.held_published.put(_body(name, data, version))
        assert self.view.published(owner.ref) is not None

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        url = f"http://127.0.0.1:{self.port}{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(method, url, headers=named) as response:
            return Reply(response, await response.read())

    async def send(self, request: bytes) -> bytes:
        """Send exactly these bytes; return the first line of what comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line.strip()


def _body(name: str, data: Mapping[str, str], version: int = 1) -> dict[str, object]:
    owner = authority(name)
    config_map = ConfigMap(
        ref=ObjectRef("edge", f"{name}-ca"), data=data, uid="u", resource_version=str(version),
        labels=authority_labels(owner), annotations=authority_annotations(owner),
    )  # fmt: skip
    body = write_config_map(config_map)
    assert isinstance(body, dict)
    return dict(body)


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    listening = open_socket("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        served = Served(listening.getsockname()[1], session)
        server = CrlServer(served.view.published, served.clock, listening)
        await server.start()
        try:
            yield served
        finally:
            await server.stop()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        served.publish(PUBLISHED)
        yield served


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        (LATEST, crl_to_der(SECOND), "application/pkix-crl"),
        ("/crl/edge/clients/1.crl", crl_to_der(FIRST), "application/pkix-crl"),
        ("/crl/edge/clients/2.crl", crl_to_der(SECOND), "application/pkix-crl"),
        (ROOTS, root_pem().encode(), "application/x-pem-file"),
    ],
)
async def test_what_is_published_is_served(served: Served, path: str, body: bytes, content_type: str) -> None:
    reply = await served.ask(path)
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["Content-Type"] == content_type
    assert reply.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'


async def test_the_newest_generation_is_the_highest_number(served: Served) -> None:
    tenth = revocation_list(10)
    served.publish({**PUBLISHED, "g10.crl": pem(tenth)})
    assert (await served.ask(LATEST)).body == crl_to_der(tenth)


async def test_an_older_list_does_not_pass_for_the_newest(served: Served) -> None:
    served.publish({**PUBLISHED, "g10.crl": "damaged"})
    assert (await served.ask(LATEST)).status == 404
    assert (await served.ask("/crl/edge/clients/2.crl")).body == crl_to_der(SECOND)


async def test_a_list_counts_from_its_update_to_the_next(served: Served) -> None:
    headers = (await served.ask(LATEST)).headers
    assert headers["Last-Modified"] == "Mon, 23 Nov 2026 11:55:00 GMT"
    assert headers["Expires"] == "Mon, 23 Nov 2026 18:00:00 GMT"


@pytest.mark.parametrize(
    ("later", "seconds"),
    [
        (timedelta(), 3600),
        (VALIDITY - timedelta(minutes=61), 3600),
        (VALIDITY - timedelta(minutes=10), 600),
        (VALIDITY, 0),
        (VALIDITY + timedelta(days=9), 0),
    ],
)
async def test_a_list_is_kept_until_the_next_is_due_and_for_an_hour_at_most(
    served: Served, later: timedelta, seconds: int
) -> None:
    served.clock.advance(later)
    reply = await served.ask(LATEST)
    assert (reply.status, reply.headers["Cache-Control"]) == (200, f"max-age={seconds}")


async def test_roots_have_no_end_and_are_kept_for_an_hour(served: Served) -> None:
    headers = (await served.ask(ROOTS)).headers
    assert headers["Cache-Control"] == "max-age=3600"
    assert not {"Expires", "Last-Modified"} & set(headers)


@pytest.mark.parametrize("path", [LATEST, ROOTS])
async def test_head_answers_as_get_without_the_body(served: Served, path: str) -> None:
    full, head = await served.ask(path), await served.ask(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "Date": ""} == {**full.headers, "Date": ""}
    assert int(head.headers["Content-Length"]) == len(full.body)


@pytest.mark.parametrize("form", ["{0}", "W/{0}", '"other", {0}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_has_it_already_is_told_so(served: Served, form: str, method: str) -> None:
    known = (await served.ask(LATEST)).headers
    reply = await served.ask(LATEST, method, If_None_Match=form.format(known["ETag"]))
    assert (reply.status, reply.body) == (304, b"")
    for name in ("ETag", "Cache-Control", "Expires", "Last-Modified"):
        assert reply.headers[name] == known[name]


@pytest.mark.parametrize("form", ['"other"', "{0}", "no etag at all", ""])
async def test_who_has_another_one_gets_it(served: Served, form: str) -> None:
    old = (await served.ask(LATEST)).headers["ETag"]
    newer = revocation_list(3)
    served.publish({**PUBLISHED, "g2.crl": pem(newer)}, version=2)
    reply = await served.ask(LATEST, If_None_Match=form.format(old), If_Modified_Since=_LATER)
    assert (reply.status, reply.body) == (200, crl_to_der(newer))


_LATER = "Tue, 24 Nov 2026 12:00:00 GMT"

UNKNOWN = [
    *("/", "/crl", "/crl/", "/crl/edge", "/crl/edge/", "/ca/edge/", "/healthz", "/crl/edge/clients/"),
    *("/crl/edge/partners.crl", "/crl/platform/clients.crl", "/ca/edge/partners.crt"),
    *("/crl/edge/clients/3.crl", "/crl/edge/clients/0.crl", "/crl/edge/clients/01.crl"),
    *("/crl/edge/clients/-1.crl", "/crl/edge/clients/9999999999.crl", "/crl/edge/clients/ca.crl"),
    *("/crl/edge/clients/.crl", "/crl/edge/.crl", "/crl//clients.crl", "/ca/edge/clients.crl"),
    *("/crl/edge/clients.crt", "/crl/edge/clients-ca.crl", "/ca/edge/clients-ca-key.crt"),
    *("/crl/edge/clients.crl/", "/crl/edge/clients/2.crl/x", "/crl/Edge/clients.crl", "/CRL/x"),
]  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
async def test_an_unknown_name_is_not_found(served: Served, path: str) -> None:
    reply = await served.ask(path)
    assert (reply.status, reply.body.count(b"\n")) == (404, 1)
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"


TRICKS = [
    *(b"/crl/edge/../edge/clients.crl", b"/crl/./edge/clients.crl", b"/ca/../crl/edge/clients.crl"),
    *(b"//crl/edge/clients.crl", b"/crl/edge/%63lients.crl", b"/crl/edge%2fclients.crl"),
    *(b"/crl/edge/clients%2f2.crl", b"/crl/edge/clients.crl%00", b"/crl/edge/clients.crl%0a"),
    *(b"/crl/edge/..%2f..%2fetc%2fpasswd", b"/../../../../etc/passwd", b"/crl/edge/\xc3\xa9.crl", b"*"),
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
async def test_no_other_spelling_leads_anywhere(served: Served, path: bytes) -> None:
    line = await served.send(b"GET " + path + b" HTTP/1.1\r\nHost: lists\r\nConnection: close\r\n\r\n")
    assert line.split(b" ", 1)[1] in {b"404 Not Found", b"400 Bad Request"}


@pytest.mark.parametrize("path", [LATEST, "/", "/healthz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_another_method_is_refused_wherever(served: Served, method: str, path: str) -> None:
    reply = await served.ask(path, method)
    assert (reply.status, reply.headers["Allow"], reply.body.count(b"\n")) == (405, "GET, HEAD", 1)


async def test_what_is_withdrawn_is_not_served_any_more(served: Served) -> None:
    served.view.held_published.drop(_body("clients", PUBLISHED))
    assert (await served.ask(LATEST)).status == 404
    assert (await served.ask(ROOTS)).status == 404


async def test_an_authority_without_a_root_has_nothing_to_serve(served: Served) -> None:
    served.publish({}, name="announced")
    assert (await served.ask("/crl/edge/announced.crl")).status == 404
    assert (await served.ask("/ca/edge/announced.crt")).status == 404


async def test_names_with_dots_are_told_apart(served: Served) -> None:
    served.publish({"g1.crl": pem(FIRST)}, name="clients.crl")
    assert (await served.ask("/crl/edge/clients.crl.crl")).body == crl_to_der(FIRST)
    assert (await served.ask(LATEST)).body == crl_to_der(SECOND)


async def test_requests_are_not_logged_whatever_they_are(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await served.ask(LATEST)
    await served.ask("/nothing")
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ):
        assert b"400" in await served.send(nonsense)
    assert caplog.records == []


async def test_the_view_takes_what_is_published_from_lists_and_nothing_else() -> None:
    followed = _body("clients", PUBLISHED)
    unlabelled = _body("partners", PUBLISHED)
    unlabelled["metadata"] = {**_metadata(unlabelled), "labels": {}}
    other = {"metadata": {**_metadata(followed), "name": "clients-approvals"}, "data": {"x": "y"}}
    view = ClusterView(ListedApi({"/api/v1/configmaps": [other, unlabelled, followed]}, page=1))
    view.held_published.put(_body("gone-unseen", PUBLISHED))
    await view.refresh()
    assert view.held_published.refs() == [ObjectRef("edge", "clients-ca")]


def _metadata(body: Mapping[str, object]) -> dict[str, object]:
    metadata = body["metadata"]
    assert isinstance(metadata, dict)
    return metadata


def test_a_port_that_is_taken_is_said_with_the_setting_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            CannotListen, match=rf"127\.0\.0\.1 port {port}: Address already in use\. Set crlPort"
        ):
            open_socket("127.0.0.1", port)


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(CannotListen, match=r"192\.0\.2\.1 port 8082: Cannot assign"):
        open_socket("192.0.2.1", 8082)


async def test_after_the_end_the_port_is_free_again() -> None:
    async with serving() as served:
        served.publish(PUBLISHED)
        assert (await served.ask(LATEST)).status == 200
    open_socket("127.0.0.1", served.port).close()
