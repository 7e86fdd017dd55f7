"""The workers: take a key, make a pass, decide when the key comes back, and in which lane.

No kopf and no Kubernetes here. A pass that fails comes back with growing delays, as urgent as it was;
one that ends well comes back when it asked to, and at the latest at the resync, spread over time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mtls_operator.core.lanes import Lane, in_lane
from mtls_operator.core.outcome import Done, Outcome, Waiting, backoff
from mtls_operator.errors import OperatorError
from mtls_operator.reconcilers.queue import QueueClosed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from mtls_operator.api.meta import Key, Kind, ObjectRef
    from mtls_operator.reconcilers.queue import KeyedQueue

log = logging.getLogger(__name__)

_SPREAD = 0.2


class MakesPasses(Protocol):
    """What a reconciler offers to the loop."""

    async def reconcile(self, ref: ObjectRef, attempts: int) -> Outcome | None:
        """Make one pass; None means that there is nothing to look after."""
        ...


class Loop:
    """Works off a queue of keys."""

    def __init__(
        self, queue: KeyedQueue[Key], reconcilers: Mapping[Kind, MakesPasses], *, resync: timedelta
    ) -> None:
        """Take the queue, a reconciler for each kind, and how often every object is looked at anew."""
        self._queue = queue
        self._reconcilers = reconcilers
        self._resync = resync.total_seconds()
        self._attempts: dict[Key, int] = {}

    async def run(self, workers: int) -> None:
        """Work until the queue is closed."""
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(), name=f"worker-{number}")

    async def _work(self) -> None:
        while True:
            try:
                key = await self._queue.take()
            except QueueClosed:
                return
            lane = self._queue.lane_of(key)
            try:
                with in_lane(lane):
                    following = await self._pass(key, lane)
            finally:
                await self._queue.done(key)
            if following is not None:
                await self._queue.add(key, following.delay, following.lane)

    async def _pass(self, key: Key, lane: Lane) -> _Next | None:
        """Make one pass and return when the next is due, None for never."""
        attempts = self._attempts.get(key, 0)
        try:
            outcome = await self._reconcilers[key.kind].reconcile(key.ref, attempts)
        except OperatorError as error:
            log.warning("%s: the pass could not be reported: %s", key, error)
            return self._failed(key, attempts, lane)
        except Exception:
            log.exception("%s: the pass failed; this is a defect of the operator", key)
            return self._failed(key, attempts, lane)
        if outcome is None:
            self._attempts.pop(key, None)
            return None
        return self._next(key, outcome, attempts, lane)

    def _failed(self, key: Key, attempts: int, lane: Lane) -> _Next:
        self._attempts[key] = attempts + 1
        return _Next(_jittered(backoff(attempts).total_seconds()), lane)

    def _next(self, key: Key, outcome: Outcome, attempts: int, lane: Lane) -> _Next:
        if not isinstance(outcome, Done):
            log.info("%s: %s: %s", key, outcome.reason, outcome.message)
        resync = self._resync * (1 + random.uniform(-_SPREAD, _SPREAD))  # noqa: S311 - spreading, not secrecy
        asked = resync if outcome.after is None else outcome.after.total_seconds()
        if isinstance(outcome, Waiting) and outcome.failed:
            self._attempts[key] = attempts + 1
            return _Next(min(resync, asked), lane)
        self._attempts.pop(key, None)
        return _Next(min(resync, asked), Lane.CONSEQUENCE if asked < resync else Lane.RESYNC)


@dataclass(frozen=True, slots=True)
class _Next:
    """The pass after this one: in how many seconds, and how urgent."""

    delay: float
    lane: Lane


def _jittered(seconds: float) -> float:
    return seconds * (1 + random.uniform(0, _SPREAD))  # noqa: S311 - spreading, not secrecy
