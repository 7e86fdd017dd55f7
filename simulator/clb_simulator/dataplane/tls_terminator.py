"""TLS in front of one nginx, for clients that are refused by an alert.

nginx finishes every handshake and answers 400: it installs a callback that forgives a bad chain in each
TLS context that it makes, and no directive takes it away. Under the switch `tls-alert` this terminator
makes the handshakes instead, and hands what it decrypted to nginx over UNIX sockets.

Listens on and reads and writes sockets. Used by `NginxPublisher`.
"""

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clb_simulator.dataplane.model import DataPlaneError
from clb_simulator.dataplane.proxy_header import proxy_header
from clb_simulator.dataplane.tls_door import Door, Identity
from clb_simulator.dataplane.tls_stream import TlsStream, read_hello, reject

_HANDSHAKE_SECONDS = 60.0
_LINGER_SECONDS = 2.0
_CHUNK = 65536

Contexts = dict[Identity, ssl.SSLContext]
_Socket = tuple[str, int]
_VERIFY = {"on": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "off": ssl.CERT_NONE}


@dataclass(slots=True)
class _Entrance:
    """A bound socket and what is served at it; connections look at both when they begin."""

    door: Door
    contexts: Contexts
    server: asyncio.Server | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Doors that can be opened: their contexts are made, and their sockets are bound."""

    doors: tuple[Door, ...]
    contexts: Contexts
    bound: dict[_Socket, _Entrance]


class TlsTerminator:
    """Terminates TLS at the doors that were opened last.

    Args:
        directory: the folder of nginx: certificates, keys and sockets are in it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._contexts: Contexts = {}
        self._entrances: dict[_Socket, _Entrance] = {}
        self._connections: set[asyncio.Task[None]] = set()

    async def prepare(self, doors: tuple[Door, ...]) -> Prepared:
        """Make everything that may fail, and serve none of it.

        Raises:
            DataPlaneError: if a certificate cannot be used or an address is taken.
        """
        contexts = self._make_contexts(doors)
        prepared = Prepared(doors, contexts, {})
        try:
            for door in doors:
                if (door.address, door.port) not in self._entrances:
                    prepared.bound[door.address, door.port] = await self._bind(door, contexts)
        except DataPlaneError:
            self.discard(prepared)
            raise
        return prepared

    def discard(self, prepared: Prepared) -> None:
        """Let go of what was prepared."""
        for entrance in prepared.bound.values():
            _close(entrance)

    async def open(self, prepared: Prepared) -> None:
        """Serve exactly the prepared doors; connections that were made before go on."""
        self._contexts = prepared.contexts
        for gone in self._entrances.keys() - {(door.address, door.port) for door in prepared.doors}:
            _close(self._entrances.pop(gone))
        self._entrances.update(prepared.bound)
        for door in prepared.doors:
            entrance = self._entrances[door.address, door.port]
            entrance.door, entrance.contexts = door, prepared.contexts
        for entrance in prepared.bound.values():
            if entrance.server is not None:
                await entrance.server.start_serving()

    async def stop(self) -> None:
        """Close all doors and connections."""
        for entrance in self._entrances.values():
            _close(entrance)
        self._entrances.clear()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _make_contexts(self, doors: tuple[Door, ...]) -> Contexts:
        identities = {domain.identity for door in doors for domain in door.domains if domain.identity.pairs}
        # A context that stays keeps its sessions, one that goes takes them along.
        return {one: self._contexts.get(one) or _context(one, self._directory) for one in identities}

    async def _bind(self, door: Door, contexts: Contexts) -> _Entrance:
        entrance = _Entrance(door, contexts)

        def begin(reader: StreamReader, writer: StreamWriter) -> None:
            task = asyncio.create_task(_serve(entrance, self._directory, reader, writer))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
            # Not in the task itself, which may be cancelled before it begins.
            task.add_done_callback(lambda _: writer.close())

        try:
            entrance.server = await asyncio.start_server(begin, door.address, door.port, start_serving=False)
        except OSError as error:
            raise DataPlaneError(f"{door.address}:{door.port} cannot be listened on: {error}") from error
        return entrance


async def _serve(entrance: _Entrance, directory: Path, reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError, TimeoutError, ssl.SSLError):
        await _admit(entrance, directory, reader, writer)
    with suppress(OSError, TimeoutError):
        await _linger(reader, writer)


async def _admit(entrance: _Entrance, directory: Path, reader: StreamReader, writer: StreamWriter) -> None:
    async with asyncio.timeout(_HANDSHAKE_SECONDS):
        hello, name = await read_hello(reader)
        door, contexts = entrance.door, entrance.contexts
        identity, mark = door.choose(name)
        if identity not in contexts:
            await reject(writer)
            return
        stream = TlsStream(reader, writer, contexts[identity], hello)
        await stream.handshake()
    client = writer.get_extra_info("peername")[:2]
    header = proxy_header(client, (door.address, door.port), mark)
    await _forward(stream, str(directory / door.socket), header)


async def _forward(client: TlsStream, path: str, header: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(header)
    directions = [
        asyncio.create_task(_upwards(client, writer)),
        asyncio.create_task(_downwards(reader, client)),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        writer.close()
        await asyncio.gather(*directions, return_exceptions=True)


async def _upwards(client: TlsStream, writer: StreamWriter) -> None:
    while data := await client.read():
        writer.write(data)
        await writer.drain()


async def _downwards(reader: StreamReader, client: TlsStream) -> None:
    while data := await reader.read(_CHUNK):
        await client.write(data)
    await client.close()


async def _linger(reader: StreamReader, writer: StreamWriter) -> None:
    # A client that still sends would meet a reset, and fail with that before it reads the alert.
    if writer.can_write_eof():
        writer.write_eof()
    async with asyncio.timeout(_LINGER_SECONDS):
        while await reader.read(_CHUNK):
            continue


def _close(entrance: _Entrance) -> None:
    if entrance.server is not None:
        entrance.server.close()


def _context(identity: Identity, directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3 if identity.tls13 else ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"] if identity.http2 else ["http/1.1"])
    context.verify_mode = _VERIFY[identity.verify]
    try:
        for chain, key in identity.pairs:
            context.load_cert_chain(directory / chain, directory / key)
        if identity.client_ca:
            context.load_verify_locations(directory / identity.client_ca)
    except ssl.SSLError as error:
        raise DataPlaneError(f"TLS cannot load certificate or CA: {error.reason or error}") from error
    return context
