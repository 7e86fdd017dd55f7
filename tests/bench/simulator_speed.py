"""How fast the simulator is with 50 load balancers of 50 rules with 100 targets each: `make bench`.

`PYTHONPATH=tests python -m bench.simulator_speed`. The simulator is a process of its own, with a state
file and without a data plane. Clients keep eight calls under way, each signed by hand. Rates are calls per
second of processor time that the simulator used, which is what one core gives when nobody else wants it; so
a busy machine measures the same. A budget that is missed ends the program with status 1.
"""

import asyncio
import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import aiohttp
from bench.large_state import write_state
from rich.console import Console
from rich.table import Table
from simulator.cloud import SECRET_ID, SECRET_KEY
from simulator.signing import HandMade

SIZE = {"load_balancers": 50, "rules": 50, "targets": 100}
SECONDS = 3.0
STARTS = 3
AT_ONCE = 8
CALLS_BUDGET = 200.0
START_BUDGET_SECONDS = 1.0

Fields = dict[str, Any]
Maker = Callable[[int], Fields]


@dataclass(frozen=True)
class Row:
    """One line of the table; without a budget it is for information."""

    what: str
    measured: float
    unit: str
    budget: float | None = None

    @property
    def verdict(self) -> str:
        if self.budget is None:
            return ""
        is_rate = self.unit == "calls/s"
        met = self.measured >= self.budget if is_rate else self.measured <= self.budget
        return "met" if met else "missed"


@contextmanager
def running(state: Path | None) -> Iterator[tuple[str, int, float]]:
    """Start a simulator; yield the API's address, the process id, and the seconds that the start took."""
    options = ["--data-plane", "none", "--no-throttle", "--task-time", "0s"]
    command = [sys.executable, "-m", "clb_simulator", "serve", *options]
    if state is not None:
        command += ["--state", str(state)]
    keys = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}
    begun = time.monotonic()
    process = Popen(command, stdout=PIPE, text=True, env={**os.environ, **keys})
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.monotonic() - begun
        url = next(word.rstrip(",") for word in line.split() if word.startswith("http://"))
        yield url, process.pid, seconds
    finally:
        process.terminate()
        process.wait()


def processor_seconds(pid: int) -> float:
    """Return what a process has used so far, in user mode and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lb(number: int) -> Fields:
    return {"LoadBalancerId": f"lb-bench{number % SIZE['load_balancers']:03}"}


def listener(number: int) -> Fields:
    return {**lb(number), "ListenerId": f"lbl-bench{number % SIZE['load_balancers']:03}"}


def weight(number: int) -> Fields:
    rule = f"loc-{number % SIZE['load_balancers']:03}-{number % SIZE['rules']:03}"
    target = {"InstanceId": "ins-bench001", "Port": 8080, "Weight": number % 100}
    changed = [{"ListenerId": listener(number)["ListenerId"], "LocationId": rule, "Targets": [target]}]
    return {**lb(number), "ModifyList": changed}


CASES: dict[str, tuple[str, Maker]] = {
    "DescribeLoadBalancers, one": ("DescribeLoadBalancers", lambda n: {"LoadBalancerIds": [*lb(n).values()]}),
    "DescribeListeners, 50 rules": ("DescribeListeners", lb),
    "DescribeTargets, 5000 targets": ("DescribeTargets", lb),
    "DescribeTargetHealth, 5000 targets": (
        "DescribeTargetHealth",
        lambda n: {"LoadBalancerIds": [*lb(n).values()]},
    ),
    "BatchModifyTargetWeight (a write)": ("BatchModifyTargetWeight", weight),
}
MIX = ("DescribeLoadBalancers, one", "DescribeListeners, 50 rules", "BatchModifyTargetWeight (a write)")


class Client:
    """Makes signed calls and counts them."""

    def __init__(self, session: aiohttp.ClientSession, url: str, pid: int) -> None:
        self._session = session
        self._url = url
        self._pid = pid
        self._number = 0

    async def measure(self, cases: tuple[str, ...]) -> float:
        """Return how many calls of these cases, in turn, a second of processor time is enough for."""
        self._number = 0
        used = processor_seconds(self._pid)
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(self._work(cases, until) for _ in range(AT_ONCE)))
        return self._number / (processor_seconds(self._pid) - used)

    async def _work(self, cases: tuple[str, ...], until: float) -> None:
        while time.monotonic() < until:
            number, self._number = self._number, self._number + 1
            action, fields = CASES[cases[number % len(cases)]]
            # Another load balancer each time: one that is being changed refuses.
            await self._call(action, fields(number // len(cases)))

    async def _call(self, action: str, fields: Fields) -> None:
        made = HandMade(
            service="clb",
            action=action,
            host=self._url.removeprefix("http://"),
            at=dt.datetime.now(dt.UTC),  # noqa: TID251 - the simulator compares it with the real time
            body=json.dumps(fields).encode(),
        )
        async with self._session.post(self._url, data=made.body, headers=made.headers()) as reply:
            body = await reply.read()
        assert b'"Error"' not in body[:200], body[:500]


async def measure_rates(url: str, pid: int) -> list[Row]:
    """Return a row for each case and one for the mix, which has the budget."""
    async with aiohttp.ClientSession() as session:
        client = Client(session, url, pid)
        rows = [Row(name, await client.measure((name,)), "calls/s") for name in CASES]
        return [*rows, Row("mix of reads and writes", await client.measure(MIX), "calls/s", CALLS_BUDGET)]


def main() -> int:
    """Measure, print the table, and return 1 when a budget is missed."""
    rows = [Row(f"start, empty, best of {STARTS}", min(_starts()), "s", START_BUDGET_SECONDS)]
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        write_state(state, **SIZE)
        with running(state) as (url, pid, seconds):
            rows.append(Row("start, full state", seconds, "s"))
            rows += asyncio.run(measure_rates(url, pid))
    table = Table(title=", ".join(f"{count} {name.replace('_', ' ')}" for name, count in SIZE.items()))
    for heading in ("what", "measured", "budget", ""):
        table.add_column(heading)
    for row in rows:
        budget = "" if row.budget is None else f"{row.budget:g} {row.unit}"
        table.add_row(row.what, f"{row.measured:.2f} {row.unit}", budget, row.verdict)
    Console().print(table)
    return int(any(row.verdict == "missed" for row in rows))


def _starts() -> Iterator[float]:
    for _ in range(STARTS):
        with running(None) as (_url, _pid, seconds):
            yield seconds


if __name__ == "__main__":
    sys.exit(main())
