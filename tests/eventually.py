"""Wait for a condition with a deadline, instead of sleeping. Used by every test that needs it.

eventually(lambda: kubectl("get", "secret", "payments-tls"))
name = eventually(lambda: find_listener("web"), within=20)
await eventually_async(lambda: client.get("/"), until=lambda reply: reply.status_code == 200)
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.05


class _Attempts:
    """What was seen so far: the deadline, and what to say when it passes."""

    def __init__(self, within: float, what: str) -> None:
        self._deadline = time.monotonic() + within
        self._within = within
        self._what = what

    def retry_or_raise(self, seen: object, error: Exception | None) -> None:
        """Return when there is time for another attempt (AssertionError)."""
        if time.monotonic() <= self._deadline:
            return
        last = f"it raised {error!r}" if error is not None else f"it was {seen!r}"
        raise AssertionError(f"{self._what} not so within {self._within} s; at last {last}") from error


def eventually(
    observe: Callable[[], T],
    *,
    until: Callable[[T], bool] = bool,
    within: float = 15.0,
    what: str = "the condition is",
    retry_on: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> T:
    """Observe until the observation is good, and return it.

    Args:
        observe: Called again and again.
        until: Whether an observation is good; true for any truthy one by default.
        within: The deadline in seconds.
        what: Begins the sentence of the failure.
        retry_on: What `observe` may raise and be asked again; anything else ends the wait.

    Raises:
        AssertionError: The deadline has passed; it says what was observed last.
    """
    attempts = _Attempts(within, what)
    while True:
        seen: T | None = None
        failure: Exception | None = None
        try:
            seen = observe()
            if until(seen):
                return seen
        except retry_on as error:
            failure = error
        attempts.retry_or_raise(seen, failure)
        time.sleep(_POLL_SECONDS)


async def eventually_async(
    observe: Callable[[], Awaitable[T]],
    *,
    until: Callable[[T], bool] = bool,
    within: float = 15.0,
    what: str = "the condition is",
    retry_on: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> T:
    """Do what `eventually` does with an observation that is awaited."""
    attempts = _Attempts(within, what)
    while True:
        seen: T | None = None
        failure: Exception | None = None
        try:
            seen = await observe()
            if until(seen):
                return seen
        except retry_on as error:
            failure = error
        attempts.retry_or_raise(seen, failure)
        await asyncio.sleep(_POLL_SECONDS)
