"""The data plane that really serves: an nginx per load balancer, in step with listeners and health.

Runs nginx and health checks. Started by `clb-simulator serve` and told of every change when its task
succeeds.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clb_simulator.dataplane.health import HealthMonitor, Sleep
from clb_simulator.dataplane.health_probe import HttpProber, Prober
from clb_simulator.dataplane.model import DataPlaneError, HealthState, Listener
from clb_simulator.dataplane.nginx_config import NOTHING, render
from clb_simulator.dataplane.nginx_fleet import NginxFleet
from clb_simulator.dataplane.nginx_location import Target
from clb_simulator.dataplane.switches import Switches

log = logging.getLogger(__name__)

_DEFAULTS = Switches()


@dataclass(frozen=True, slots=True)
class _Change:
    """What one caller wants changed; None leaves it as it is."""

    listeners: tuple[Listener, ...] | None
    switches: Switches | None
    served: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class _Site:
    """Everything that decides what one load balancer serves."""

    listeners: tuple[Listener, ...]
    dead: frozenset[Target]
    switches: Switches


class NginxDataPlane:
    """Serves listeners with nginx on their addresses and ports.

    Args:
        directory: a folder of its own, made if missing; certificates and keys are written there, readable
            by this user alone.
        switches: what is not known about CLB.
        sleep: waits between two health checks of a backend, in seconds.
        prober: sends the health checks.
    """

    def __init__(
        self,
        directory: Path,
        *,
        switches: Switches = _DEFAULTS,
        sleep: Sleep = asyncio.sleep,
        prober: Prober | None = None,
    ) -> None:
        self._fleet = NginxFleet(directory)
        self._monitor = HealthMonitor(
            prober=prober or HttpProber(), sleep=sleep, on_change=self._take_up_health
        )
        self._listeners: tuple[Listener, ...] = ()
        self._switches = switches
        self._sites: Mapping[str, _Site] = {}
        self._waiting: list[_Change] = []
        self._health_changed = False
        self._worker: asyncio.Task[None] | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of nginx's masters, each the leader of its process group."""
        return self._fleet.pids

    @property
    def running(self) -> bool:
        """Whether every nginx that was started runs."""
        return self._fleet.running

    @property
    def generation(self) -> int:
        """How many configurations have been served: a change that changes nothing does not count."""
        return self._fleet.generation

    async def start(self) -> None:
        """Start nginx with no listeners.

        Raises:
            DataPlaneError: if nginx cannot run here.
        """
        await self._fleet.start()

    async def apply(self, listeners: tuple[Listener, ...]) -> None:
        """Serve exactly these listeners; return when no new connection meets what was served before.

        Calls that arrive during a reload share the next one: the last is served, and the earlier ones are
        done with it. Nothing is reloaded when nothing changes.

        Raises:
            DataPlaneError: with nginx's sentence, if they cannot be served; what was served still is.
        """
        await self._serve(listeners=listeners)

    async def use(self, switches: Switches) -> None:
        """Serve the same listeners under other switches, the form of refusal excepted.

        Raises:
            DataPlaneError: if they cannot be served so; what was served still is.
        """
        if switches.refusal != self._switches.refusal:
            # Another program would have to take over each listening socket, and requests would be lost.
            raise DataPlaneError("The form of refusal is chosen when the data plane starts; start it anew.")
        await self._serve(switches=switches)

    def health(self, location_id: str, address: str, port: int) -> HealthState:
        """Tell the verdict of the active check on one backend of a route."""
        return self._monitor.state((location_id, address, port))

    async def stop(self) -> None:
        """End the checks and nginx; changes that still wait fail."""
        await self._monitor.stop()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        _settle(self._waiting, DataPlaneError("The data plane was stopped before the change was served."))
        self._waiting = []
        await self._fleet.stop()

    async def _serve(
        self, *, listeners: tuple[Listener, ...] | None = None, switches: Switches | None = None
    ) -> None:
        served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Change(listeners, switches, served))
        self._wake()
        await served

    def _take_up_health(self) -> None:
        self._health_changed = True
        self._wake()

    def _wake(self) -> None:
        # A task of its own: a caller that gives up must not cut a reload in half.
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._waiting or self._health_changed:
            self._health_changed = False
            batch = list(self._waiting)
            await self._serve_last_good(batch) if batch else await self._follow_health()
            del self._waiting[: len(batch)]

    async def _serve_last_good(self, batch: Sequence[_Change]) -> None:
        for length in range(len(batch), 0, -1):
            changes = batch[:length]
            try:
                await self._publish(changes)
            except Exception as error:  # noqa: BLE001 - the caller is told, and must not wait for ever
                # The ones before the last may be good, and are owed an answer of their own.
                _settle(changes[-1:], error)
            else:
                _settle(changes, None)
                return

    async def _follow_health(self) -> None:
        try:
            await self._publish(())
        except (DataPlaneError, OSError):
            log.exception("the changed health of a backend is not served")

    async def _publish(self, changes: Sequence[_Change]) -> None:
        listeners, switches = self._listeners, self._switches
        for change in changes:
            listeners = listeners if change.listeners is None else change.listeners
            switches = change.switches or switches
        _refuse_shared_sockets(listeners)
        sites = dict(self._divide(listeners, switches))
        changed = {name: site for name, site in sites.items() if self._sites.get(name) != site}
        renderings = {
            name: render(site.listeners, site.dead, site.switches) for name, site in changed.items()
        }
        gone = self._sites.keys() - sites.keys()
        await self._fleet.publish({**renderings, **dict.fromkeys(gone, NOTHING)})
        self._listeners, self._switches, self._sites = listeners, switches, sites
        for name in (*changed, *gone):
            self._monitor.watch(name, sites[name].listeners if name in sites else ())

    def _divide(self, listeners: tuple[Listener, ...], switches: Switches) -> Iterator[tuple[str, _Site]]:
        by_load_balancer: dict[str, list[Listener]] = defaultdict(list)
        for listener in listeners:
            by_load_balancer[listener.load_balancer_id].append(listener)
        for name, its_listeners in by_load_balancer.items():
            yield name, _Site(tuple(its_listeners), self._monitor.dead(name), switches)


def _refuse_shared_sockets(listeners: tuple[Listener, ...]) -> None:
    taken: dict[tuple[str, int], str] = {}
    for listener in listeners:
        other = taken.setdefault((listener.address, listener.port), listener.listener_id)
        if other != listener.listener_id:
            raise DataPlaneError(
                f"Listeners {other} and {listener.listener_id} both want {listener.address}:{listener.port}."
            )


def _settle(changes: Sequence[_Change], error: Exception | None) -> None:
    for change in changes:
        if change.served.done():
            continue
        if error is None:
            change.served.set_result(None)
        else:
            change.served.set_exception(error)
