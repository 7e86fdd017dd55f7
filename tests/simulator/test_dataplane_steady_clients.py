"""Behaviour 27: clients in the middle of their work notice no change, of whatever kind.

Documented: a change of certificates, rules, weights or health interrupts no request.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
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
    route,
)

from clb_simulator.dataplane.model import HealthState, KeyPair, Route, TlsBinding
from clb_simulator.dataplane.nginx import NginxDataPlane
from clb_simulator.dataplane.switches import Refusal, Switches

ME = client(client_pair("a"))
CHECKED = replace(UNCHECKED, enabled=True, healthy_threshold=2, unhealthy_threshold=2, codes_mask=2)
ASK = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"


@dataclass
class Site:
    """One listener that is changed again and again, in front of two backends."""

    plane: NginxDataPlane
    port: int
    backends: tuple[EchoBackend, EchoBackend]
    pair: KeyPair = field(default_factory=lambda: authority("servers").issue("a.test"))
    weight: int = 10
    extra: tuple[Route, ...] = ()

    async def apply(self) -> None:
        bound = (self.backends[0].weighing(self.weight), self.backends[1].weighing(10))
        routes = (route(*bound, health_check=CHECKED), *self.extra)
        tls = TlsBinding((self.pair,), authority("a").pem, "on")
        await self.plane.apply((https(self.port, domain("a.test", routes=routes), tls=tls),))

    async def change_weight(self) -> None:
        self.weight = 30 - self.weight
        await self.apply()

    async def change_certificate(self) -> None:
        self.pair = authority("servers").issue("a.test")
        await self.apply()

    async def add_or_remove_a_rule(self) -> None:
        added = route(self.backends[0].weighing(1), location_id="loc-extra", url="/extra/")
        self.extra = () if self.extra else (added,)
        await self.apply()

    async def let_a_backend_die_or_rise(self) -> None:
        first = self.backends[0]
        dies = first.probed is None
        first.probed = 503 if dies else None
        verdict = HealthState.DEAD if dies else HealthState.ALIVE
        generation = self.plane.generation
        await eventually(lambda: self.plane.health("loc-1", first.address, first.port) is verdict, verdict)
        await eventually(lambda: self.plane.generation > generation, "the verdict is served")


@dataclass
class Tally:
    """What clients got: statuses, and over how many connections."""

    statuses: list[int] = field(default_factory=list)
    connections: int = 0

    async def until_more(self, count: int) -> None:
        wanted = len(self.statuses) + count
        await eventually(lambda: len(self.statuses) >= wanted, "clients go on")


@asynccontextmanager
async def steady(work: Callable[[Tally], Awaitable[None]]) -> AsyncIterator[Tally]:
    """Repeat a client's work while the block runs; an error fails the test."""
    tally, over = Tally(), asyncio.Event()

    async def repeat() -> None:
        while not over.is_set():
            await work(tally)

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(repeat())
        try:
            yield tally
        finally:
            over.set()


@pytest.fixture(params=["http400", "tls-alert"])
async def site(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    refusal: Refusal = request.param
    plane = NginxDataPlane(
        tmp_path, switches=Switches(refusal=refusal), sleep=lambda _seconds: asyncio.sleep(0.02)
    )
    async with echo_backend("rs-1") as first, echo_backend("rs-2") as second:
        await plane.start()
        try:
            site = Site(plane, free_port(), (first, second))
            await site.apply()
            yield site
        finally:
            await plane.stop()


async def test_clients_go_through_twenty_changes_of_every_kind(site: Site) -> None:
    async def on_a_new_connection(tally: Tally) -> None:
        tally.connections += 1
        tally.statuses.append((await ME.asks(site.port, sni="a.test")).status)

    async def on_a_kept_connection(tally: Tally) -> None:
        tally.connections += 1
        reader, writer = await asyncio.open_connection(
            VIP, site.port, ssl=ME.context, server_hostname="a.test"
        )
        for _ in range(50):
            writer.write(ASK)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readuntil(b"rs-")
            await reader.readexactly(1)
            tally.statuses.append(int(head.split()[1]))
            if "connection: close" in head:
                break
        writer.close()

    changes = (
        site.change_weight,
        site.change_certificate,
        site.add_or_remove_a_rule,
        site.let_a_backend_die_or_rise,
    )
    generation = site.plane.generation
    async with steady(on_a_new_connection) as new, steady(on_a_kept_connection) as kept:
        for change in changes * 5:
            await change()
            await new.until_more(2)
            await kept.until_more(5)
    assert site.plane.generation >= generation + 20
    assert set(new.statuses) == set(kept.statuses) == {200}
    # Connections in use are told to end when a change retires their worker, and not broken.
    assert len(kept.statuses) > 2 * kept.connections
