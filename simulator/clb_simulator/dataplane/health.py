"""Active health checks: which backends are alive, and since when enough probes agree.

Runs one task per distinct probe. Used by `NginxDataPlane`; `Verdict` is pure. Probes run whatever a
backend's weight is. Source: 214/6097.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from clb_simulator.dataplane.health_probe import Probe, Prober
from clb_simulator.dataplane.model import Domain, HealthState, Listener, Route
from clb_simulator.dataplane.nginx_location import Target

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Verdict:
    """The state of one backend: it changes after as many equal results in a row as the threshold says."""

    healthy_threshold: int
    unhealthy_threshold: int
    state: HealthState = HealthState.UNKNOWN
    _last: bool = False
    _streak: int = 0

    def record(self, *, passed: bool) -> bool:
        """Take one result and return whether the state changed."""
        self._streak = self._streak + 1 if passed == self._last else 1
        self._last = passed
        threshold = self.healthy_threshold if passed else self.unhealthy_threshold
        state = HealthState.ALIVE if passed else HealthState.DEAD
        if self._streak < threshold or state == self.state:
            return False
        self.state = state
        return True


class HealthMonitor:
    """Probes the backends of the listeners that it was last told, and keeps the verdicts.

    Args:
        prober: sends the probes.
        sleep: waits the interval between two probes, in seconds.
        on_change: called when a backend became dead or alive.
    """

    def __init__(self, *, prober: Prober, sleep: Sleep, on_change: Callable[[], None]) -> None:
        self._prober = prober
        self._sleep = sleep
        self._on_change = on_change
        self._probes: dict[Target, Probe | None] = {}
        self._verdicts: dict[Probe, Verdict] = {}
        self._tasks: dict[Probe, asyncio.Task[None]] = {}

    def watch(self, listeners: tuple[Listener, ...]) -> None:
        """Probe exactly the backends of these listeners; verdicts of unchanged checks stay."""
        self._probes = dict(_probes(listeners))
        wanted = {probe for probe in self._probes.values() if probe}
        for probe in self._verdicts.keys() - wanted:
            del self._verdicts[probe]
            self._tasks.pop(probe).cancel()
        for probe in wanted - self._verdicts.keys():
            self._verdicts[probe] = Verdict(probe.healthy_threshold, probe.unhealthy_threshold)
            self._tasks[probe] = asyncio.create_task(self._run(probe, self._verdicts[probe]))

    def state(self, target: Target) -> HealthState:
        """Return the verdict: Close when checking is off, Unknown before the first verdict."""
        if target not in self._probes:
            return HealthState.UNKNOWN
        probe = self._probes[target]
        return self._verdicts[probe].state if probe else HealthState.CLOSE

    def dead(self) -> frozenset[Target]:
        """Return the backends that the checks found dead."""
        return frozenset(target for target in self._probes if self.state(target) is HealthState.DEAD)

    async def stop(self) -> None:
        """End all probes."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._verdicts.clear()
        self._probes.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._prober.close()

    async def _run(self, probe: Probe, verdict: Verdict) -> None:
        while True:
            if verdict.record(passed=await self._prober.passes(probe)):
                self._on_change()
            await self._sleep(probe.interval_seconds)


def _probes(listeners: tuple[Listener, ...]) -> Iterator[tuple[Target, Probe | None]]:
    for listener in listeners:
        for domain in listener.domains:
            for route in domain.routes:
                yield from _route_probes(domain, route)


def _route_probes(domain: Domain, route: Route) -> Iterator[tuple[Target, Probe | None]]:
    check = route.health_check
    for backend in route.backends:
        target = (route.location_id, backend.address, backend.port)
        if not check.enabled:
            yield target, None
            continue
        yield (
            target,
            Probe(
                address=backend.address,
                port=backend.port,
                protocol=check.protocol,
                method=check.method.upper(),
                path=check.path,
                host=check.host or _probe_host(domain, backend.address),
                codes_mask=check.codes_mask,
                interval_seconds=check.interval_seconds,
                timeout_seconds=check.timeout_seconds,
                healthy_threshold=check.healthy_threshold,
                unhealthy_threshold=check.unhealthy_threshold,
            ),
        )


def _probe_host(domain: Domain, address: str) -> str:
    # A wildcard or a regular expression is no name that a backend could be asked for.
    plain = (name for name in domain.names if not name.startswith("~") and "*" not in name)
    return next(plain, address)
