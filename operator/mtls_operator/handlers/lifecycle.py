"""Start and stop what runs besides kopf: the workers, the resync, and whatever stands beside them.

The view is listed before the first pass, so that no pass takes a half-read cluster for the whole one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from mtls_operator.api.meta import Key, Kind
from mtls_operator.core.lanes import Lane
from mtls_operator.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from mtls_operator.adapters.kube.view import ClusterView
    from mtls_operator.reconcilers.loop import Loop
    from mtls_operator.reconcilers.orphans import OrphanCollector
    from mtls_operator.reconcilers.queue import KeyedQueue

log = logging.getLogger(__name__)

_START_RETRY_SECONDS: Final = 2.0
_LAST_PASSES_SECONDS: Final = 25.0
"""Within the 45 seconds that deploy/ gives a pod to end."""


class Companion(Protocol):
    """What runs beside the workers: a server, the trials of doors."""

    async def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """End; it may not have begun."""
        ...


class Lifecycle:
    """The operator's own tasks."""

    def __init__(
        self,
        *,
        view: ClusterView,
        queue: KeyedQueue[Key],
        loop: Loop,
        workers: int,
        resync: timedelta,
        collector: OrphanCollector,
        companions: Sequence[Companion],
    ) -> None:
        """Take what to run."""
        self._view = view
        self._queue = queue
        self._loop = loop
        self._workers = workers
        self._resync = resync.total_seconds()
        self._collector = collector
        self._companions = companions
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """List the cluster, then start the workers and answer requests."""
        while True:
            try:
                await self._view.refresh()
                break
            except KubeError as error:
                log.warning("the cluster cannot be listed yet: %s", error)
                await asyncio.sleep(_START_RETRY_SECONDS)
        for companion in self._companions:
            await companion.start()
        self._tasks = [
            asyncio.create_task(self._loop.run(self._workers), name="workers"),
            asyncio.create_task(self._refresh_forever(), name="resync"),
        ]
        log.info("started with %d workers", self._workers)

    async def _refresh_forever(self) -> None:
        """List everything anew now and then: a broken watch may have lost a deletion."""
        while True:
            await asyncio.sleep(self._resync)
            try:
                await self._view.refresh()
                for kind in Kind:
                    for ref in self._view.refs_of(kind):
                        key = Key(kind, ref.namespace, ref.name)
                        await self._queue.add(key, self._resync, Lane.RESYNC)
            except KubeError as error:
                log.warning("the resync could not list the cluster: %s", error)
                continue
            # Only with the whole cluster in view: what is not seen would be taken for gone.
            await self._collector.sweep()

    def probe(self) -> str:
        """Answer the liveness probe; raises when a task of ours has ended."""
        for task in self._tasks:
            if task.done():
                raise RuntimeError(f"the task {task.get_name()} has ended")
        return f"{len(self._queue)} keys waiting"

    async def stop(self) -> None:
        """Let the passes under way end, within limits: a reply that is lost has to be found out later."""
        await self._queue.close()
        if self._tasks:
            await asyncio.wait(self._tasks[:1], timeout=_LAST_PASSES_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for companion in self._companions:
            await companion.stop()
