"""Make one request at a listener, and say what came of it.

I/O: a connection for each request, over IPv4 or IPv6, TLS 1.2 or 1.3. No proxy, no redirect is
followed, nothing is kept. Implements the port `Prober`; used by `kubectl mtls verify` as well.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import h11

from mtls_operator.core.verification import Alerted, Answered, Silent
from mtls_operator.probing.tls import Broken, TlsAlert, TlsConnection, client_context

if TYPE_CHECKING:
    from mtls_operator.core.trials import Credentials
    from mtls_operator.core.verification import Observation

SECONDS: Final = 5.0
"""For everything: a name to look up, a connection, the handshake and the answer."""
_LONGEST_BODY: Final = 65536
"""Of a longer answer the beginning has to tell it from another one."""
_LONGEST_HEAD: Final = 65536
_AGENT: Final = "clb-mtls-operator-probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """A request.

    Attributes:
        address: an IP address or a name.
        sni: the name in the handshake, None for none.
        credentials: the client certificate, None for none.
    """

    address: str
    port: int
    sni: str | None
    host: str
    path: str
    credentials: Credentials | None = field(repr=False)


class Prober(Protocol):
    """Whoever makes requests."""

    async def knock(self, knock: Knock) -> Observation:
        """Make a request; every failure is an observation, too."""
        ...


class TlsProber:
    """Makes requests over TLS."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Take how long one request may last."""
        self._seconds = seconds

    async def knock(self, knock: Knock) -> Observation:
        """Make a request; every failure is an observation, too."""
        try:
            async with asyncio.timeout(self._seconds):
                return await _request(knock)
        except TimeoutError:
            return Silent(why=f"no answer within {self._seconds:.0f} s")
        except Broken as error:
            return Silent(why=str(error))


async def _request(knock: Knock) -> Observation:
    context = client_context(knock.credentials)
    async with await TlsConnection.connect(
        knock.address, knock.port, context=context, sni=knock.sni
    ) as connection:
        try:
            await connection.handshake()
            return await _exchange(connection, knock)
        except TlsAlert as alert:
            return Alerted(alert=str(alert), certificate=_fingerprint(connection))
        except OSError:  # what OpenSSL raises at an end in the middle is one, too
            raise Broken("the connection was closed in the handshake") from None


async def _exchange(connection: TlsConnection, knock: Knock) -> Observation:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
    host = knock.host if knock.port == 443 else f"{knock.host}:{knock.port}"  # noqa: PLR2004 - HTTPS
    headers = [("Host", host), ("User-Agent", _AGENT), ("Accept", "*/*"), ("Connection", "close")]
    request = http.send(h11.Request(method="GET", target=knock.path, headers=headers)) or b""
    await connection.send(request + (http.send(h11.EndOfMessage()) or b""))
    try:
        return await _response(http, connection)
    except h11.RemoteProtocolError:
        return Silent(why="the answer is not HTTP, or was cut off")


async def _response(http: h11.Connection, connection: TlsConnection) -> Observation:
    head: h11.Response | None = None
    body = bytearray()
    while len(body) < _LONGEST_BODY:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await connection.receive())
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif not isinstance(event, h11.InformationalResponse):
            break
    if head is None:
        return Silent(why="the connection was closed without an answer")
    return Answered(
        status=head.status_code,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
        body=hashlib.sha256(body[:_LONGEST_BODY]).hexdigest(),
        certificate=_fingerprint(connection),
    )


def _fingerprint(connection: TlsConnection) -> str:
    certificate = connection.server_certificate
    return hashlib.sha256(certificate).hexdigest() if certificate else ""
