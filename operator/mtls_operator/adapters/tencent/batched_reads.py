"""Ask once for all who ask at the same time, as many things a call as the API takes.

Who asks while calls of a group are under way waits for the next ones, which take along everybody who
asked meanwhile: no answer is older than its question, so what a pass reads after its own write shows
that write. Pure asyncio. Used by `adapters.tencent.load_balancers`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mtls_operator import errors
from mtls_operator.core.lanes import Lane, lane_under_way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

GATHER_SECONDS: Final = {Lane.PROTECT: 0.0, Lane.CHANGE: 0.005, Lane.CONSEQUENCE: 0.02, Lane.RESYNC: 0.05}
"""Passes that began together come together here, and stay together from one read to the next. Who is in
no hurry waits for more of them: a call for each would keep the account's rate from who is."""
_OF_ONE: Final = (errors.CloudNotFound, errors.InvalidRequest, errors.AccessDenied)
"""Refusals that may be about one of the things asked for, and are then no answer about the others."""

G = TypeVar("G")
K = TypeVar("K")
V = TypeVar("V")


class BatchedReads(Generic[G, K, V]):
    """Reads of things by key; keys of one group go into one call."""

    def __init__(self, read: Callable[[G, Sequence[K]], Awaitable[Mapping[K, V]]], most: int) -> None:
        """Take what reads several keys of a group, and how many of them one call takes at most."""
        self._read = read
        self._most = most
        self._asked: dict[G, dict[K, asyncio.Future[V | None]]] = {}
        self._reading: dict[G, asyncio.Task[None]] = {}

    async def get(self, group: G, key: K) -> V | None:
        """Return what a read finds that begins after this call, None when it finds no such thing.

        Raises whatever the read raises.
        """
        asked = self._asked.setdefault(group, {})
        if key not in asked:
            asked[key] = asyncio.get_running_loop().create_future()
        if group not in self._reading:
            self._reading[group] = asyncio.create_task(self._read_group(group))
        # Who is cancelled must not take the answer away from the others.
        return await asyncio.shield(asked[key])

    async def _read_group(self, group: G) -> None:
        """Read until nobody has asked meanwhile."""
        try:
            while group in self._asked:
                # The lane is that of who asked first.
                await asyncio.sleep(GATHER_SECONDS[lane_under_way()])
                await self._read_all(group, self._asked.pop(group))
        finally:
            del self._reading[group]
            # Only when this was broken off is anybody left: nobody would answer.
            _give_up(self._asked.pop(group, {}).values())

    async def _read_all(self, group: G, asked: Mapping[K, asyncio.Future[V | None]]) -> None:
        keys = list(asked)
        chunks = [keys[start : start + self._most] for start in range(0, len(keys), self._most)]
        try:
            await asyncio.gather(*(self._answer(group, {key: asked[key] for key in c}) for c in chunks))
        finally:
            _give_up(asked.values())

    async def _answer(self, group: G, asked: Mapping[K, asyncio.Future[V | None]]) -> None:
        try:
            found = await self._read(group, list(asked))
        except _OF_ONE as error:
            if len(asked) > 1:
                await asyncio.gather(*(self._answer(group, {key: asked[key]}) for key in asked))
                return
            _fail(asked.values(), error)
        except Exception as error:  # noqa: BLE001 - belongs to those who asked, whatever it is
            _fail(asked.values(), error)
        else:
            for key, future in asked.items():
                if not future.done():
                    future.set_result(found.get(key))


def _give_up(futures: Iterable[asyncio.Future[V | None]]) -> None:
    """Answer those that nobody will answer any more: who waits for ever is a worker less."""
    _fail(
        futures,
        errors.Unavailable("a read of the cloud", "BrokenOff", "it was given up before the answer came"),
    )


def _fail(futures: Iterable[asyncio.Future[V | None]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            # The one who asked may have gone: nobody else is to be told.
            future.exception()
