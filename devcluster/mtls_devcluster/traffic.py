"""Requests all the time, by clients with habits of their own; every one that fails is noted.

    clerk = Mount(read_the_secret)
    with clerk, Traffic(sites) as traffic:
        traffic.add("takes up its new Secret", Following(clerk))
        ...
    traffic.failures()

I/O: a thread for each client and each Secret that is followed. Used by the demo's rotation and by the
cluster tests.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from mtls_devcluster.curl import Site
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.identity import Identity, why_not_served

if TYPE_CHECKING:
    import ssl

INTERVAL: Final = 0.04
_SYNC_SECONDS: Final = 0.3
_ROUND_SECONDS: Final = 10.0

SecretData = Mapping[str, bytes]
Ask = Callable[[Site], str]
"""Asks once; an empty string means that a real server answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that no real server answered.

    Attributes:
        at: On the monotonic clock, when it was begun.
        why: What came instead.
    """

    client: str
    site: Site
    at: float
    why: str

    def __str__(self) -> str:
        return f"{self.client}, {self.site.url}: {self.why}"


class Mount:
    """A Secret as a pod sees it: what it holds comes some time after a change, all of it at once."""

    def __init__(self, read: Callable[[], SecretData]) -> None:
        self._read = read
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mount")
        self.data = read()

    def _run(self) -> None:
        while not self._stop.wait(_SYNC_SECONDS):
            # Where it cannot be read, what was read before stays in use, as with a kubelet.
            with suppress(DevClusterError):
                self.data = self._read()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()


class Keeping:
    """A client that goes on with what it has."""

    def __init__(self, identity: Identity) -> None:
        self._context = identity.context()

    def __call__(self, site: Site) -> str:
        """Ask once."""
        return why_not_served(site, self._context)


class Following:
    """A client that takes up what is in its Secret as soon as it is mounted."""

    def __init__(self, mount: Mount, taking: Callable[[SecretData], Identity] = Identity.from_secret) -> None:
        self._mount = mount
        self._taking = taking
        self._known: SecretData = {}
        self._context: ssl.SSLContext | None = None

    def __call__(self, site: Site) -> str:
        """Ask once."""
        data = self._mount.data
        if self._context is None or data != self._known:
            self._known, self._context = data, self._taking(data).context()
        return why_not_served(site, self._context)


class Traffic:
    """Clients that ask until the end of the `with` block, each of them one site after the other."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = sites
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures: list[Failure] = []
        self._requests: Counter[str] = Counter()

    def add(self, name: str, ask: Ask, *, interval: float = INTERVAL) -> None:
        """Let one more client begin; `interval` is its pause between two requests, in seconds."""
        thread = threading.Thread(target=self._run, args=(name, ask, interval), name=name)
        self._threads.append(thread)
        thread.start()

    def requests(self, client: str | None = None) -> int:
        """Return how many requests have ended, of one client or of all."""
        return self._requests.total() if client is None else self._requests[client]

    def failures(self, *clients: str, until: float = float("inf")) -> list[Failure]:
        """Return what failed, of some clients or of all, begun before a moment of the monotonic clock."""
        return [
            one for one in list(self._failures) if one.at < until and (not clients or one.client in clients)
        ]

    def wait_for_round(self) -> None:
        """Return when every client has asked at every site since this call.

        Raises:
            DevClusterError: They have not within ten seconds.
        """
        before, deadline = Counter(self._requests), time.monotonic() + _ROUND_SECONDS
        # The request that is under way was begun before.
        enough = len(self._sites) + 1
        while any(self._requests[one.name] < before[one.name] + enough for one in self._threads):
            if time.monotonic() > deadline or self._stop.wait(INTERVAL):
                raise DevClusterError(f"The clients did not ask within {_ROUND_SECONDS:.0f} s.")

    def _run(self, name: str, ask: Ask, interval: float) -> None:
        for site in cycle(self._sites):
            begun = time.monotonic()
            if why := ask(site):
                self._failures.append(Failure(client=name, site=site, at=begun, why=why))
            self._requests[name] += 1
            if self._stop.wait(interval):
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
