"""Behaviour 26: active checks decide who gets requests.

Documented (214/6097, API): Unknown before the first verdict, Close when off, thresholds, code mask, HEAD by
default, weight 0 is probed, all dead means all get requests. Inferred: thresholds count from Unknown too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from simulator.dataplane_fixtures import (
    UNCHECKED,
    EchoBackend,
    authority,
    client,
    client_pair,
    domain,
    echo_backend,
    eventually,
    free_port,
    https,
    mutual,
    route,
)

from clb_simulator.dataplane.health import HealthMonitor, Verdict
from clb_simulator.dataplane.health_probe import HttpProber, Probe, code_counts
from clb_simulator.dataplane.model import Backend, HealthCheck, HealthState, Listener, Route
from clb_simulator.dataplane.nginx import NginxDataPlane

CHECKED = replace(UNCHECKED, enabled=True, healthy_threshold=2, unhealthy_threshold=2, codes_mask=2)
MUTUAL = mutual(("a.test",), "a")
ME = client(client_pair("a"))


@dataclass
class Pulse:
    """Lets every probe's interval pass when told to, and never by itself."""

    beats: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def sleep(self, _seconds: float) -> None:
        beat = self.beats
        async with self.changed:
            await self.changed.wait_for(lambda: self.beats > beat)

    async def beat(self) -> None:
        async with self.changed:
            self.beats += 1
            self.changed.notify_all()


@dataclass
class HealthBench:
    """A data plane in front of two backends whose probes run at the test's pace."""

    plane: NginxDataPlane
    pulse: Pulse
    port: int
    backends: tuple[EchoBackend, EchoBackend]

    def listeners(self, *weights: int, check: HealthCheck = CHECKED) -> tuple[Listener, ...]:
        bound = (backend.weighing(weight) for backend, weight in zip(self.backends, weights, strict=True))
        return (https(self.port, domain("a.test", routes=(route(*bound, health_check=check),)), tls=MUTUAL),)

    def states(self) -> list[str]:
        return [self.plane.health("loc-1", backend.address, backend.port) for backend in self.backends]

    async def until(self, *states: HealthState) -> None:
        """Let intervals pass until the verdicts are these."""
        async with asyncio.timeout(10):
            while self.states() != list(states):
                await self.pulse.beat()
                await asyncio.sleep(0.01)

    async def answering(self, count: int = 4) -> set[str]:
        return {(await ME.asks(self.port, sni="a.test")).body for _ in range(count)}

    async def until_answering(self, *names: str) -> None:
        async with asyncio.timeout(10):
            while await self.answering() != set(names):
                continue


@asynccontextmanager
async def running_bench(directory: Path) -> AsyncIterator[HealthBench]:
    pulse = Pulse()
    plane = NginxDataPlane(directory, sleep=pulse.sleep)
    async with echo_backend("rs-1") as first, echo_backend("rs-2") as second:
        await plane.start()
        try:
            yield HealthBench(plane, pulse, free_port(), (first, second))
        finally:
            await plane.stop()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[HealthBench]:
    async with running_bench(tmp_path) as bench:
        yield bench


ALIVE, DEAD, UNKNOWN, CLOSE = HealthState.ALIVE, HealthState.DEAD, HealthState.UNKNOWN, HealthState.CLOSE


async def test_dead_backend_leaves_and_comes_back(bench: HealthBench) -> None:
    await bench.plane.apply(bench.listeners(10, 10))
    assert bench.states() == [UNKNOWN, UNKNOWN]
    assert await bench.answering() == {"rs-1", "rs-2"}
    await bench.until(ALIVE, ALIVE)
    bench.backends[0].status = 503
    await bench.until(DEAD, ALIVE)
    await bench.until_answering("rs-2")
    bench.backends[0].status = 200
    await bench.until(ALIVE, ALIVE)
    await bench.until_answering("rs-1", "rs-2")


async def test_when_all_are_dead_all_get_requests(bench: HealthBench) -> None:
    check = replace(CHECKED, path="/missing", codes_mask=16)
    await bench.plane.apply(bench.listeners(10, 10, check=check))
    await bench.until(DEAD, DEAD)
    await bench.until_answering("rs-1", "rs-2")


async def test_weight_zero_is_probed_and_does_not_keep_the_rest_from_failing_open(bench: HealthBench) -> None:
    bench.backends[1].status = 500
    await bench.plane.apply(bench.listeners(0, 10))
    await bench.until(ALIVE, DEAD)
    bench.backends[1].requests.clear()
    assert (await ME.asks(bench.port, sni="a.test")).status == 500
    assert not [request for request in bench.backends[0].requests if request.method == "GET"]


