"""The nginx processes: one for each load balancer that has listeners, and those that wait for one.

Starts, changes and ends processes by way of `NginxPublisher`. Used by `NginxDataPlane`, which never
publishes two changes at once. A change of one load balancer costs a reload of its own configuration
alone, however many others there are.
"""

import asyncio
import itertools
import logging
from collections.abc import Mapping
from pathlib import Path

from clb_simulator.dataplane.model import DataPlaneError
from clb_simulator.dataplane.nginx_config import NOTHING, Rendering
from clb_simulator.dataplane.nginx_publisher import NginxPublisher

log = logging.getLogger(__name__)


class NginxFleet:
    """Serves a rendering for each load balancer.

    A process whose load balancer has no listeners any more waits for the next one, so there are never more
    of them than there were load balancers at one time.

    Args:
        directory: each process has a folder of its own below it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()
        self._all: list[NginxPublisher] = []
        self._idle: list[NginxPublisher] = []
        self._serving: dict[str, NginxPublisher] = {}

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the masters, each the leader of its process group."""
        return tuple(one.pid for one in self._all if one.pid is not None)

    @property
    def running(self) -> bool:
        """Whether all processes that were started run."""
        return bool(self._all) and all(one.running for one in self._all)

    @property
    def generation(self) -> int:
        """How many configurations all processes together have served."""
        return sum(one.generation for one in self._all)

    async def start(self) -> None:
        """Start the first process, which shows that nginx runs here.

        Raises:
            DataPlaneError: if it does not.
        """
        self._idle.append(await self._launch())

    async def publish(self, renderings: Mapping[str, Rendering]) -> None:
        """Serve these renderings for these load balancers, and go on with all others as they are.

        Raises:
            DataPlaneError: if one of them is refused; all serve on what they did before.
        """
        if not self.running:
            raise DataPlaneError("nginx does not run; start the data plane again.")
        before = {name: self._current(name) for name in renderings}
        failures = await self._publish_all(renderings)
        if failures:
            for error in await self._publish_all(before):
                log.error("what was served before a refused change is not served again", exc_info=error)
            raise failures[0]

    async def stop(self) -> None:
        """End all processes."""
        await asyncio.gather(*(one.stop() for one in self._all))
        self._idle.clear()
        self._serving.clear()

    def _current(self, name: str) -> Rendering:
        return self._serving[name].current if name in self._serving else NOTHING

    async def _publish_all(self, renderings: Mapping[str, Rendering]) -> list[BaseException]:
        results = await asyncio.gather(
            *(self._publish_one(*item) for item in renderings.items()), return_exceptions=True
        )
        return [result for result in results if result is not None]

    async def _publish_one(self, name: str, rendering: Rendering) -> None:
        if name not in self._serving and rendering == NOTHING:
            return
        publisher = self._serving.get(name) or await self._take_idle(name)
        await publisher.publish(rendering)
        if rendering == NOTHING:
            self._idle.append(self._serving.pop(name))

    async def _take_idle(self, name: str) -> NginxPublisher:
        publisher = self._idle.pop() if self._idle else await self._launch()
        self._serving[name] = publisher
        return publisher

    async def _launch(self) -> NginxPublisher:
        publisher = NginxPublisher(self._directory / str(next(self._numbers)))
        try:
            await publisher.start()
        except BaseException:
            await publisher.stop()
            raise
        self._all.append(publisher)
        return publisher
