"""Nodes without kubelets: objects in the API, instances in the cloud, real servers on their addresses.

Writes through kubectl and the simulator's admin port, starts processes. Used by `environment`.
"""

import datetime as dt
import json
import sys
from dataclasses import dataclass

from mtls_devcluster.cluster import Kubectl
from mtls_devcluster.processes import Program, Supervisor
from mtls_devcluster.simulator import Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node and the server that answers on it."""

    name: str
    server: str
    address: str
    instance: str


def create_node(kubectl: Kubectl, simulator: Simulator, node: Node, now: dt.datetime) -> None:
    """Make the node known to the cluster, ready, and to the cloud, as an instance."""
    simulator.create_instance(identifier=node.instance, address=node.address)
    manifest = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": {"kubernetes.io/hostname": node.name}},
        "spec": {"providerID": f"qcloud:///100003/{node.instance}"},
    }
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "a node of the local environment",
        "lastHeartbeatTime": moment,
        "lastTransitionTime": moment,
    }
    status = {"conditions": [ready], "addresses": [{"type": "InternalIP", "address": node.address}]}
    patch = json.dumps({"status": status})
    kubectl("patch", "node", node.name, "--subresource=status", "--type=merge", "--patch", patch)


def start_server(supervisor: Supervisor, node: Node, *, http_port: int, https_port: int) -> None:
    """Start the node's real server on the NodePorts of the two Services."""
    command = (
        *(sys.executable, "-m", "mtls_devcluster.backends", "--name", node.server),
        *("--listen", f"{node.address}:{http_port}"),
        *("--listen-tls", f"{node.address}:{https_port}"),
    )
    supervisor.start(Program(name=node.server, command=command))
