"""A clock that a test moves."""

import asyncio
import datetime as dt
import time


class StillClock:
    """Starts at the machine's time, since clients sign with that, and then stands still."""

    def __init__(self) -> None:
        self._start = time.time()  # noqa: TID251
        self._advanced = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._start + self._advanced, dt.UTC)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        event = asyncio.Event()
        self._sleepers.append((self._advanced + seconds, event))
        await event.wait()

    def advance(self, seconds: float) -> None:
        self._advanced += seconds
        for due, event in self._sleepers:
            if due <= self._advanced:
                event.set()
