"""Ask at doors again and again, as clients that should be refused and as clients that should not.

I/O: threads and TLS connections. A verdict is about whether the request got past the door: an answer of a
real server, a success, or a gateway's complaint that it found no real server.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import TracebackType
from typing import Final, Self

from eventually import eventually

_INTERVAL: Final = 0.02
_SECONDS: Final = 2.0
_MARK: Final = b"X-Real-Server"
_PAST_THE_DOOR: Final = (b"2", b"3", b"502", b"503", b"504")


@dataclass(frozen=True, slots=True)
class Question:
    """A request: where to, which name in the handshake, which in the request."""

    port: int
    sni: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A client; `context` is asked for at every request, since certificates change."""

    name: str
    context: Callable[[], ssl.SSLContext]


def anonymous() -> ssl.SSLContext:
    """Return what a client without a certificate uses. Whom it talks to is not its concern."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Prober:
    """Probes until the end of the `with` block, one question after the other."""

    def __init__(
        self,
        address: str,
        questions: Sequence[Question],
        identities: Sequence[Identity],
        *,
        interval: float = _INTERVAL,
    ) -> None:
        """Take where to ask what, who asks, and the seconds between two questions."""
        self._address = address
        self._interval = interval
        self._rounds: Iterator[tuple[Question, Identity]] = cycle(
            [(question, identity) for question in questions for identity in identities]
        )
        self._verdicts: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober")

    @property
    def count(self) -> int:
        """How many probes there were."""
        return len(self._verdicts)

    def served(self, since: int = 0) -> list[str]:
        """Return what was let in after the first `since` probes, a sentence each."""
        return [verdict for verdict in self._verdicts[since:] if verdict]

    def wait_for(self, more: int) -> None:
        """Wait until there were as many more probes."""
        target = self.count + more
        eventually(lambda: self.count >= target, what=f"{more} more probes")

    def _run(self) -> None:
        due = time.monotonic()
        for question, identity in self._rounds:
            due = max(due + self._interval, time.monotonic())
            if self._stop.wait(due - time.monotonic()):
                return
            answer = ask(self._address, question, identity.context())
            is_in = is_past_the_door(answer)
            self._verdicts.append(f"{identity.name} at {question}: {answer[:200]!r}" if is_in else "")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()


def ask(address: str, question: Question, context: ssl.SSLContext) -> bytes:
    """Return the head of the answer, empty when there is none."""
    request = f"GET / HTTP/1.1\r\nHost: {question.host}\r\nConnection: close\r\n\r\n".encode()
    try:
        with (
            socket.create_connection((address, question.port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=question.sni) as connection,
        ):
            connection.sendall(request)
            return connection.recv(2048)
    except OSError:
        return b""


def is_past_the_door(answer: bytes) -> bool:
    """Tell whether a request was let in, whatever it found there."""
    status = answer.partition(b" ")[2]
    return _MARK in answer or status.startswith(_PAST_THE_DOOR)
