"""Serve revocation lists and roots over HTTP, from memory.

    GET /crl/<namespace>/<authority>.crl        the list of the newest generation, DER
    GET /crl/<namespace>/<authority>/<N>.crl    the list of generation N
    GET /ca/<namespace>/<authority>.crt         the roots, PEM

Plain HTTP, as RFC 5280 (4.2.1.13) has it: what is served is public and signed. There is nothing else:
no folders, no files, and no way from a request to anything that the view does not hold as published.
Started and stopped by `handlers.lifecycle`; the socket is opened by `main`, before anything else begins.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from mtls_operator.api.meta import ObjectRef

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from datetime import datetime

    from mtls_operator.core.published import Published, RevocationList
    from mtls_operator.ports import Clock

log = logging.getLogger(__name__)

_PLACE: Final = r"(?P<namespace>[a-z0-9-]{1,63})/(?P<name>[a-z0-9.-]{1,253}?)"
_LIST: Final = re.compile(rf"/crl/{_PLACE}(/(?P<generation>[1-9][0-9]{{0,8}}))?\.crl")
_ROOTS: Final = re.compile(rf"/ca/{_PLACE}\.crt")
_METHODS: Final = (hdrs.METH_GET, hdrs.METH_HEAD)
_LONGEST_CACHED: Final = timedelta(hours=1)
"""A revocation that was published is known everywhere after this time."""
_IDLE_SECONDS: Final = 15.0
"""A connection on which no whole request arrives is closed after this time."""
_STOP_SECONDS: Final = 2.0


class _WithoutStrangers(logging.Filter):
    """Drops what is logged, with a traceback, about requests that are not HTTP: anybody may send those."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


_server_log: Final = logging.getLogger(f"{__name__}.http")
_server_log.addFilter(_WithoutStrangers())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What is sent; without times where the document has none."""

    body: bytes
    content_type: str
    this_update: datetime | None = None
    next_update: datetime | None = None


class CrlServer:
    """Answers from what authorities publish."""

    def __init__(
        self, find: Callable[[ObjectRef], Published | None], clock: Clock, listening: socket.socket
    ) -> None:
        """Take what to answer from.

        Args:
            find: returns what an authority publishes.
            clock: how long an answer may be kept depends on the time.
            listening: from `adapters.listening`; closed by `stop`.
        """
        self._find = find
        self._clock = clock
        self._socket = listening
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Begin to answer."""
        server = web.Server(
            self._answer, access_log=None, logger=_server_log, keepalive_timeout=_IDLE_SECONDS
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_STOP_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()
        log.info("revocation lists are served at %s port %d", *self._socket.getsockname()[:2])

    async def stop(self) -> None:
        """End, after the answers under way."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in _METHODS:
            return _refusal(405, "Only GET and HEAD are answered here.", {hdrs.ALLOW: ", ".join(_METHODS)})
        document = self._document(request.rel_url.raw_path)
        if document is None:
            return _refusal(404, "No certificate authority publishes this here.")
        return _reply(request, document, self._clock.now())

    def _document(self, path: str) -> _Document | None:
        # The path is taken as it came: nothing with an escape or a step upwards fits a pattern.
        if match := _LIST.fullmatch(path):
            return _list_document(self._published(match), match["generation"])
        if match := _ROOTS.fullmatch(path):
            published = self._published(match)
            if published is not None and published.roots:
                return _Document(body=published.roots, content_type="application/x-pem-file")
        return None

    def _published(self, match: re.Match[str]) -> Published | None:
        return self._find(ObjectRef(match["namespace"], match["name"]))


def _list_document(published: Published | None, generation: str | None) -> _Document | None:
    if published is None:
        return None
    found: RevocationList | None = published.lists.get(int(generation or published.newest))
    if found is None:
        return None
    return _Document(
        body=found.der,
        content_type="application/pkix-crl",
        this_update=found.this_update,
        next_update=found.next_update,
    )


def _reply(request: web.BaseRequest, document: _Document, now: datetime) -> web.Response:
    """Return the document, or that the client has it already.

    If-Modified-Since is not looked at: two lists of the same second differ in their ETag alone.
    """
    etag = hashlib.sha256(document.body).hexdigest()
    headers = {hdrs.ETAG: f'"{etag}"', hdrs.CACHE_CONTROL: f"max-age={_seconds_cached(document, now)}"}
    if document.this_update is not None:
        headers[hdrs.LAST_MODIFIED] = format_datetime(document.this_update, usegmt=True)
    if document.next_update is not None:
        headers[hdrs.EXPIRES] = format_datetime(document.next_update, usegmt=True)
    if any(known.value in {etag, "*"} for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=document.body, content_type=document.content_type, headers=headers)


def _seconds_cached(document: _Document, now: datetime) -> int:
    """Until the next list is due, and an hour at most."""
    left = _LONGEST_CACHED if document.next_update is None else document.next_update - now
    return int(max(timedelta(), min(left, _LONGEST_CACHED)).total_seconds())


def _refusal(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    # Not kept: what is not published yet may be in a moment.
    headers = {hdrs.CACHE_CONTROL: "no-store", **(headers or {})}
    return web.Response(status=status, text=f"{sentence}\n", headers=headers)
