"""One listener of a cloud over the wire, as the API shows it, and what was written until it was so.

I/O: HTTP to a simulator that the test started.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from builders import authority_manifest, node
from unit.fakes.wire_world import WireWorld, furnish
from unit.fakes.world import BALANCER, REGION

from clb_simulator.auth import SecretKey
from clb_simulator.embedded import EmbeddedSimulator, Endpoints
from clb_simulator.server import Config
from mtls_operator.adapters.tencent.api import CloudApi
from mtls_operator.adapters.tencent.load_balancers import CloudLoadBalancers
from mtls_operator.adapters.tencent.writes import LoadBalancerWrites, Pauses
from mtls_operator.api.meta import Kind

KEY = SecretKey("AKIDpytest", "pytest-secret", "100000000001")
LISTENER = Kind.MUTUAL_TLS_LISTENER
AT_ONCE = Pauses(first=0.001, longest=0.01, growth=2.0, patience=5.0)
Shown = dict[str, Any]
Look = Callable[[], Awaitable[None]]


class _WatchedWrites(LoadBalancerWrites):
    """Has the listener looked at after each change, as a client would find it then."""

    def __init__(self, world: "ShownWorld", api: CloudApi) -> None:
        super().__init__(api, tasks=AT_ONCE)
        self._world = world

    async def change(self, *arguments: Any, **options: Any) -> Mapping[str, object]:
        reply = await super().change(*arguments, **options)
        for look in self._world.looks:
            await look()
        return reply


class ShownWorld(WireWorld):
    """The listener `api` of the namespace edge, and what the cloud shows of it."""

    def __init__(self, simulator: Endpoints, api: CloudApi) -> None:
        super().__init__(simulator, api)
        self.api = api
        self.simulator = simulator
        self.looks: list[Look] = []
        self.cloud = CloudLoadBalancers(api, _WatchedWrites(self, api))
        self.restart()
        self._seen = 0

    def actions(self) -> list[str]:
        """Return the changes that were asked of the cloud since the last time."""
        found = [call["action"] for call in self.calls(self._seen) if call["write"]]
        self._seen = self.mark()
        return found

    async def settle_to(self, *manifests: Shown) -> list[str]:
        """Apply manifests and have them done; return the changes that it took at the cloud."""
        self.actions()
        self.apply(*manifests)
        await self.settle(2)
        done = self.actions()
        await self.require_quiet()
        return done

    async def require_quiet(self) -> None:
        """Fail unless everything is as wanted, and another pass over it writes nothing."""
        condition = self.condition(LISTENER, "api", "Programmed")
        assert condition is not None, self.ready()
        assert condition["status"] == "True", self.ready()
        before, mark = Counter(self.faults.writes), self.mark()
        await self.pass_over_all()
        written = Counter(self.faults.writes) - before
        asked = [call["action"] for call in self.calls(mark) if call["write"]]
        assert (dict(written), asked) == ({}, [])

    def ready(self) -> tuple[str, str, str]:
        condition = self.condition(LISTENER, "api", "Ready")
        assert condition is not None
        return condition["status"], condition["reason"], condition["message"]

    async def listeners(self) -> list[Shown]:
        reply = await self.api.read("clb", REGION, "DescribeListeners", {"LoadBalancerId": BALANCER})
        found: list[Shown] = reply["Listeners"]  # type: ignore[assignment]
        return found

    async def listener(self) -> Shown:
        """Return the one listener as the API shows it."""
        (found,) = await self.listeners()
        return found

    async def rules(self) -> dict[str, Shown]:
        """Return the rules by domain and path."""
        listener = await self.listener()
        return {f"{rule['Domain']}{rule['Url']}": rule for rule in listener["Rules"] or []}

    async def bound(self) -> dict[str, Shown]:
        """Return the certificates that each domain shows and admits."""
        listener = await self.listener()
        has_own = bool(listener["SniSwitch"])
        return {r["Domain"]: (r if has_own else listener)["Certificate"] for r in listener["Rules"]}

    async def targets(self, rule: str = "api.acme.example/") -> dict[str, int]:
        """Return the weights of a rule's targets, by instance and port."""
        wanted = (await self.rules())[rule]["LocationId"]
        reply = await self.api.read("clb", REGION, "DescribeTargets", {"LoadBalancerId": BALANCER})
        listeners: list[Shown] = reply["Listeners"]  # type: ignore[assignment]
        return {
            f"{target['InstanceId']}:{target['Port']}": target["Weight"]
            for listener in listeners
            for found in listener["Rules"]
            if found["LocationId"] == wanted
            for target in found["Targets"] or []
        }


@contextlib.asynccontextmanager
async def shown_world() -> AsyncIterator[ShownWorld]:
    """Start a simulator where changes take no time, the operator over it, two nodes and an authority."""
    config = Config(keys={KEY.secret_id: KEY}, task_seconds=0.0, throttled=False)
    with EmbeddedSimulator(config) as simulator, pytest.MonkeyPatch.context() as patch:
        # No TLS is spoken, and each client would load all of the machine's roots, a tenth of a second.
        patch.setenv("SSL_CERT_DIR", str(Path(__file__).parent))
        api = furnish(simulator, instances=2)
        world = ShownWorld(simulator, api)
        world.view.held_nodes = [node(1), node(2)]
        world.apply(authority_manifest())
        try:
            yield world
        finally:
            world.close()
            await api.close()
