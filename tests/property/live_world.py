"""The operator's reconcilers over the real cloud adapters, a simulated cloud that really serves, and a
cluster in memory.

I/O: starts the simulator with its nginx data plane and a real server, speaks HTTP on loopback. Used by the
test that asks at the doors while everything changes.
"""

import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from builders import node
from unit.fakes.world import BALANCER, CLUSTER, REGION, World

from mtls_devcluster.loopback import Block, free_block
from mtls_devcluster.ports import is_free
from mtls_devcluster.processes import Program, Supervisor
from mtls_devcluster.simulator import Simulator, start_simulator
from mtls_operator.adapters.tencent.api import CloudApi, Endpoint, Keys
from mtls_operator.adapters.tencent.certificates import CloudCertificates
from mtls_operator.adapters.tencent.load_balancers import CloudLoadBalancers
from mtls_operator.adapters.tencent.pacing import Pacer
from mtls_operator.adapters.tencent.writes import LoadBalancerWrites, Pauses
from mtls_operator.core.balancer_access import NAMESPACES_TAG
from mtls_operator.core.cluster import Node

PORTS: Final = {"api": 8443, "shops": 9443}
"""By listener: `api` by method 1, `shops` by method 2."""
NODE_PORT: Final = 30080
NODES: Final = 3
_TASK_SECONDS: Final = 0.02
_FAST: Final = Pauses(first=0.02, longest=0.2, growth=1.5, patience=20.0)
_UNPACED: Final = 1000.0
_THROTTLE_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The simulated cloud, and where it serves."""

    simulator: Simulator
    address: str
    admin: httpx.Client

    def order(self, path: str, **body: Any) -> bool:
        """Ask the admin port for something; False when there is nothing to do it to."""
        return self.admin.post(path, json=body).is_success

    def deed(self, deed: str, *, seed: int = 0, target: str | None = None) -> bool:
        """Have somebody else do something."""
        return self.order("/foreign/deeds", deed=deed, seed=seed, target=target)

    def clear_faults(self) -> None:
        self.admin.delete("/faults").raise_for_status()


class LiveWorld(World):
    """The operator; a restart begins with new adapters."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(_now())
        self._simulator = cloud.simulator
        self._connect()
        self.reconcilers = self._operator()
        self.have_every_node()

    def have_every_node(self) -> None:
        """Have all nodes serve, whatever a manifest selects."""
        self.view.held_nodes = [live_node(number, pool="two") for number in range(1, NODES + 1)]

    def _connect(self) -> None:
        keys = Keys(secret_id=self._simulator.secret_id, secret_key=self._simulator.secret_key)
        endpoint = Endpoint(override=self._simulator.api)
        self._api = api = CloudApi(keys, endpoint, Pacer(_UNPACED), throttle_pause=_THROTTLE_PAUSE)
        self.cloud = CloudLoadBalancers(api, LoadBalancerWrites(api, tasks=_FAST, busy=_FAST))
        self.uploads = CloudCertificates(api, cluster=CLUSTER, regions=(REGION,))

    async def pass_over_all(self) -> None:
        """Make one pass over each object, at the time that nginx sees on its clock, too."""
        self.clock.advance(_now() - self.clock.now())
        await super().pass_over_all()

    async def restart_all(self) -> None:
        """Start the operator anew, with connections of its own."""
        await self._api.close()
        self._connect()
        self.restart()

    async def close(self) -> None:
        await self._api.close()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are compared with the real time


def live_node(number: int, **labels: str) -> Node:
    return node(number, labels=labels)


@contextmanager
def running_cloud(directory: Path, switches: Sequence[str]) -> Iterator[Cloud]:
    """Start the cloud, with a load balancer, instances and one real server that listens on all of them."""
    with Supervisor(directory / "log") as supervisor:
        block = _block()
        simulator = start_simulator(supervisor, directory, switches)
        simulator.create_load_balancer(
            identifier=BALANCER, vip=block.load_balancer, tags={NAMESPACES_TAG: "edge"}
        )
        addresses = [block.node(number) for number in range(1, NODES + 1)]
        for number, address in enumerate(addresses, start=1):
            simulator.create_instance(identifier=f"ins-{number:08d}", address=address)
        listening = [f"--listen={address}:{NODE_PORT}" for address in addresses]
        command = (sys.executable, "-m", "mtls_devcluster.backends", "--name", "rs-1", *listening)
        supervisor.start(Program(name="rs-1", command=command))
        with httpx.Client(base_url=simulator.admin, trust_env=False, timeout=10) as admin:
            admin.patch("/settings", json={"task_seconds": _TASK_SECONDS, "throttled": False})
            yield Cloud(simulator=simulator, address=block.load_balancer, admin=admin)


def _block() -> Block:
    while True:
        block = free_block(tuple(PORTS.values()))
        if all(is_free(NODE_PORT, block.node(number)) for number in range(1, NODES + 1)):
            return block
