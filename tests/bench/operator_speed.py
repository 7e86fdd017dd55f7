"""How fast the operator issues, restarts and rotates on a real API server: `make bench-operator`.

`PYTHONPATH=tests python -m bench.operator_speed [--certificates N]`. The control plane, the simulated cloud
and the operator are processes of their own on this machine. The bare client makes the same two writes for
each certificate as the operator, a Secret and a status, eight at a time. A budget that is missed ends the
program with status 1.
"""

import argparse
import asyncio
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from bench.simulator_speed import processor_seconds
from bench.table import Row, print_table
from cluster.audit_log import AuditLog, Request
from cluster.kube_api import KubeApi, condition, is_ready
from cluster.operator_control import OperatorControl
from rich.console import Console

from mtls_devcluster import keeper
from mtls_devcluster.environment import Environment, start_environment
from mtls_devcluster.processes import Supervisor, recorded
from mtls_devcluster.progress import ConsoleProgress

NAMESPACE = "bench"
AT_ONCE = 8
BARE = 300
SHARE_BUDGET = 0.6
REISSUE_BUDGET_SECONDS = 15.0
RESTART_BUDGET_SECONDS = 15.0
MEMORY_BUDGET_MB = 300.0
_POLL_SECONDS = 0.1
_CERTIFICATES = f"/apis/mtls.clb-operator.dev/v1alpha1/namespaces/{NAMESPACE}/clientcerts"
_APPLY = {"fieldManager": "bench", "force": "true"}
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What is measured on."""

    environment: Environment
    kube: KubeApi
    operator: OperatorControl
    audit: AuditLog
    directory: Path

    def pid(self) -> int:
        """Return the operator's process id: the last of the session that its keeper guards."""
        guard = next(record.pid for record in recorded(self.directory / "run") if record.name == "operator")
        return next(pid for pid in keeper.session_members(guard) if pid != guard)

    def memory(self) -> float:
        """Return what the operator holds, in megabytes."""
        pages = int(Path(f"/proc/{self.pid()}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def certificate(name: str, **metadata: Any) -> Manifest:
    return {
        "apiVersion": "mtls.clb-operator.dev/v1alpha1",
        "kind": "ClientCert",
        "metadata": {"name": name, "namespace": NAMESPACE, **metadata},
        "spec": {"caRef": {"name": "clients"}},
    }


async def all_at_once(count: int, act: Callable[[int], Awaitable[None]]) -> float:
    """Do something many times, eight at a time; return the seconds that it took."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await act(number)

    begun = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(count)))
    return time.monotonic() - begun


async def bare_rate(http: httpx.AsyncClient, template: Manifest, status: Manifest) -> float:
    """Return how many Secrets with a status a second a client writes that does nothing else."""
    paused = {"mtls.clb-operator.dev/paused": "true"}

    async def make(number: int) -> None:
        body = certificate(f"bare-{number}", annotations=paused)
        (await http.post(_CERTIFICATES, json=body)).raise_for_status()

    async def write(number: int) -> None:
        name = f"bare-{number}"
        secret = {**template, "metadata": {"name": name, "namespace": NAMESPACE}}
        (await http.post(f"/api/v1/namespaces/{NAMESPACE}/secrets", json=secret)).raise_for_status()
        body = {**certificate(name), "status": status}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        path = f"{_CERTIFICATES}/{name}/status"
        (await http.patch(path, params=_APPLY, json=body, headers=headers)).raise_for_status()

    await all_at_once(BARE, make)
    return BARE / await all_at_once(BARE, write)


def wait(what: Callable[[], bool], seconds: float = 600.0) -> float:
    """Wait until something is so; return the seconds that it took."""
    begun = time.monotonic()
    while not what():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - begun


class Follower:
    """Reads the audit log once, as it grows: a reader of all of it would be what is measured."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._mark = audit.mark()
        self.requests: list[Request] = []

    def _follow(self) -> None:
        mark = self._audit.mark()
        self.requests += self._audit.by_operator(self._mark, until=mark)
        self._mark = mark

    def count(self, is_wanted: Callable[[Request], bool]) -> int:
        """Return how many different objects there were requests for of a kind."""
        self._follow()
        return len({request.name for request in self.requests if is_wanted(request)})


def _is_status(request: Request) -> bool:
    return request.verb == "patch" and (request.resource, request.subresource) == ("clientcerts", "status")


def _is_look(request: Request) -> bool:
    return request.verb == "get" and request.resource == "clientcerts"


def measure_issuing(bench: Bench, count: int) -> tuple[float, float, float]:
    """Return certificates a second, and for each the operator's processor milliseconds and requests."""
    client = bench.kube.asynchronous()
    bench.operator.stop()

    async def make(number: int) -> None:
        (await client.post(_CERTIFICATES, json=certificate(f"cert-{number}"))).raise_for_status()

    async def fill() -> None:
        await all_at_once(count, make)
        await client.aclose()

    asyncio.run(fill())
    log = Follower(bench.audit)
    bench.operator.start()
    wait(lambda: log.count(_is_status) > 0)
    before, done = processor_seconds(bench.pid()), log.count(_is_status)
    rate = (count - done) / wait(lambda: log.count(_is_status) >= count)
    used = processor_seconds(bench.pid()) - before
    return rate, used / (count - done) * 1000, len(log.requests) / count


def measure_bare(bench: Bench) -> float:
    """Return the bare client's rate, with the content that the operator wrote."""
    secret = bench.kube.get("Secret", NAMESPACE, "cert-0")
    template = {key: secret[key] for key in ("apiVersion", "kind", "type", "data")}
    status = bench.kube.get("ClientCert", NAMESPACE, "cert-0")["status"]

    async def run() -> float:
        async with bench.kube.asynchronous() as http:
            return await bare_rate(http, template, status)

    return asyncio.run(run())


def measure_rotation(bench: Bench) -> float:
    """Return how long the phase Reissue lasts, from the request on."""
    patch = {"metadata": {"annotations": {"mtls.clb-operator.dev/rotate": "bench"}}}
    bench.kube.merge("CertificateAuthority", NAMESPACE, "clients", patch)
    return wait(lambda: _phase(bench) == "Soak")


def _phase(bench: Bench) -> str:
    status = bench.kube.get("CertificateAuthority", NAMESPACE, "clients")["status"]
    return str(status["rotation"]["phase"])


def measure_restart(bench: Bench, count: int) -> tuple[float, float, int, float]:
    """Return the seconds until ready and until every object was looked at, writes, and memory in MB."""
    bench.operator.stop()
    log = Follower(bench.audit)
    begun = time.monotonic()
    bench.operator.start()
    ready = time.monotonic() - begun
    wait(lambda: log.count(_is_look) >= count)
    writes = sum(request.is_write for request in log.requests)
    return ready, time.monotonic() - begun, writes, bench.memory()


def rows(bench: Bench, count: int) -> list[Row]:
    """Measure everything once."""
    issued, processor, requests = measure_issuing(bench, count)
    bare = measure_bare(bench)
    wait(lambda: condition(bench.kube.get("CertificateAuthority", NAMESPACE, "clients"), "Ready") is not None)
    reissue = measure_rotation(bench)
    settle(bench)
    ready, looked, writes, memory = measure_restart(bench, count)
    return [
        Row("a bare client's Secret and status", bare, "a second"),
        Row("certificates issued", issued, "a second"),
        Row("processor time for each", processor, "ms"),
        Row("requests for each", requests, ""),
        Row("share of the bare client's rate", issued / bare, "", at_least=SHARE_BUDGET),
        Row(f"Reissue of {count} certificates", reissue, "s", at_most=REISSUE_BUDGET_SECONDS * count / 1000),
        Row(f"restart with {count} certificates, until ready", ready, "s", at_most=RESTART_BUDGET_SECONDS),
        Row("and until each was looked at", looked, "s"),
        Row("writes at the restart", float(writes), "", at_most=0.0),
        Row("memory after it", memory, "MB", at_most=MEMORY_BUDGET_MB),
    ]


def settle(bench: Bench) -> None:
    """Wait until the operator has written nothing for five seconds."""
    quiet = 0.0
    mark = bench.audit.mark()
    while quiet < 5.0:
        time.sleep(1.0)
        quiet = 0.0 if bench.audit.writes(mark) else quiet + 1.0
        mark = bench.audit.mark()


def main() -> int:
    """Measure, print the table, and return 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description="How fast the operator issues, restarts and rotates.")
    parser.add_argument("--certificates", type=int, default=1000, help="how many (default: 1000)")
    count = parser.parse_args().certificates
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are compared with the real time
    with tempfile.TemporaryDirectory() as folder, Supervisor(Path(folder) / "run") as supervisor:
        directory = Path(folder)
        environment = start_environment(supervisor, directory, now, ConsoleProgress())
        kube = KubeApi(environment.cluster)
        operator = OperatorControl(supervisor, environment, directory)
        bench = Bench(environment, kube, operator, AuditLog(environment.audit_log), directory)
        _prepare(kube, count)
        measured = rows(bench, count)
        kube.close()
    return print_table(Console(), f"{count} client certificates, P-256", measured)


def _prepare(kube: KubeApi, count: int) -> None:
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    spec = {
        "subject": {"commonName": "Bench Root"},
        "privateKey": {"algorithm": "ECDSA"},
        "clientCertPolicy": {"maxPerNamespace": count + BARE},
    }
    metadata = {"name": "clients", "namespace": NAMESPACE}
    body = {"apiVersion": "mtls.clb-operator.dev/v1alpha1", "kind": "CertificateAuthority"}
    kube.create({**body, "metadata": metadata, "spec": spec})
    wait(lambda: is_ready(kube.get("CertificateAuthority", NAMESPACE, "clients")))


if __name__ == "__main__":
    sys.exit(main())
