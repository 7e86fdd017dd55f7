"""Run the operator as a process with exactly the rights that an installation gives it.

The RBAC comes from deploy/kustomize/base; only the Deployment is left out, since nothing here runs
pods. Used by `environment`.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
import yaml

from mtls_devcluster.cluster import Cluster, Kubectl, service_account_kubeconfig
from mtls_devcluster.errors import ProcessFailed
from mtls_devcluster.paths import REPOSITORY
from mtls_devcluster.ports import free_ports
from mtls_devcluster.processes import Program, RunningProcess, Supervisor
from mtls_devcluster.simulator import Simulator

BASE: Final = REPOSITORY / "deploy" / "kustomize" / "base"
NAMESPACE: Final = "clb-mtls-system"
SERVICE_ACCOUNT: Final = "clb-mtls-operator"
_NEEDS_PODS: Final = frozenset({"Deployment"})
_TOKEN_DURATION: Final = "720h"  # noqa: S105 - how long, not what
_READY_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05


def install_rights(kubectl: Kubectl) -> None:
    """Apply the installation without its Deployment."""
    rendered = yaml.safe_load_all(kubectl("kustomize", str(BASE)))
    kept = [item for item in rendered if item["kind"] not in _NEEDS_PODS]
    namespaces = [item for item in kept if item["kind"] == "Namespace"]
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(namespaces))
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(kept))


def start_operator(
    supervisor: Supervisor,
    *,
    cluster: Cluster,
    kubectl: Kubectl,
    simulator: Simulator,
    directory: Path,
    crl_port: int,
    metrics_port: int,
    settings: Mapping[str, object] | None = None,
) -> RunningProcess:
    """Start the operator as its ServiceAccount and wait until its probe answers.

    Args:
        supervisor: Who ends it.
        cluster: Where it works.
        kubectl: As administrator, to get the ServiceAccount's token.
        simulator: Its cloud.
        directory: Where its kubeconfig and configuration go.
        crl_port: Where on loopback it serves revocation lists.
        metrics_port: Where on loopback it serves metrics.
        settings: Further members of its configuration file.

    Raises:
        ProcessFailed: It ended, or was not ready in time.
    """
    kubeconfig = service_account_kubeconfig(
        directory / "operator.kubeconfig",
        cluster,
        kubectl,
        namespace=NAMESPACE,
        name=SERVICE_ACCOUNT,
        duration=_TOKEN_DURATION,
    )
    (port,) = free_ports(1)
    configuration = directory / "operator.yaml"
    content = {
        "cloud": {"endpoint": simulator.api},
        "healthAddress": "127.0.0.1",
        "healthPort": port,
        "crlAddress": "127.0.0.1",
        "crlPort": crl_port,
        "metricsAddress": "127.0.0.1",
        "metricsPort": metrics_port,
        **(settings or {}),
    }
    configuration.write_text(yaml.safe_dump(content))
    environment = {
        **simulator.environment(),
        "KUBECONFIG": str(kubeconfig),
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(directory),
    }
    command = (sys.executable, "-m", "mtls_operator", "--config", str(configuration))
    process = supervisor.start(Program(name="operator", command=command, environment=environment))
    _wait_until_ready(process, f"http://127.0.0.1:{port}/healthz")
    return process


def _wait_until_ready(process: RunningProcess, probe: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        process.check()
        try:
            if httpx.get(probe, timeout=1).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(_POLL_SECONDS)
    raise ProcessFailed(f"The operator was not ready within {_READY_SECONDS:.0f} s.", process.log)
