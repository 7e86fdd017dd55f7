"""A queue of keys: one key is never worked on twice at once, and a burst on one key is one pass.

A key can be added for later; the earliest time and the most urgent lane win. A key that is added while
it is being worked on comes back when that pass is done. Keys of one group (listeners of one load
balancer, whose changes go one at a time) never take up all workers. Pure asyncio: no kopf, no
Kubernetes. Fed by the handlers and by the reconcilers, drained by `reconcilers.loop`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mtls_operator.core.lanes import Lane
from mtls_operator.reconcilers.ready_keys import Entry, ReadyKeys

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")

MOST_OF_A_GROUP: Final = 4
"""Enough that one looks while another waits for its change; few enough that 16 workers serve others."""


class QueueClosed(Exception):
    """Nothing more will be taken."""


@dataclass(frozen=True, slots=True)
class _AtWork:
    lane: Lane
    group: str | None


def _no_group(key: object) -> None:
    del key


class KeyedQueue(Generic[K]):
    """Keys with the time at which each becomes due, by the event loop's clock in seconds."""

    def __init__(
        self, group: Callable[[K], str | None] = _no_group, *, most_of_a_group: int = MOST_OF_A_GROUP
    ) -> None:
        """Take which keys belong together, None for those that do not, and how many are worked on at once."""
        self._group = group
        self._most_of_a_group = most_of_a_group
        self._waiting: dict[K, Entry] = {}
        self._later: list[tuple[Entry, K]] = []
        self._ready: ReadyKeys[K] = ReadyKeys()
        self._company: dict[str, list[tuple[K, Entry]]] = {}
        self._parked: dict[str, ReadyKeys[K]] = {}
        self._working: dict[K, _AtWork] = {}
        self._busy: Counter[str] = Counter()
        self._order = 0
        self._changed = asyncio.Condition()
        self._closed = False

    async def close(self) -> None:
        """Give out no more keys; what is being worked on may be finished."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._waiting)

    async def add(self, key: K, delay: float = 0.0, lane: Lane = Lane.CONSEQUENCE) -> None:
        """Make a key due after `delay` seconds, or earlier when it already was to be.

        The more urgent lane counts: that of this call, or that in which the key waits already.
        """
        async with self._changed:
            due = asyncio.get_running_loop().time() + max(delay, 0.0)
            known = self._waiting.get(key)
            if known is not None:
                due, lane = min(due, known.due), min(lane, known.lane)
                if (due, lane) == (known.due, known.lane):
                    return
            self._order += 1
            entry = Entry(due=due, order=self._order, lane=lane)
            self._waiting[key] = entry
            if key not in self._working:
                self._sort_in(key, entry)
            self._changed.notify()

    def _sort_in(self, key: K, entry: Entry) -> None:
        heapq.heappush(self._later, (entry, key))

    async def take(self) -> K:
        """Wait for a due key that nobody works on, and take it; `done` must follow.

        Raises:
            QueueClosed: the queue was closed.
        """
        async with self._changed:
            while True:
                if self._closed:
                    raise QueueClosed
                now = asyncio.get_running_loop().time()
                wait = self._ripen(now)
                key = self._next(now)
                if key is not None:
                    return key
                await self._wait(wait)

    def lane_of(self, key: K) -> Lane:
        """Return the lane in which a key was taken that is being worked on."""
        return self._working[key].lane

    def _ripen(self, now: float) -> float | None:
        """Move what has become due to what is ready; return how long until the next is."""
        while self._later:
            entry, key = self._later[0]
            if self._is_current(key, entry) and entry.due > now:
                return entry.due - now
            heapq.heappop(self._later)
            if self._is_current(key, entry):
                self._make_ready(key, entry)
        return None

    def _make_ready(self, key: K, entry: Entry) -> None:
        self._ready.put(key, entry)
        group = self._group(key)
        if group is not None and entry.lane is not Lane.CHANGE:
            self._company.setdefault(group, []).append((key, entry))

    def _next(self, now: float) -> K | None:
        """Take the first key that is ready and whose group is not busy; park those whose group is."""
        while (found := self._ready.pop(now, self._is_current)) is not None:
            key, entry = found
            group = self._group(key)
            if group is None or self._busy[group] < self._most_of_a_group:
                self._begin(key, entry, group)
                return key
            self._parked.setdefault(group, ReadyKeys()).put(key, entry)
        return None

    def _begin(self, key: K, entry: Entry, group: str | None) -> None:
        del self._waiting[key]
        self._working[key] = _AtWork(entry.lane, group)
        if group is not None:
            self._busy[group] += 1
            if entry.lane is not Lane.CHANGE:
                self._call_company(entry, group)

    def _call_company(self, first: Entry, group: str) -> None:
        """Let the others of a group come next that wait in the same lane: together they share their reads."""
        for key, entry in reversed(self._company.pop(group, [])):
            if entry.lane is first.lane and self._is_current(key, entry):
                self._order += 1
                forward = Entry(due=first.due, order=-self._order, lane=entry.lane)
                self._waiting[key] = forward
                self._ready.put(key, forward)

    def _is_current(self, key: K, entry: Entry) -> bool:
        """Tell whether this is what the key waits as: it may have been put forward or taken since."""
        return self._waiting.get(key) is entry and key not in self._working

    async def _wait(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    async def done(self, key: K) -> None:
        """Give a key back; if it was added meanwhile it becomes available now or when it is due."""
        async with self._changed:
            group = self._working.pop(key).group
            if group is not None:
                self._leave(group)
            entry = self._waiting.get(key)
            if entry is not None:
                self._sort_in(key, entry)
            # Two may have become available: this key, and one that waited for its group.
            self._changed.notify(2)

    def _leave(self, group: str) -> None:
        """Make room in a group for the first of those that were parked for it.

        For all of them when nobody of the group is at work any more: nobody else would call them.
        """
        self._busy[group] -= 1
        parked = self._parked.get(group, ReadyKeys[K]())
        now = asyncio.get_running_loop().time()
        while (found := parked.pop(now, self._is_current)) is not None:
            self._ready.put(*found)
            if self._busy[group]:
                return
        del self._busy[group]
        self._parked.pop(group, None)
