"""One health check request to one backend.

Talks HTTP to backends. Used by `health`; a test may put another `Prober` in its place.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import aiohttp

from clb_simulator.dataplane.nginx_syntax import endpoint

_CLASSES = 5


@dataclass(frozen=True, slots=True)
class Probe:
    """Everything that decides a check's result: equal probes of several routes are sent once."""

    address: str
    port: int
    protocol: str
    method: str
    path: str
    host: str
    codes_mask: int
    interval_seconds: int
    timeout_seconds: int
    healthy_threshold: int
    unhealthy_threshold: int


class Prober(Protocol):
    """Sends probes."""

    async def passes(self, probe: Probe) -> bool:
        """Return whether the backend answers in time with a status of the wanted classes."""

    async def close(self) -> None:
        """Let go of all connections."""


class HttpProber:
    """Sends probes over HTTP and HTTPS, a connection each, without looking at backends' certificates."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def passes(self, probe: Probe) -> bool:
        """Return whether the backend answers in time with a status of the wanted classes."""
        url = f"{probe.protocol.lower()}://{endpoint(probe.address, probe.port)}{probe.path}"
        try:
            async with self._open().request(
                probe.method,
                url,
                headers={"Host": probe.host},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=probe.timeout_seconds),
            ) as response:
                return code_counts(response.status, probe.codes_mask)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=False, force_close=True, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def code_counts(status: int, codes_mask: int) -> bool:
    """Return whether CLB's HttpCode mask (1, 2, 4, 8, 16 for 1xx to 5xx) counts a status as alive."""
    status_class = status // 100
    return 1 <= status_class <= _CLASSES and bool(codes_mask & (1 << (status_class - 1)))
