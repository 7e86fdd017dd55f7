"""What `bench.listener_speed` measures on: a real API server, the operator, and a simulated cloud.

The simulated cloud has no data plane: what is measured is what the operator asks of the API, at the
rates that are documented, with tasks that take half a second. I/O: starts processes.
"""

import datetime as dt
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from bench.call_table import Call
from cluster.audit_log import AuditLog, Mark
from cluster.kube_api import KubeApi, is_ready
from cluster.operator_control import OperatorControl

from mtls_devcluster.build import ensure_binaries
from mtls_devcluster.cluster import Kubectl
from mtls_devcluster.controlplane import start_control_plane
from mtls_devcluster.environment import NAMESPACES_TAG, Environment, install_our_kinds
from mtls_devcluster.loopback import free_block
from mtls_devcluster.operator_process import install_rights, start_operator
from mtls_devcluster.ports import free_ports
from mtls_devcluster.processes import Supervisor
from mtls_devcluster.progress import ConsoleProgress
from mtls_devcluster.simulator import REGION, start_simulator
from mtls_devcluster.toolchain import link_kubectl

NAMESPACE: Final = "bench"
LISTENER: Final = "MutualTLSListener"
_GROUP: Final = "mtls.clb-operator.dev/v1alpha1"
_QUOTA: Final = 500
_PATIENCE_SECONDS: Final = 900.0
_QUIET_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.2
Manifest = dict[str, Any]


@dataclass(frozen=True)
class ListenerWorld:
    """Cluster, cloud and operator."""

    environment: Environment
    kube: KubeApi
    operator: OperatorControl
    audit: AuditLog
    admin: httpx.Client

    # The cloud.

    def mark(self) -> int:
        """Return this moment, for `calls`."""
        return int(self.admin.get("/calls", params={"last": 0}).json()["total"])

    def calls(self, since: int) -> list[Call]:
        """Return the operator's calls since a mark."""
        found = self.admin.get("/calls", params={"since": since}).json()["calls"]
        return [Call.read(one) for one in found]

    def create_load_balancers(self, count: int) -> list[str]:
        tags = {NAMESPACES_TAG: NAMESPACE}
        replies = [self.admin.post("/load-balancers", json={"tags": tags}).json() for _ in range(count)]
        return [reply["load_balancer_id"] for reply in replies]

    # The cluster.

    def create_nodes(self, first: int, last: int) -> None:
        """Make nodes that are ready, with their instances."""
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 - as a kubelet would say it
        kubectl = self.environment.kubectl
        nodes = [_node(number) for number in range(first, last + 1)]
        for number in range(first, last + 1):
            self.environment.simulator.create_instance(identifier=_instance(number), address=_address(number))
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(_listed(nodes)))
        ready = [{**node, "status": _ready(number, now)} for number, node in enumerate(nodes, start=first)]
        kubectl("apply", "--server-side", "--subresource=status", "-f", "-", stdin=json.dumps(_listed(ready)))

    def create(self, kind: str, name: str, spec: Manifest) -> None:
        metadata = {"name": name, "namespace": NAMESPACE}
        self.kube.create({"apiVersion": _GROUP, "kind": kind, "metadata": metadata, "spec": spec})

    def all_ready(self) -> bool:
        return all(is_ready(one) for one in self.kube.list(LISTENER, NAMESPACE))

    def looked_at(self, since: Mark) -> int:
        """Return how many listeners the operator has read since a place in the audit log."""
        found = self.audit.by_operator(since)
        return len({r.name for r in found if r.verb == "get" and r.resource == "mutualtlslisteners"})

    # Waiting.

    def wait(self, until: Callable[[], bool]) -> float:
        """Wait until something is so; return the seconds that it took."""
        begun = time.monotonic()
        while not until():
            if time.monotonic() - begun > _PATIENCE_SECONDS:
                raise TimeoutError(f"not within {_PATIENCE_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - begun

    def wait_quiet(self) -> float:
        """Wait until the cloud has not been called for a while; return the moment of the last call."""
        last, seen = time.monotonic(), self.mark()
        while time.monotonic() - last < _QUIET_SECONDS:
            time.sleep(_POLL_SECONDS)
            if self.mark() != seen:
                last, seen = time.monotonic(), self.mark()
        return last


@contextmanager
def listener_world(directory: Path) -> Iterator[ListenerWorld]:
    """Start everything; ended when the block is left."""
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are compared with the real time
    with Supervisor(directory / "run") as supervisor:
        binaries = ensure_binaries(os.environ, ConsoleProgress())
        plane = start_control_plane(
            supervisor, binaries, directory / "cluster", now, before_controllers=install_our_kinds
        )
        kubectl = Kubectl(program=link_kubectl(os.environ), kubeconfig=plane.cluster.kubeconfig)
        simulator = start_simulator(supervisor, directory / "simulator", data_plane="none")
        install_rights(kubectl)
        crl_port, metrics_port = free_ports(2)
        process = start_operator(
            supervisor,
            cluster=plane.cluster,
            kubectl=kubectl,
            simulator=simulator,
            directory=directory,
            crl_port=crl_port,
            metrics_port=metrics_port,
        )
        environment = Environment(
            cluster=plane.cluster,
            kubectl=kubectl,
            audit_log=plane.audit_log,
            simulator=simulator,
            block=free_block(()),
            nodes=(),
            operator=process,
            crl_port=crl_port,
            metrics_port=metrics_port,
        )
        kube = KubeApi(plane.cluster)
        with httpx.Client(base_url=simulator.admin, trust_env=False, timeout=60) as admin:
            admin.put("/quotas/TOTAL_TARGET_BIND_QUOTA", json={"limit": _QUOTA}).raise_for_status()
            operator = OperatorControl(supervisor, environment, directory)
            yield ListenerWorld(environment, kube, operator, AuditLog(plane.audit_log), admin)
        kube.close()


def domain(name: str, *paths: str) -> Manifest:
    """Return a domain whose targets are not probed: there is nobody to answer."""
    unchecked = {"healthCheck": {"enabled": False}, "backends": [{"nodePort": 30080}]}
    return {"domain": name, "routes": [{"path": path, **unchecked} for path in paths]}


def listener(balancer: str, *domains: Manifest, **fields: Any) -> Manifest:
    """Return the spec of a listener with keys that are made in no time."""
    issue = {"issue": {"privateKey": {"algorithm": "ECDSA"}}}
    tls = {"caRef": {"name": "clients"}, "serverCertificate": issue}
    return {
        "loadBalancer": {"id": balancer, "region": REGION},
        "port": 443,
        "tls": tls,
        "domains": list(domains),
        # There is no door to try.
        "verification": {"enabled": False},
        **fields,
    }


def _instance(number: int) -> str:
    return f"ins-{number:08d}"


def _address(number: int) -> str:
    return f"10.0.{number // 250}.{number % 250 + 1}"


def _node(number: int) -> Manifest:
    spec = {"providerID": f"qcloud:///100003/{_instance(number)}"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node-{number}"}, "spec": spec}


def _ready(number: int, now: str) -> Manifest:
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", **times}
    addresses = [{"type": "InternalIP", "address": _address(number)}]
    return {"conditions": [condition], "addresses": addresses}


def _listed(items: list[Manifest]) -> Manifest:
    return {"apiVersion": "v1", "kind": "List", "items": items}
