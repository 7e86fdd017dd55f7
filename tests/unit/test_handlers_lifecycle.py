"""The resync: uploads are swept only with the whole cluster in view."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from unit.fakes.virtual_time import run_virtually
from unit.fakes.world import World

from mtls_operator.adapters.kube.api import Api
from mtls_operator.adapters.kube.view import ClusterView
from mtls_operator.api.meta import Key
from mtls_operator.errors import KubeUnavailable
from mtls_operator.handlers.lifecycle import Lifecycle
from mtls_operator.reconcilers.loop import Loop
from mtls_operator.reconcilers.orphans import OrphanCollector
from mtls_operator.reconcilers.queue import KeyedQueue

RESYNC = timedelta(minutes=10)


class UnreliableView(ClusterView):
    """An empty cluster that can be listed now and then."""

    def __init__(self, answers: Iterator[bool]) -> None:
        super().__init__(Api(None))
        self._answers = answers

    async def refresh(self) -> None:
        if not next(self._answers):
            raise KubeUnavailable("no answer")


class CountingCollector(OrphanCollector):
    """Counts how often it was asked to look."""

    def __init__(self, world: World) -> None:
        super().__init__(world.view, world.store, world.inventory, world.clock, grace=RESYNC)
        self.sweeps = 0

    async def sweep(self) -> None:
        self.sweeps += 1


def test_there_is_a_sweep_after_each_list_of_the_cluster_and_none_without_one() -> None:
    async def three_resyncs() -> list[int]:
        collector, queue = CountingCollector(World()), KeyedQueue[Key]()
        seen = []
        lifecycle = Lifecycle(
            view=UnreliableView(iter([True, True, False, True])),
            queue=queue,
            loop=Loop(queue, {}, resync=RESYNC),
            workers=1,
            resync=RESYNC,
            collector=collector,
            companions=(),
        )
        await lifecycle.start()
        for _ in range(3):
            await asyncio.sleep(RESYNC.total_seconds() + 1)
            seen.append(collector.sweeps)
        await lifecycle.stop()
        return seen

    assert run_virtually(three_resyncs()) == [1, 1, 2]
