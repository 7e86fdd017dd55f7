"""Ask a listener every 20 ms without a certificate, and note whether a real server answered.

I/O: a thread and TLS connections. Used to see for how long a door was open.
"""

import socket
import ssl
import threading
from types import TracebackType
from typing import Final, Self

from cluster.tenant import DOMAIN, PORT
from eventually import eventually

from mtls_devcluster.client_files import ClientFiles

_INTERVAL: Final = 0.02
_SECONDS: Final = 2.0


class Prober:
    """Probes until the end of the `with` block."""

    def __init__(self, address: str, *, trust: ClientFiles) -> None:
        self._address = address
        self._context = ssl.create_default_context(cafile=trust.folder / "ca.crt")
        self._verdicts: list[bool] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober")

    @property
    def count(self) -> int:
        """How many probes there were."""
        return len(self._verdicts)

    def served_since(self, number: int) -> int:
        """Return how many probes after the first `number` ones were served."""
        return sum(self._verdicts[number:])

    def wait_for_verdicts(self, more: int) -> None:
        """Wait until there were as many more probes."""
        target = self.count + more
        eventually(lambda: self.count >= target, what=f"{more} more probes")

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL):
            self._verdicts.append(self._is_served())

    def _is_served(self) -> bool:
        request = f"GET / HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode()
        try:
            with (
                socket.create_connection((self._address, PORT), timeout=_SECONDS) as plain,
                self._context.wrap_socket(plain, server_hostname=DOMAIN) as connection,
            ):
                connection.sendall(request)
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
