"""A lock that goes to the most urgent who waits, and within a lane to who came first.

Pure asyncio. Used by `adapters.tencent.writes`, one for each load balancer.
"""

from __future__ import annotations

import asyncio
import heapq
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mtls_operator.core.lanes import Lane


class LaneLock:
    """Held by one at a time."""

    def __init__(self) -> None:
        self._is_held = False
        self._order = count()
        self._waiting: list[tuple[Lane, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def held(self, lane: Lane) -> AsyncIterator[None]:
        """Hold the lock, once it is this one's turn."""
        await self._acquire(lane)
        try:
            yield
        finally:
            self._pass_on()

    async def _acquire(self, lane: Lane) -> None:
        if not self._is_held:
            self._is_held = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (lane, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was this one's turn already: the next must not wait for who is gone.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the lock to the next, or set it free."""
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._is_held = False