async def test_checks_that_are_off_say_close_and_send_nothing(bench: HealthBench) -> None:
    bench.backends[0].status = 500
    await bench.plane.apply(bench.listeners(10, 10, check=UNCHECKED))
    assert bench.states() == [CLOSE, CLOSE]
    await bench.pulse.beat()
    assert await bench.answering(2) == {"rs-1", "rs-2"}
    assert {request.method for backend in bench.backends for request in backend.requests} == {"GET"}


async def test_verdicts_survive_a_change_of_something_else(bench: HealthBench) -> None:
    await bench.plane.apply(bench.listeners(10, 10))
    await bench.until(ALIVE, ALIVE)
    await bench.plane.apply(bench.listeners(10, 20))
    assert bench.states() == [ALIVE, ALIVE]
    await bench.plane.apply(bench.listeners(10, 20, check=replace(CHECKED, path="/other")))
    assert bench.states() == [UNKNOWN, UNKNOWN]


async def test_probe_uses_method_path_and_host_of_the_check(bench: HealthBench) -> None:
    check = replace(CHECKED, method="get", path="/healthz", host="health.test")
    await bench.plane.apply(bench.listeners(10, 10, check=check))
    await bench.until(ALIVE, ALIVE)
    request = bench.backends[0].requests[0]
    assert (request.method, request.path, request.host) == ("GET", "/healthz", "health.test")


async def test_probe_asks_for_the_domain_by_head_unless_told_otherwise(bench: HealthBench) -> None:
    await bench.plane.apply(bench.listeners(10, 10))
    await bench.until(ALIVE, ALIVE)
    request = bench.backends[0].requests[0]
    assert (request.method, request.host) == ("HEAD", "a.test")


@pytest.mark.parametrize(
    ("status", "mask", "counts"),
    [
        (200, 2, True),
        (200, 1, False),
        (302, 4, True),
        (404, 8, True),
        (404, 7, False),
        (503, 16, True),
        (503, 15, False),
    ],
)
def test_code_mask_has_a_bit_for_each_class(status: int, mask: int, counts: bool) -> None:  # noqa: FBT001
    assert code_counts(status, mask) is counts


def test_verdict_changes_only_after_enough_equal_results_in_a_row() -> None:
    verdict = Verdict(healthy_threshold=3, unhealthy_threshold=2)
    seen = []
    for passed in (True, True, False, True, True, True, False, True, False, False, True, True, True):
        verdict.record(passed=passed)
        seen.append(verdict.state)
    assert seen == [UNKNOWN] * 5 + [ALIVE] * 4 + [DEAD] * 3 + [ALIVE]


@dataclass
class CountingProber:
    """Passes every probe at once and counts them."""

    probes: list[Probe] = field(default_factory=list)

    async def passes(self, probe: Probe) -> bool:
        self.probes.append(probe)
        return True

    async def close(self) -> None:
        self.probes.clear()


async def test_equal_checks_of_many_routes_are_sent_once() -> None:
    pulse, prober = Pulse(), CountingProber()
    monitor = HealthMonitor(prober=prober, sleep=pulse.sleep, on_change=lambda: None)
    routes: tuple[Route, ...] = tuple(
        route(Backend("127.0.0.1", 1, 1), location_id=f"loc-{n}", health_check=CHECKED) for n in range(20)
    )
    monitor.watch("lb-1", (https(443, domain("a.test", routes=routes), tls=MUTUAL),))
    await eventually(lambda: bool(prober.probes), "a probe is sent")
    assert len(prober.probes) == 1
    await pulse.beat()
    await eventually(lambda: monitor.state(("loc-19", "127.0.0.1", 1)) is ALIVE, "all share the verdict")
    assert len(prober.probes) == 2
    await monitor.stop()


async def test_probes_over_tls_and_of_nobody() -> None:
    async with HttpProber() as prober, echo_backend("tls", authority("x").issue("elsewhere.test")) as backend:
        probe = Probe("127.0.0.1", backend.port, "HTTPS", "HEAD", "/", "a.test", 2, 5, 2, 3, 3)
        assert await prober.passes(probe)
        assert not await prober.passes(replace(probe, protocol="HTTP"))
        assert not await prober.passes(replace(probe, port=free_port("127.0.0.1")))
