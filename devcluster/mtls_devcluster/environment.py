"""The whole environment: cluster, simulated cloud, nodes with real servers, operator.

Used by `make demo`, `make up` and the cluster tests; all of them get the same.
"""

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtls_devcluster.build import ensure_binaries
from mtls_devcluster.cluster import Cluster, Kubectl, install_crds
from mtls_devcluster.controlplane import ControlPlane, start_control_plane
from mtls_devcluster.loopback import Block, free_block
from mtls_devcluster.nodes import Node, create_node, start_server
from mtls_devcluster.operator_process import install_rights, start_operator
from mtls_devcluster.paths import REPOSITORY
from mtls_devcluster.ports import free_ports
from mtls_devcluster.processes import RunningProcess, Supervisor
from mtls_devcluster.progress import Progress
from mtls_devcluster.simulator import Simulator, start_simulator
from mtls_devcluster.toolchain import link_kubectl

EXAMPLES: Final = REPOSITORY / "examples"
LOAD_BALANCER: Final = "lb-1a2b3c4d"
NAMESPACES_TAG: Final = "mtls.clb-operator.dev/namespaces"
SERVICES_NAMESPACE: Final = "platform"
SERVICES: Final = ("web", "web-tls")
_LISTENER_PORTS: Final = (8443, 9443)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Everything that runs, and how to reach it."""

    cluster: Cluster
    kubectl: Kubectl
    audit_log: Path
    simulator: Simulator
    block: Block
    nodes: tuple[Node, ...]
    operator: RunningProcess
    crl_port: int
    metrics_port: int

    @property
    def operator_crl(self) -> str:
        """Where the operator serves revocation lists and roots."""
        return f"http://127.0.0.1:{self.crl_port}"

    @property
    def operator_metrics(self) -> str:
        """Where the operator serves metrics."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"


def start_environment(
    supervisor: Supervisor,
    directory: Path,
    now: dt.datetime,
    progress: Progress,
    switches: Sequence[str] = (),
) -> Environment:
    """Start everything; the examples' namespaces and Services are there, their objects are not.

    Args:
        supervisor: Who ends what is started.
        directory: Where certificates, state and configuration go.
        now: The time, for certificates.
        progress: Where each step is shown.
        switches: What the simulated cloud assumes, as `name=value`.

    Raises:
        DevClusterError: Something did not start; its log's end is in the message.
    """
    binaries = ensure_binaries(os.environ, progress)
    link_kubectl(os.environ)
    with progress.step("Start etcd, kube-apiserver and kube-controller-manager"):
        plane = start_control_plane(
            supervisor,
            binaries,
            directory / "cluster",
            now,
            # Before the controllers: garbage collection learns of new kinds only every 30 seconds.
            before_controllers=install_our_kinds,
        )
    return furnish(supervisor, directory, plane, now, progress, switches=switches)


def install_our_kinds(cluster: Cluster) -> None:
    """Install the CustomResourceDefinitions of crds/."""
    kubectl = Kubectl(program=link_kubectl(os.environ), kubeconfig=cluster.kubeconfig)
    install_crds(kubectl, REPOSITORY / "crds")


def furnish(
    supervisor: Supervisor,
    directory: Path,
    plane: ControlPlane,
    now: dt.datetime,
    progress: Progress,
    *,
    switches: Sequence[str] = (),
) -> Environment:
    """Add to a running control plane what the guide takes for granted, and the operator."""
    kubectl = Kubectl(program=link_kubectl(os.environ), kubeconfig=plane.cluster.kubeconfig)
    block = free_block(_LISTENER_PORTS)
    with progress.step("Start the simulated cloud and its load balancer"):
        simulator = start_simulator(supervisor, directory / "simulator", switches)
        simulator.create_load_balancer(
            identifier=LOAD_BALANCER, vip=block.load_balancer, tags={NAMESPACES_TAG: SERVICES_NAMESPACE}
        )
    with progress.step("Start two nodes with the real servers rs-1 and rs-2"):
        nodes = _start_nodes(supervisor, kubectl, simulator, block, now)
    crl_port, metrics_port = free_ports(2)
    with progress.step("Start the operator with the rights of its ServiceAccount"):
        install_rights(kubectl)
        operator = start_operator(
            supervisor,
            cluster=plane.cluster,
            kubectl=kubectl,
            simulator=simulator,
            directory=directory,
            crl_port=crl_port,
            metrics_port=metrics_port,
        )
    return Environment(
        cluster=plane.cluster,
        kubectl=kubectl,
        audit_log=plane.audit_log,
        simulator=simulator,
        block=block,
        nodes=nodes,
        operator=operator,
        crl_port=crl_port,
        metrics_port=metrics_port,
    )


def _start_nodes(
    supervisor: Supervisor, kubectl: Kubectl, simulator: Simulator, block: Block, now: dt.datetime
) -> tuple[Node, ...]:
    for name in ("namespaces", "services"):
        kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
    http_port, https_port = (_node_port(kubectl, service) for service in SERVICES)
    nodes = tuple(
        Node(
            name=f"node-{number}",
            server=f"rs-{number}",
            address=block.node(number),
            instance=f"ins-rs00000{number}",
        )
        for number in (1, 2)
    )
    for node in nodes:
        create_node(kubectl, simulator, node, now)
        start_server(supervisor, node, http_port=http_port, https_port=https_port)
    return nodes


def _node_port(kubectl: Kubectl, service: str) -> int:
    path = "jsonpath={.spec.ports[0].nodePort}"
    return int(kubectl("get", "service", service, "--namespace", SERVICES_NAMESPACE, "-o", path))
