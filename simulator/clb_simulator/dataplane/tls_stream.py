"""The server's side of one TLS connection, over the streams of asyncio.

Reads and writes sockets. Used by `TlsTerminator`. asyncio's own TLS closes a connection whose handshake
failed without a chance for the alert to arrive, which is the very thing that is wanted here.
"""

import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_CHUNK = 65536
_UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"

T = TypeVar("T")


async def read_hello(reader: StreamReader) -> tuple[bytes, str | None]:
    """Return the first bytes of a connection and the server name that they ask for.

    The certificate, the CA and the keys of sessions all depend on that name, so it has to be known before
    the real handshake begins: OpenSSL settles some of them before it tells the name.

    Raises:
        ConnectionError: if the client goes away first.
    """
    hello = b""
    while True:
        received = await reader.read(_CHUNK)
        if not received:
            raise ConnectionError("the client left before it said hello")
        hello += received
        complete, name = _look_into(hello)
        if complete:
            return hello, name


def _look_into(hello: bytes) -> tuple[bool, str | None]:
    names: list[str | None] = []

    def note(_connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int:
        names.append(name)
        return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = note
    incoming = ssl.MemoryBIO()
    incoming.write(hello)
    try:
        context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True).do_handshake()
    except ssl.SSLWantReadError:
        return False, None
    except ssl.SSLError:
        # Also for what is no hello at all: the real handshake will answer it.
        return True, names[0] if names else None
    raise AssertionError("a handshake without a certificate has succeeded")


class TlsStream:
    """A connection that is being, or has been, encrypted; both directions may be used at once."""

    def __init__(
        self, reader: StreamReader, writer: StreamWriter, context: ssl.SSLContext, hello: bytes
    ) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(hello)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def handshake(self) -> None:
        """Agree with the client.

        Raises:
            ssl.SSLError: if the client is refused; the alert that says so has been sent.
        """
        await self._run(self._tls.do_handshake)

    async def read(self) -> bytes:
        """Return what the client sent, or nothing when it will send no more."""
        try:
            return await self._run(lambda: self._tls.read(_CHUNK))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes) -> None:
        """Send to the client."""
        self._tls.write(data)
        await self._flush()

    async def close(self) -> None:
        """Say that no more will be sent."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()

    async def _run(self, step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            finally:
                await self._flush()

    async def _receive(self) -> None:
        received = await self._reader.read(_CHUNK)
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            self._writer.write(self._outgoing.read())
            await self._writer.drain()


async def reject(writer: StreamWriter) -> None:
    """Tell a client that nobody of that name is here."""
    writer.write(_UNRECOGNIZED_NAME)
    await writer.drain()
