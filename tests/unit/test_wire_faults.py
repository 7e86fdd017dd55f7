"""Every fault of the simulator, at every sort of write: the operator converges, and no door opens.

The operator's own adapters against the simulator over the wire, from the creation of two listeners
through changes of everything that can change to their deletion.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, domain_manifest, listener_manifest, node, route_manifest
from unit.fakes.wire_world import WireWorld, wire_world

from clb_simulator.auth import SecretKey
from clb_simulator.embedded import EmbeddedSimulator, Endpoints
from clb_simulator.server import Config
from mtls_operator.api.meta import RENEW_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.outcome import Waiting

KEY = SecretKey("AKIDpytest", "pytest-secret", "100000000001")
LISTENER, AUTHORITY = Kind.MUTUAL_TLS_LISTENER, Kind.CERTIFICATE_AUTHORITY
TASKS = (
    "CreateListener",
    "CreateRule",
    "ModifyListener",
    "ModifyDomainAttributes",
    "ModifyRule",
    "DeleteRule",
    "BatchModifyTargetWeight",
    "DeleteListener",
)
WRITES = (
    *TASKS,
    "UploadCertificate",
    "BatchRegisterTargets",
    "BatchDeregisterTargets",
    "DeleteCertificate",
)
UNCHECKED: dict[str, Any] = {"healthCheck": {"enabled": False}}
"""Without a data plane the simulator never knows whether a target answers; one that is not checked serves."""


@pytest.fixture
def simulator() -> Iterator[Endpoints]:
    with EmbeddedSimulator(Config(keys={KEY.secret_id: KEY}, task_seconds=0.0, throttled=False)) as endpoints:
        yield endpoints


def domain(name: str, *paths: str, **fields: Any) -> dict[str, Any]:
    return domain_manifest(name, *(route_manifest(path, **UNCHECKED, **fields) for path in paths))


async def live(world: WireWorld) -> None:
    """Create both methods of the guide, change everything about them, and delete them."""
    world.view.held_nodes = [node(1), node(2)]
    first, second = domain("a.acme.example", "/", "/old"), domain("b.acme.example", "/")
    world.apply(
        authority_manifest(),
        listener_manifest("api", {**first, "default": True}, second, sni=True),
        listener_manifest("plain", domain("c.acme.example", "/"), port=8443),
    )
    await world.converge()
    world.view.held_nodes = [node(2), node(3)]
    first, second = domain("a.acme.example", "/", "/new"), domain("b.acme.example", "/", scheduler="IP_HASH")
    renewed = {RENEW_ANNOTATION: "1"}
    world.apply(
        listener_manifest("api", {**first, "default": True}, second, sni=True, annotations=renewed),
        listener_manifest("plain", domain("c.acme.example", "/"), port=8443, annotations=renewed),
    )
    await world.converge()
    assert {len(rule["targets"]) for rule in world.state("rules")} == {2}
    assert {target["instance_id"] for rule in world.state("rules") for target in rule["targets"]} == {
        "ins-00000002",
        "ins-00000003",
    }
    for name in ("api", "plain"):
        world.kube.delete(LISTENER, ObjectRef("edge", name))
    await world.converge()
    world.kube.delete(AUTHORITY, ObjectRef("edge", "clients"))
    await world.converge()


def left(world: WireWorld) -> list[str]:
    """Return what is still there of objects, listeners and uploads."""
    tables = [str(row) for table in ("listeners", "certificates") for row in world.state(table)]
    return [*map(str, world.kube.objects), *tables]


Order = dict[str, Any]
NOTHING_WAS_DONE: tuple[Order, ...] = (
    {"kind": "lost-request"},
    {"kind": "bad-gateway"},
    {"kind": "internal-error"},
    {"kind": "throttled"},
    {"kind": "expired-token"},
    {"kind": "clock-skew", "seconds": 400},
    {"kind": "quota"},
)
CHAINS: dict[str, tuple[Order, ...]] = {
    "nothing was done, again and again, and then it was and the reply is lost": (
        *NOTHING_WAS_DONE,
        {"kind": "lost-reply"},
    ),
    "a gateway answers, it was done": ({"kind": "bad-gateway", "carried_out": True},),
    "late, and an internal error, it was done": (
        {"kind": "delay", "seconds": 0.02},
        {"kind": "delay", "seconds": 0.02, "of": "request"},
        {"kind": "internal-error", "carried_out": True},
    ),
    "the request comes twice, the first is answered": ({"kind": "duplicate", "reply": "first"},),
    "the request comes twice, the second is answered": ({"kind": "duplicate"},),
}
"""What strikes the calls of each action, one after the other."""


async def _live_with(world: WireWorld, actions: tuple[str, ...], orders: tuple[Order, ...]) -> None:
    """Live with these faults at every one of the actions, no door open at any time."""
    struck = 0
    for order in orders:
        world.order(actions, **{"skip": struck, **order})
        # What only makes a call late does not lead to another one.
        struck += order["kind"] != "delay"
    world.faults.watchers.append(lambda _: _require_closed(world))
    await live(world)
    assert world.unstruck() == []
    assert left(world) == []


def _require_closed(world: WireWorld) -> None:
    """Called at every write to the API server, so in the middle of passes as well."""
    assert world.open_doors() == []


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
async def test_faults_at_every_write(simulator: Endpoints, chain: tuple[Order, ...]) -> None:
    async with wire_world(simulator) as world:
        await _live_with(world, WRITES, chain)


async def test_tasks_that_are_slow_and_fail_on_a_load_balancer_that_somebody_else_keeps_busy(
    simulator: Endpoints,
) -> None:
    chain: tuple[Order, ...] = (
        {"kind": "busy", "seconds": 0.05},
        {"kind": "slow-task", "seconds": 0.05},
        {"kind": "failed-task"},
    )
    async with wire_world(simulator) as world:
        # Slow and failed tasks are counted by tasks: a call that is refused has none.
        await _live_with(world, TASKS, tuple({**order, "skip": 0} for order in chain))


DEEDS = ("open-listener", "delete-listener", "change-rule", "delete-rule", "delete-binding")


@pytest.mark.parametrize("shift", range(3))
async def test_somebody_elses_deeds_at_every_write(simulator: Endpoints, shift: int) -> None:
    async with wire_world(simulator) as world:
        for number, action in enumerate(WRITES):
            deed, moment = DEEDS[(number + 2 * shift) % len(DEEDS)], ("before", "after")[number % 2]
            world.order((action,), kind="foreign", deed=deed, moment=moment, seed=number)
        await live(world)
        # A listener that was deleted is made anew as it should be, and needs no change any more.
        assert len(world.unstruck()) < len(WRITES) / 2
        assert left(world) == []


async def test_reads_that_fail_now_and_then(simulator: Endpoints) -> None:
    async with wire_world(simulator) as world:
        for seed, kind in enumerate(("lost-reply", "internal-error", "bad-gateway", "throttled")):
            simulator.order_fault(kind, only="read", rate=0.03, seed=seed)
        await live(world)
        assert left(world) == []


async def test_the_while_for_which_a_load_balancer_stays_busy_after_a_change_is_waited_out(
    simulator: Endpoints,
) -> None:
    simulator.admin("PATCH", "/switches", busy_tail_seconds=0.05)
    async with wire_world(simulator) as world:
        await live(world)
        assert left(world) == []
        refused = {call["code"] for call in world.calls() if call["code"]}
        assert refused == {"FailedOperation.ResourceInOperating"}


async def test_a_busy_load_balancer_is_waited_out_before_a_listener_is_deleted(simulator: Endpoints) -> None:
    async with wire_world(simulator) as world:
        world.apply(authority_manifest(), listener_manifest())
        await world.converge()
        world.kube.delete(LISTENER, ObjectRef("edge", "api"))
        simulator.order_fault("busy", action="DeleteListener", seconds=0.2)
        outcome = await world.reconcile(LISTENER, "api")
        assert outcome is None
        assert world.state("listeners") == []
        deletions = [call["code"] for call in world.calls() if call["action"] == "DeleteListener"]
        assert len(deletions) > 1
        assert set(deletions[:-1]) == {"FailedOperation.ResourceInOperating"}


async def test_a_failed_task_is_reported_with_its_message_and_tried_again_as_a_new_call(
    simulator: Endpoints,
) -> None:
    async with wire_world(simulator) as world:
        world.apply(authority_manifest(), listener_manifest())
        await world.reconcile(AUTHORITY, "clients")
        simulator.order_fault("failed-task", action="CreateRule", message="no machine is free")
        failed = await world.reconcile(LISTENER, "api")
        assert isinstance(failed, Waiting)
        ready = world.condition(LISTENER, "api", "Ready")
        assert ready is not None
        assert ready["reason"] == "CloudTaskFailed"
        assert "CreateRule" in ready["message"]
        assert "no machine is free" in ready["message"]
        assert failed.after == timedelta(seconds=1)
        await world.converge()
        created = [call for call in world.calls() if call["action"] == "CreateRule"]
        assert len({call["request_id"] for call in created}) == 2
        assert created[0]["params"] == created[1]["params"]
        assert len(world.state("rules")) == 1
