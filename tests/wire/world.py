"""The operator's reconcilers over the real cloud adapters and a simulator; the cluster is in memory.

The simulator runs in the test's event loop, its changes take no time, and no data plane runs.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from simulator.cloud import SECRET_ID, SECRET_KEY, Cloud
from unit.fakes.world import BALANCER, CLUSTER, REGION, World

from mtls_operator.adapters.tencent.api import CloudApi, Endpoint, Keys
from mtls_operator.adapters.tencent.certificates import CloudCertificates
from mtls_operator.adapters.tencent.load_balancers import CloudLoadBalancers
from mtls_operator.adapters.tencent.pacing import Pacer
from mtls_operator.adapters.tencent.writes import LoadBalancerWrites, Pauses
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.balancer_access import NAMESPACES_TAG

UNPACED = 1000.0
AT_ONCE = Pauses(first=0.001, longest=0.01, growth=2.0, patience=5.0)
Shown = dict[str, Any]


Look = Callable[[Shown], None]


class WatchedWrites(LoadBalancerWrites):
    """Has the listener looked at after each change, as a client would find it then."""

    def __init__(self, world: "WireWorld") -> None:
        super().__init__(world.api, tasks=AT_ONCE)
        self._world = world

    async def change(self, *arguments: Any, **options: Any) -> Mapping[str, object]:
        reply = await super().change(*arguments, **options)
        for look in self._world.looks:
            look(await self._world.listener())
        return reply


class WireWorld(World):
    """Cluster in memory, cloud over the wire."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        # Requests are signed with the machine's time, and certificates are judged by it.
        self.clock.advance(dt.datetime.now(dt.UTC) - self.clock.now())  # noqa: TID251
        self.console = cloud
        self.api = CloudApi(
            Keys(secret_id=SECRET_ID, secret_key=SECRET_KEY),
            Endpoint(override=cloud.server.api.url),
            Pacer(UNPACED),
        )
        self.looks: list[Look] = []
        self.cloud = CloudLoadBalancers(self.api, WatchedWrites(self))
        self.uploads = CloudCertificates(self.api, cluster=CLUSTER, regions=(REGION,))
        self.restart()

    async def furnish(self, nodes: int = 2) -> None:
        """Make the load balancer, and the instances behind the nodes 1 to `nodes`."""
        await self.console.load_balancer(load_balancer_id=BALANCER, tags={NAMESPACES_TAG: "edge"})
        for number in range(1, nodes + 1):
            await self.console.instance(f"127.0.0.{number}", instance_id=f"ins-{number:08d}")

    async def actions(self) -> list[str]:
        """Return the changes that were asked of the cloud, and forget them."""
        calls = await self.console.admin("GET", "/calls")
        await self.console.admin("DELETE", "/calls")
        return [call["action"] for call in calls["calls"] if call["write"]]

    async def effects(self) -> Counter[str]:
        """Return everything that was written, on both sides."""
        calls = await self.console.admin("GET", "/calls")
        cloud = [call["action"] for call in calls["calls"] if call["write"]]
        return Counter([*cloud, *self.faults.writes, *(event.reason for event in self.recorder.events)])

    async def require_quiet(self) -> None:
        """Fail unless everything is as wanted, and another pass over it writes nothing."""
        condition = self.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Programmed")
        ready = self.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Ready")
        assert condition is not None, ready
        assert condition["status"] == "True", ready
        before = await self.effects()
        await self.pass_over_all()
        written = await self.effects() - before
        assert not written, f"a pass over what is as wanted has written {dict(written)}"

    async def listener(self) -> Shown:
        """Return the one listener as the API shows it."""
        reply = await self.console.clb("DescribeListeners", LoadBalancerId=BALANCER)
        (found,) = reply.Listeners
        shown: Shown = json.loads(found.to_json_string())
        return shown

    async def rules(self) -> dict[str, Shown]:
        """Return the rules by domain and path."""
        listener = await self.listener()
        return {f"{rule['Domain']}{rule['Url']}": rule for rule in listener["Rules"] or []}

    async def targets(self, rule: str = "api.acme.example/") -> dict[str, int]:
        """Return the weights of a rule's targets, by instance and port."""
        wanted = (await self.rules())[rule]["LocationId"]
        reply = await self.console.clb("DescribeTargets", LoadBalancerId=BALANCER)
        return {
            f"{target.InstanceId}:{target.Port}": target.Weight
            for listener in reply.Listeners
            for found in listener.Rules
            if found.LocationId == wanted
            for target in found.Targets or []
        }

    async def close(self) -> None:
        await self.api.close()

    def status_of_listener(self) -> Shown:
        return self.status(Kind.MUTUAL_TLS_LISTENER, "api")

    def ready(self) -> tuple[str, str, str]:
        condition = self.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Ready")
        assert condition is not None
        return condition["status"], condition["reason"], condition["message"]

    def forget_status(self) -> None:
        """Lose the listener's status, as a restore from a backup does."""
        self.kube.objects[Kind.MUTUAL_TLS_LISTENER, ObjectRef("edge", "api")]["status"] = {}
