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
from cluster.audit_log import AuditLog
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


def measure_issuing(bench: Bench, count: int) -> tuple[float, float]:
    """Return certificates a second, from the first write to the last, and processor milliseconds for each."""
    client = bench.kube.asynchronous()
    bench.operator.stop()

    async def make(number: int) -> None:
        (await client.post(_CERTIFICATES, json=certificate(f"cert-{number}"))).raise_for_status()

    async def fill() -> None:
        await all_at_once(count, make)
        await client.aclose()

    asyncio.run(fill())
    mark = bench.audit.mark()
    bench.operator.start()
    wait(lambda: bool(bench.audit.writes(mark, NAMESPACE)))
    before = processor_seconds(bench.pid())
    rate = count / wait(lambda: _written(bench, mark) >= count)
    return rate, (processor_seconds(bench.pid()) - before) / count * 1000


def _written(bench: Bench, mark: Any) -> int:
    return sum(write.startswith("patch clientcerts/status") for write in bench.audit.writes(mark, NAMESPACE))


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
    if os.environ.get("DBG"):
        mark = bench.audit.mark(); t0=time.monotonic(); b=processor_seconds(bench.pid()); last=None
        while _phase(bench) != "Soak":
            n=_written(bench, mark)
            if n!=last: print(f"{time.monotonic()-t0:.2f} {n} cpu {processor_seconds(bench.pid())-b:.2f}"); last=n
            time.sleep(1)
        return time.monotonic()-t0
    return wait(lambda: _phase(bench) == "Soak")


def _phase(bench: Bench) -> str:
    status = bench.kube.get("CertificateAuthority", NAMESPACE, "clients")["status"]
    return str(status["rotation"]["phase"])


def measure_restart(bench: Bench, count: int) -> tuple[float, int, float]:
    """Return seconds until every object was looked at, writes meanwhile, and the memory then in MB."""
    bench.operator.stop()
    mark = bench.audit.mark()
    begun = time.monotonic()
    bench.operator.start()
    wait(lambda: _looked_at(bench, mark) >= count)
    return time.monotonic() - begun, len(bench.audit.writes(mark)), bench.memory()


def _looked_at(bench: Bench, mark: Any) -> int:
    requests = bench.audit.by_operator(mark)
    return len({r.name for r in requests if r.verb == "get" and r.resource == "clientcerts"})


def rows(bench: Bench, count: int) -> list[Row]:
    """Measure everything once."""
    issued, processor = measure_issuing(bench, count)
    bare = measure_bare(bench)
    wait(lambda: condition(bench.kube.get("CertificateAuthority", NAMESPACE, "clients"), "Ready") is not None)
    reissue = measure_rotation(bench)
    settle(bench)
    seconds, writes, memory = measure_restart(bench, count)
    return [
        Row("a bare client's Secret and status", bare, "a second"),
        Row("certificates issued", issued, "a second"),
        Row("processor time for each", processor, "ms"),
        Row("share of the bare client's rate", issued / bare, "", at_least=SHARE_BUDGET),
        Row(f"Reissue of {count} certificates", reissue, "s", at_most=REISSUE_BUDGET_SECONDS * count / 1000),
        Row(f"restart with {count} certificates", seconds, "s", at_most=RESTART_BUDGET_SECONDS),
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
