"""Behaviour 27: load balancers are served apart: a change or a failure of one is none of the others'.

Inferred: load balancers are separate products with addresses of their own, in the cloud as here.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from simulator.dataplane_fixtures import (
    UNCHECKED,
    VIP,
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
    serving_plane,
)

from clb_simulator.dataplane.health import HealthMonitor
from clb_simulator.dataplane.health_probe import Probe
from clb_simulator.dataplane.model import Backend, DataPlaneError, HealthState, KeyPair, Listener, TlsBinding
from clb_simulator.dataplane.nginx import NginxDataPlane

ME = client(client_pair("a"))
ASK = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
BROKEN = TlsBinding((KeyPair("no certificate", "no key"),), authority("a").pem, "on")
CHECKED = replace(UNCHECKED, enabled=True, healthy_threshold=2, unhealthy_threshold=2)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[NginxDataPlane]:
    async with serving_plane(tmp_path) as plane:
        yield plane


@pytest.fixture
async def backend() -> AsyncIterator[EchoBackend]:
    async with echo_backend("rs-1") as backend:
        yield backend


def load_balancer(name: str, port: int, backend: EchoBackend, weight: int = 10) -> Listener:
    location = route(backend.weighing(weight), location_id=f"loc-{name}")
    site = https(port, domain("a.test", routes=(location,)), tls=mutual(("a.test",), "a"))
    return replace(site, load_balancer_id=name, listener_id=f"lbl-{name}")


async def status(port: int) -> int:
    return (await ME.asks(port, sni="a.test")).status


async def test_change_of_one_leaves_the_idle_connections_of_another(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    first, second = free_port(), free_port()
    await plane.apply((load_balancer("lb-1", first, backend), load_balancer("lb-2", second, backend)))
    reader, writer = await asyncio.open_connection(VIP, first, ssl=ME.context, server_hostname="a.test")
    for weight in (20, 30, 40):
        changed = load_balancer("lb-2", second, backend, weight)
        await plane.apply((load_balancer("lb-1", first, backend), changed))
    # A reload of its own nginx would have closed a connection that never carried a request.
    writer.write(ASK)
    assert b" 200 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_change_of_several_is_taken_back_from_all_when_one_is_refused(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    first, second, third = free_port(), free_port(), free_port()
    await plane.apply((load_balancer("lb-1", first, backend), load_balancer("lb-2", second, backend)))
    moved = load_balancer("lb-1", third, backend)
    broken = replace(load_balancer("lb-2", second, backend), tls=BROKEN)
    created = load_balancer("lb-3", free_port(), backend)
    with pytest.raises(DataPlaneError, match="cannot load certificate"):
        await plane.apply((moved, broken, created))
    assert (await status(first), await status(second)) == (200, 200)
    for port in (third, created.port):
        with pytest.raises(ConnectionRefusedError):
            await status(port)
    await plane.apply((moved, load_balancer("lb-2", second, backend)))
    assert (await status(third), await status(second)) == (200, 200)


async def test_deleted_load_balancers_leave_no_process_behind(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    for number in range(4):
        port = free_port()
        await plane.apply((load_balancer(f"lb-{number}", port, backend),))
        assert await status(port) == 200
    await plane.apply(())
    # The new one is served before the old one's process is free.
    assert len(plane.pids) <= 2


async def test_nginx_that_dies_takes_no_other_with_it(plane: NginxDataPlane, backend: EchoBackend) -> None:
    first, second = free_port(), free_port()
    await plane.apply((load_balancer("lb-1", first, backend), load_balancer("lb-2", second, backend)))
    os.killpg(plane.pids[0], signal.SIGKILL)
    await eventually(lambda: not plane.running, "the death of nginx is seen")
    seen = await asyncio.gather(status(first), status(second), return_exceptions=True)
    assert seen.count(200) == 1


async def test_socket_is_refused_to_a_second_load_balancer(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    both = (load_balancer("lb-1", port, backend), load_balancer("lb-2", port, backend))
    with pytest.raises(DataPlaneError, match="both want"):
        await plane.apply(both)


class CountingProber:
    """Passes every probe at once and counts them."""

    def __init__(self) -> None:
        self.probes: list[Probe] = []

    async def passes(self, probe: Probe) -> bool:
        self.probes.append(probe)
        return True

    async def close(self) -> None:
        self.probes.clear()


async def test_equal_checks_of_two_load_balancers_are_one_until_neither_wants_it() -> None:
    prober, beat = CountingProber(), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await beat.wait()
        beat.clear()

    def watched(name: str) -> tuple[Listener, ...]:
        chosen = route(Backend("127.0.0.1", 1, 1), location_id=f"loc-{name}", health_check=CHECKED)
        return (https(443, domain("a.test", routes=(chosen,))),)

    monitor = HealthMonitor(prober=prober, sleep=sleep, on_change=lambda: None)
    monitor.watch("lb-1", watched("1"))
    monitor.watch("lb-2", watched("2"))
    await eventually(lambda: len(prober.probes) == 1, "one probe is sent for both")
    monitor.watch("lb-1", ())
    beat.set()
    await eventually(lambda: len(prober.probes) == 2, "the other still wants it")
    assert monitor.state(("loc-2", "127.0.0.1", 1)) is HealthState.ALIVE
    assert monitor.state(("loc-1", "127.0.0.1", 1)) is HealthState.UNKNOWN
    monitor.watch("lb-2", ())
    beat.set()
    await asyncio.sleep(0)
    assert len(prober.probes) == 2
    await monitor.stop()
