"""A failure is remembered in the status: a restarted operator waits as long as the one before would have."""

from datetime import timedelta
from typing import Any

from builders import authority_manifest, client_cert_manifest
from unit.fakes.faults import Fault
from unit.fakes.world import World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.outcome import Outcome, Waiting

CERT = Kind.CLIENT_CERT
PAYMENTS = ObjectRef("edge", "payments")


async def start() -> World:
    world = World()
    world.apply(authority_manifest())
    await world.settle()
    world.apply(client_cert_manifest())
    return world


async def fail(world: World) -> Outcome | None:
    """Make a pass whose first write does not arrive."""
    world.faults.plan(0, Fault.NOT_ARRIVED)
    outcome = await world.reconcile(CERT, "payments")
    world.faults.clear()
    return outcome


def remembered(world: World) -> tuple[Any, Any]:
    status = world.status(CERT, "payments")
    return status.get("failures"), status.get("retryTime")


async def test_each_failure_is_counted_with_the_time_of_the_next_try() -> None:
    world = await start()
    await fail(world)
    assert remembered(world) == (1, "2026-11-23T12:00:01Z")
    world.clock.advance(timedelta(seconds=1))
    await fail(world)
    assert remembered(world) == (2, "2026-11-23T12:00:03Z")


async def test_a_restarted_operator_waits_for_the_rest_of_the_time() -> None:
    world = await start()
    for _ in range(4):
        await fail(world)
        world.clock.advance(timedelta(seconds=8))
    await fail(world)
    world.restart()
    world.clock.advance(timedelta(seconds=6))
    written = world.written()
    outcome = await world.reconcile(CERT, "payments")
    assert isinstance(outcome, Waiting)
    assert outcome.after == timedelta(seconds=10)
    assert world.written() == written
    world.clock.advance(timedelta(seconds=10))
    await fail(world)
    assert remembered(world)[0] == 6


async def test_success_forgets() -> None:
    world = await start()
    await fail(world)
    world.clock.advance(timedelta(seconds=1))
    await world.settle()
    assert remembered(world) == (None, None)
    assert PAYMENTS in world.kube.secrets


async def test_another_manifest_is_tried_at_once() -> None:
    world = await start()
    await fail(world)
    world.restart()
    world.apply(client_cert_manifest(duration="240h"))
    await world.reconcile(CERT, "payments")
    assert PAYMENTS in world.kube.secrets


async def test_the_process_that_failed_tries_at_once_when_it_is_called() -> None:
    world = await start()
    await fail(world)
    await world.reconcile(CERT, "payments")
    assert PAYMENTS in world.kube.secrets


async def test_passes_that_fail_before_their_time_write_nothing_more() -> None:
    world = await start()
    await fail(world)
    writes = [write for write in world.faults.writes if write.startswith("apply status ClientCert")]
    for _ in range(3):
        await fail(world)
    assert [w for w in world.faults.writes if w.startswith("apply status ClientCert")] == writes


async def test_a_revocation_is_not_held_up() -> None:
    world = await start()
    await world.settle()
    world.apply(client_cert_manifest(duration="240h"))
    await fail(world)
    world.restart()
    world.apply(client_cert_manifest(duration="240h", revoked={}))
    await world.reconcile(CERT, "payments")
    assert world.condition(CERT, "payments", "Revoked") is not None


async def test_a_wait_that_somebody_wrote_into_the_status_has_an_end() -> None:
    world = await start()
    await fail(world)
    world.kube.objects[CERT, PAYMENTS]["status"] |= {"failures": 10**9, "retryTime": "2099-01-01T00:00:00Z"}
    world.restart()
    await world.reconcile(CERT, "payments")
    assert PAYMENTS in world.kube.secrets
