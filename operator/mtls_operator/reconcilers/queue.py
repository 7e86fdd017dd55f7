"""A queue of keys: one key is never worked on twice at once, and a burst on one key is one pass.

A key can be added for later; the earliest time wins. A key that is added while it is being worked
on comes back when that pass is done. Pure asyncio: no kopf, no Kubernetes. Fed by the handlers and
by the reconcilers, drained by `reconcilers.loop`.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K")


class QueueClosed(Exception):
    """Nothing more will be taken."""


class KeyedQueue(Generic[K]):
    """Keys with the time at which each becomes due, by the event loop's clock in seconds."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = count()
        self._working: set[K] = set()
        self._changed = asyncio.Condition()
        self._closed = False

    async def close(self) -> None:
        """Give out no more keys; what is being worked on may be finished."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._due)

    async def add(self, key: K, delay: float = 0.0) -> None:
        """Make a key due after `delay` seconds, or earlier when it already was to be."""
        async with self._changed:
            self._schedule(key, asyncio.get_running_loop().time() + max(delay, 0.0))
            self._changed.notify()

    def _schedule(self, key: K, due: float) -> None:
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))

    async def take(self) -> K:
        """Wait for a due key that nobody works on, and take it; `done` must follow.

        Raises:
            QueueClosed: the queue was closed.
        """
        async with self._changed:
            while True:
                if self._closed:
                    raise QueueClosed
                key, wait = self._first()
                if key is not None:
                    del self._due[key]
                    self._working.add(key)
                    return key
                await self._wait(wait)

    def _first(self) -> tuple[K | None, float | None]:
        """Return a key that is due now, or how long until one is.

        Entries of keys that were rescheduled, or are at work, are dropped on the way.
        """
        now = asyncio.get_running_loop().time()
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) != due or key in self._working:
                heapq.heappop(self._heap)
                continue
            if due > now:
                return None, due - now
            heapq.heappop(self._heap)
            return key, None
        return None, None

    async def _wait(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    async def done(self, key: K) -> None:
        """Give a key back; if it was added meanwhile it becomes available now or when it is due."""
        async with self._changed:
            self._working.discard(key)
            due = self._due.get(key)
            if due is not None:
                # Its heap entry was dropped while the key was at work.
                heapq.heappush(self._heap, (due, next(self._order), key))
            self._changed.notify()
