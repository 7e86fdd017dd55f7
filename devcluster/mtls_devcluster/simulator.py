"""Start the simulated cloud and prepare it through its admin port.

Starts a process, speaks HTTP on loopback. Used by `environment`; the operator itself only ever uses
the simulated API, as it would use the real one.
"""

import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from mtls_devcluster.errors import DevClusterError, ProcessFailed
from mtls_devcluster.ports import free_ports
from mtls_devcluster.processes import Program, RunningProcess, Supervisor

REGION: Final = "ap-guangzhou"
_READY_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """A running simulator and the key that it accepts."""

    api: str
    admin: str
    region: str
    secret_id: str
    secret_key: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return the variables by which a client finds and is let into the simulated cloud."""
        return {
            "TENCENTCLOUD_SECRET_ID": self.secret_id,
            "TENCENTCLOUD_SECRET_KEY": self.secret_key,
            "TENCENTCLOUD_REGION": self.region,
        }

    def create_load_balancer(self, *, identifier: str, vip: str, tags: Mapping[str, str]) -> None:
        """Create a load balancer with this id and address."""
        body = {"load_balancer_id": identifier, "vip": vip, "region": self.region, "tags": dict(tags)}
        self._post("/load-balancers", body)

    def create_instance(self, *, identifier: str, address: str) -> None:
        """Create an instance, which a node's providerID can name."""
        body = {"instance_id": identifier, "private_ip": address, "region": self.region}
        self._post("/instances", body)

    def _post(self, path: str, body: Mapping[str, object]) -> None:
        reply = httpx.post(f"{self.admin}{path}", json=body, timeout=10)
        if reply.is_error:
            raise DevClusterError(f"The simulator refused {path}: {reply.text}")


def start_simulator(
    supervisor: Supervisor, directory: Path, switches: Sequence[str] = (), *, data_plane: str = "nginx"
) -> Simulator:
    """Start the simulator with its nginx data plane, or without one, and wait until it answers.

    Args:
        supervisor: Who ends it.
        directory: Where its state is kept.
        switches: What it assumes where the real cloud is not documented, as `name=value`.
        data_plane: `nginx` or `none`.

    Raises:
        ProcessFailed: It ended, or did not answer in time.
    """
    api, admin = free_ports(2)
    simulator = Simulator(
        api=f"http://127.0.0.1:{api}",
        admin=f"http://127.0.0.1:{admin}",
        region=REGION,
        secret_id=f"AKID{secrets.token_hex(16)}",
        secret_key=secrets.token_hex(16),
    )
    command = (
        *(sys.executable, "-m", "clb_simulator", "serve"),
        *("--listen", f"127.0.0.1:{api}", "--admin", f"127.0.0.1:{admin}"),
        *("--state", str(directory / "simulator.state")),
        *("--data-plane", data_plane),
        *(f"--switch={assignment}" for assignment in switches),
    )
    directory.mkdir(parents=True, exist_ok=True)
    # The keys go by environment: a command line can be read by every user of the machine.
    process = supervisor.start(
        Program(name="simulator", command=command, environment=simulator.environment())
    )
    _wait_until_ready(process, simulator)
    return simulator


def _wait_until_ready(process: RunningProcess, simulator: Simulator) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        process.check()
        try:
            if httpx.get(f"{simulator.admin}/readyz", timeout=1).is_success:
                return
        except httpx.TransportError:
            time.sleep(_POLL_SECONDS)
    raise ProcessFailed(f"The simulator did not answer within {_READY_SECONDS:.0f} s.", process.log)
