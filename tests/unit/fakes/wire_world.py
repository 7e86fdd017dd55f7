"""A world whose cloud is the simulator over the wire: the operator's own adapters, without Kubernetes.

I/O: HTTP to a simulator that the test started. Only the pauses are shorter than the operator's.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from unit.fakes.world import BALANCER, CLUSTER, REGION, World

from clb_simulator.embedded import Endpoints
from mtls_operator.adapters.tencent.api import CloudApi, Endpoint, Keys
from mtls_operator.adapters.tencent.certificates import CloudCertificates
from mtls_operator.adapters.tencent.load_balancers import CloudLoadBalancers
from mtls_operator.adapters.tencent.pacing import Pacer
from mtls_operator.adapters.tencent.writes import LoadBalancerWrites, Pauses
from mtls_operator.api.meta import Kind
from mtls_operator.core.balancer_access import NAMESPACES_TAG

_TASKS = Pauses(first=0.005, longest=0.05, growth=1.5, patience=5)
_BUSY = Pauses(first=0.02, longest=0.1, growth=2, patience=5)
_UNPACED = 1000.0
_OUR_KEY_PREFIX = "AKIDpytest"
_MOST_PASSES = 100
Call = dict[str, Any]


class WireWorld(World):
    """Cluster in memory, cloud over the wire, and the operator between them."""

    def __init__(self, simulator: Endpoints, api: CloudApi) -> None:
        super().__init__(dt.datetime.now(dt.UTC))  # noqa: TID251 - the simulator compares certificates with it
        # Kept open: a client of its own for each look would take longer than a pass.
        self._admin = httpx.Client(base_url=simulator.admin_url, trust_env=False)
        self.cloud = CloudLoadBalancers(api, LoadBalancerWrites(api, tasks=_TASKS, busy=_BUSY))
        self.uploads = CloudCertificates(api, cluster=CLUSTER, regions=(REGION,))
        self.reconcilers = self._operator()

    def calls(self, since: int = 0) -> list[Call]:
        """Return the operator's calls after one with this number."""
        found = self._admin.get("/calls", params={"since": since}).json()["calls"]
        return [call for call in found if call["secret_id"].startswith(_OUR_KEY_PREFIX)]

    def mark(self) -> int:
        """Return this moment, for `calls`."""
        return int(self._admin.get("/calls", params={"last": 0}).json()["total"])

    def state(self, table: str) -> list[Call]:
        """Return the rows of a table of the simulator's state."""
        found: list[Call] = self._admin.get("/state").json()[table]
        return found

    def order(self, actions: Sequence[str], **fault: Any) -> None:
        """Order a fault for each of these actions."""
        for action in actions:
            self._admin.post("/faults", json={"action": action, **fault}).raise_for_status()

    async def foreign(self, action: str, **fields: Any) -> Call | None:
        """Let somebody else change the load balancer; None when it is refused."""
        body = {"service": "clb", "action": action, "params": {"LoadBalancerId": BALANCER, **fields}}
        reply = await asyncio.to_thread(self._admin.post, "/foreign/calls", json=body)
        answer: Call = reply.json()
        return None if reply.is_error else answer

    def unstruck(self) -> list[str]:
        """Return the faults that have struck nothing."""
        ordered: list[Call] = self._admin.get("/faults").json()["faults"]
        return [f"{one['kind']} at {one['action']}" for one in ordered if not one["struck"]]

    def close(self) -> None:
        self._admin.close()

    def open_doors(self) -> list[str]:
        """Return the listeners and domains that let in somebody without a certificate."""
        rows = [*self.state("listeners"), *self.state("domains")]
        return [
            str(row.get("listener_id"))
            for row in rows
            if (found := row.get("certificate")) is not None
            and (found["ssl_mode"] != "MUTUAL" or found["verify_client"] != "ON")
        ]

    async def converge(self) -> int:
        """Make passes until one over every object writes nothing at all; return how many it took.

        The time of day goes on between them, so that nothing waits for ever.
        """
        for number in range(_MOST_PASSES):
            before, mark = self.written(), self.mark()
            await self.pass_over_all()
            wrote = any(call["write"] for call in self.calls(mark))
            if not wrote and self.written() == before:
                return number
            self.clock.advance(dt.timedelta(minutes=2))
        raise AssertionError(f"not converged: {self.status(Kind.MUTUAL_TLS_LISTENER, 'api')}")


def furnish(simulator: Endpoints, instances: int) -> CloudApi:
    """Make a load balancer that the namespace may use, and instances for its nodes; return a client."""
    simulator.create_load_balancer(load_balancer_id=BALANCER, tags={NAMESPACES_TAG: "edge"})
    for number in range(1, instances + 1):
        simulator.create_instance(f"10.0.0.{number}", instance_id=f"ins-{number:08d}")
    keys = Keys(secret_id=simulator.secret_id, secret_key=simulator.secret_key)
    return CloudApi(keys, Endpoint(override=simulator.api_url), Pacer(_UNPACED), throttle_pause=0.05)


@asynccontextmanager
async def wire_world(simulator: Endpoints, *, instances: int = 3) -> AsyncIterator[WireWorld]:
    """Make such a world with a load balancer that its namespace may use, and instances for its nodes."""
    api = furnish(simulator, instances)
    world = WireWorld(simulator, api)
    try:
        yield world
    finally:
        world.close()
        await api.close()
