"""The simulator's time: the machine's clock with an offset that the admin port can move.

I/O: reads the system clock and sleeps. Everything else gets a `Clock`, so tests pass one of their own.
"""

import asyncio
import datetime as dt
import time
from typing import Final, Protocol

CHINA: Final = dt.timezone(dt.timedelta(hours=8))
"""Times in replies are China's, without an offset in the text."""


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> dt.datetime:
        """Return the present time, with UTC as its zone."""

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""


class SystemClock:
    """The machine's clock, moved by `offset`."""

    def __init__(self) -> None:
        self.offset = dt.timedelta()

    def now(self) -> dt.datetime:
        """Return the present time, with UTC as its zone."""
        # The one place that may read the wall clock.
        return dt.datetime.fromtimestamp(time.time(), dt.UTC) + self.offset  # noqa: TID251

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed; moving the offset does not cut it short."""
        await asyncio.sleep(seconds)


def china_time(moment: dt.datetime) -> str:
    """Render a time as replies carry it, for example `2026-11-23 20:00:00`."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
