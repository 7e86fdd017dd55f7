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


@dataclass(slots=True)
class _Check:
    """One probe that is sent again and again, for as long as load balancers want its verdict."""

    verdict: Verdict
    task: asyncio.Task[None]
    wanted_by: set[str]


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
        self._checks: dict[Probe, _Check] = {}
        self._verdicts: dict[str, dict[Target, Verdict | None]] = {}

    def watch(self, load_balancer_id: str, listeners: tuple[Listener, ...]) -> None:
        """Probe exactly the backends of these listeners of one load balancer.

        Verdicts of unchanged checks stay. Equal checks are sent once, whoever wants them.
        """
        probes = dict(_probes(listeners))
        wanted = {probe for probe in probes.values() if probe}
        for probe in wanted:
            if probe not in self._checks:
                self._begin(probe)
            self._checks[probe].wanted_by.add(load_balancer_id)
        self._let_go(load_balancer_id, wanted)
        self._verdicts[load_balancer_id] = {
            target: self._checks[probe].verdict if probe else None for target, probe in probes.items()
        }

    def state(self, target: Target) -> HealthState:
        """Return the verdict: Close when checking is off, Unknown before the first verdict."""
        for verdicts in self._verdicts.values():
            if target in verdicts:
                verdict = verdicts[target]
                return verdict.state if verdict else HealthState.CLOSE
        return HealthState.UNKNOWN

    def dead(self, load_balancer_id: str) -> frozenset[Target]:
        """Return the backends of one load balancer that the checks found dead."""
        verdicts = self._verdicts.get(load_balancer_id, {})
        return frozenset(
            target for target, verdict in verdicts.items() if verdict and verdict.state is HealthState.DEAD
        )

    async def stop(self) -> None:
        """End all probes."""
        tasks = [check.task for check in self._checks.values()]
        self._checks.clear()
        self._verdicts.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._prober.close()

    def _begin(self, probe: Probe) -> None:
        verdict = Verdict(probe.healthy_threshold, probe.unhealthy_threshold)
        self._checks[probe] = _Check(verdict, asyncio.create_task(self._run(probe, verdict)), set())

    def _let_go(self, load_balancer_id: str, wanted: set[Probe]) -> None:
        for probe in self._checks.keys() - wanted:
            check = self._checks[probe]
            check.wanted_by.discard(load_balancer_id)
            if not check.wanted_by:
                check.task.cancel()
                del self._checks[probe]

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
