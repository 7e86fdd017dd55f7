"""How long a change takes to be served with 50 load balancers of 50 rules with 100 targets: `make bench`.

`PYTHONPATH=tests python -m bench.data_plane_speed`. Real nginx, real certificates, health checks off. A
budget that is missed ends the program with status 1.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from simulator.dataplane_fixtures import UNCHECKED, authority

from clb_simulator.dataplane.model import Backend, Domain, Listener, Route, TlsBinding
from clb_simulator.dataplane.nginx import NginxDataPlane

LOAD_BALANCERS: Final = 50
RULES: Final = 50
TARGETS: Final = 100
CHANGES: Final = 12
BUDGET_SECONDS: Final = 0.3


def listeners() -> Iterator[Listener]:
    """Yield one listener for each load balancer."""
    root = authority("Bench Root")
    pair = root.issue("bench.example")
    tls = TlsBinding(key_pairs=(pair,), client_ca_pem=root.pem, verify="on")
    for number in range(LOAD_BALANCERS):
        yield Listener(
            load_balancer_id=f"lb-{number}",
            listener_id=f"lbl-{number}",
            address=f"127.79.{number}.1",
            port=8443,
            protocol="HTTPS",
            sni=False,
            tls=tls,
            domains=(_domain(number, weight=10),),
        )


def _domain(number: int, *, weight: int) -> Domain:
    backends = tuple(Backend(address=f"127.80.0.{i + 1}", port=30080, weight=weight) for i in range(TARGETS))
    routes = tuple(
        Route(
            location_id=f"loc-{number}-{rule}",
            url=f"/{rule}/",
            scheduler="WRR",
            forward_type="HTTP",
            session_seconds=0,
            cookie_name=None,
            backends=backends,
            health_check=UNCHECKED,
        )
        for rule in range(RULES)
    )
    return Domain(names=("bench.example",), default=True, http2=True, tls=None, routes=routes)


async def measure(folder: Path) -> tuple[float, list[float]]:
    """Return the seconds of the first apply and of single changes."""
    plane = NginxDataPlane(folder)
    await plane.start()
    try:
        served = list(listeners())
        first = await _timed(plane, served)
        changes = []
        for number in range(CHANGES):
            changed = replace(served[number], domains=(_domain(number, weight=11),))
            served[number] = changed
            changes.append(await _timed(plane, served))
        return first, changes
    finally:
        await plane.stop()


async def _timed(plane: NginxDataPlane, served: list[Listener]) -> float:
    begun = time.monotonic()
    await plane.apply(tuple(served))
    return time.monotonic() - begun


def main() -> int:
    """Measure, print the table, and return 1 when the budget is missed."""
    with tempfile.TemporaryDirectory(prefix="clb-bench-") as folder:
        first, changes = asyncio.run(measure(Path(folder)))
    met = max(changes) <= BUDGET_SECONDS
    table = Table(
        title=f"{LOAD_BALANCERS} load balancers, {RULES} rules, {TARGETS} targets: until it is served"
    )
    for heading in ("what", "measured", "budget", ""):
        table.add_column(heading)
    table.add_row("everything for the first time", f"{first:.2f} s", "", "")
    table.add_row(f"one change, median of {CHANGES}", f"{statistics.median(changes):.3f} s", "", "")
    limit = f"{BUDGET_SECONDS:g} s"
    table.add_row(
        f"one change, slowest of {CHANGES}", f"{max(changes):.3f} s", limit, "met" if met else "missed"
    )
    Console().print(table)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
