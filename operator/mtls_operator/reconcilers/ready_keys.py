"""Keys that are due, by lane: the urgent first, and nobody waits for ever.

Pure: the time is an argument. A part of `reconcilers.queue`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mtls_operator.core.lanes import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")

PATIENCE_SECONDS: Final = 10.0
_SHARE: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """As what a key waits: when it is due, its place among those of one time, and its lane."""

    due: float
    order: int
    lane: Lane


class ReadyKeys(Generic[K]):
    """Due keys; an entry that is no longer current is dropped when its turn comes."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, list[tuple[Entry, K]]] = {lane: [] for lane in Lane}
        self._passed_over = 0

    def put(self, key: K, entry: Entry) -> None:
        """Take up a key."""
        heapq.heappush(self._lanes[entry.lane], (entry, key))

    def pop(self, now: float, is_current: Callable[[K, Entry], bool]) -> tuple[K, Entry] | None:
        """Return the first key of the most urgent lane, None without any.

        Every fourth time it is the one that has been due for longest, when that is longer than the
        patience: a lane that never runs dry must not keep the others from ever having their turn, nor
        a backlog of thousands hold up what a person just changed.
        """
        heads = [lane for lane in Lane if self._head(lane, is_current)]
        if not heads:
            return None
        chosen, oldest = heads[0], min(heads, key=lambda lane: self._lanes[lane][0])
        if oldest is not chosen and now - self._lanes[oldest][0][0].due > PATIENCE_SECONDS:
            self._passed_over += 1
            if self._passed_over >= _SHARE:
                self._passed_over, chosen = 0, oldest
        entry, key = heapq.heappop(self._lanes[chosen])
        return key, entry

    def _head(self, lane: Lane, is_current: Callable[[K, Entry], bool]) -> bool:
        """Drop what is not current from the front of a lane; tell whether anything is left."""
        heap = self._lanes[lane]
        while heap and not is_current(heap[0][1], heap[0][0]):
            heapq.heappop(heap)
        return bool(heap)
