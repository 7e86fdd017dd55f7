"""Read once for all who ask at the same time, and never give an answer older than the question.

Who asks while a read is under way waits for the next one: that began after every question that it
answers. A thousand passes over certificates of one authority so share a few reads of it. Pure asyncio.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_GATHER_SECONDS: Final = 0.02

K = TypeVar("K")
V = TypeVar("V")


class SharedReads(Generic[K, V]):
    """Reads by key."""

    def __init__(self, read: Callable[[K], Awaitable[V]]) -> None:
        """Take what reads one key."""
        self._read = read
        self._running: dict[K, asyncio.Task[V]] = {}
        self._next: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Return what a read finds that begins after this call; raises what the read raises."""
        following = self._next.get(key)
        if following is None:
            following = self._begin(key)
        # Who is cancelled must not take the answer away from the others.
        return await asyncio.shield(following)

    def _begin(self, key: K) -> asyncio.Task[V]:
        running = self._running.get(key)
        if running is None:
            return self._start(key)
        task = asyncio.create_task(self._after(key, running))
        self._next[key] = task
        return task

    def _start(self, key: K) -> asyncio.Task[V]:
        task = asyncio.ensure_future(self._read_alone(key))
        self._running[key] = task
        return task

    async def _after(self, key: K, running: asyncio.Task[V]) -> V:
        await asyncio.wait({running})
        # Those whose last step took about as long as a read come together here, again and again.
        await asyncio.sleep(_GATHER_SECONDS)
        del self._next[key]
        return await self._start(key)

    async def _read_alone(self, key: K) -> V:
        try:
            return await self._read(key)
        finally:
            del self._running[key]
