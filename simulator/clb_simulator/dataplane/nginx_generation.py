"""Which generation of the configuration is served, seen from outside.

Talks to nginx's control socket. Used by `NginxPublisher` to return from a change when it is live. A worker
that a reload retires closes its listening sockets first and its idle connections after that, so the end of
an idle connection to the control socket proves that nothing new reaches the old generation.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

_REQUEST = b"GET / HTTP/1.1\r\nHost: control\r\n\r\n"


class ServedGeneration:
    """An idle connection to the worker that serves, and the generation that it answered with."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def observe(self) -> int | None:
        """Hold a new connection and return the generation that it meets, or None when nobody answers."""
        await self.close()
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(str(self._socket))
            self._writer.write(_REQUEST)
            head = await self._reader.readuntil(b"\r\n\r\n")
            return int(await self._reader.readexactly(_content_length(head)))
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return None

    async def ended(self) -> None:
        """Wait until the worker behind the held connection accepts no more."""
        if self._reader is None:
            return
        with suppress(OSError):
            await self._reader.read(1)

    async def close(self) -> None:
        """Let go of the held connection."""
        if self._writer is None:
            return
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        self._reader = self._writer = None


def _content_length(head: bytes) -> int:
    for line in head.lower().splitlines():
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    raise ValueError("the control socket's answer has no length")
