"""Many listeners on one load balancer, with the operator's own queue, workers and adapters over the wire.

Nobody of us is refused because of another of us, and somebody else's changes are waited out.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from builders import authority_manifest, domain_manifest, listener_manifest, node, route_manifest
from unit.fakes.wire_world import WireWorld, wire_world
from unit.fakes.world import BALANCER

from clb_simulator.auth import SecretKey
from clb_simulator.embedded import EmbeddedSimulator, Endpoints
from clb_simulator.server import Config
from mtls_operator.api.meta import Key, Kind, ObjectRef
from mtls_operator.core.lanes import Lane
from mtls_operator.core.outcome import Outcome
from mtls_operator.reconcilers.loop import Loop, MakesPasses
from mtls_operator.reconcilers.queue import KeyedQueue

KEY = SecretKey("AKIDpytest", "pytest-secret", "100000000001")
LISTENER = Kind.MUTUAL_TLS_LISTENER
LISTENERS = 50
THEIR_JOB = "(UpdateQLBListener)"
BUSY = "FailedOperation.ResourceInOperating"
WITHIN_SECONDS = 60.0


@pytest.fixture
def simulator() -> Iterator[Endpoints]:
    with EmbeddedSimulator(Config(keys={KEY.secret_id: KEY}, task_seconds=0.01, throttled=False)) as found:
        yield found


def names(number: int) -> list[str]:
    return [f"site-{n:02d}" for n in range(number)]


def apply_listeners(world: WireWorld, number: int) -> None:
    world.view.held_nodes = [node(1), node(2)]
    unchecked = route_manifest(healthCheck={"enabled": False}, node_port=30080)
    for n, name in enumerate(names(number)):
        world.apply(listener_manifest(name, domain_manifest("a.acme.example", unchecked), port=8000 + n))


class Passes:
    """The operator's reconcilers; tells those who wait that a pass has ended."""

    def __init__(self, reconcilers: Mapping[Kind, MakesPasses]) -> None:
        self._reconcilers = reconcilers
        self._ended = asyncio.Event()
        self.number = 0

    async def reconcile(self, ref: ObjectRef, attempts: int) -> Outcome | None:
        outcome = await self._reconcilers[LISTENER].reconcile(ref, attempts)
        self.number += 1
        self._ended.set()
        return outcome

    async def wait(self, until: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_SECONDS):
            while not until():
                self._ended.clear()
                await self._ended.wait()


@contextlib.asynccontextmanager
async def workers(world: WireWorld) -> AsyncIterator[tuple[KeyedQueue[Key], Passes]]:
    """Run the operator's workers over the world while the block is entered."""
    queue: KeyedQueue[Key] = KeyedQueue(lambda _: BALANCER)
    passes = Passes(world.reconcilers)
    running = asyncio.create_task(Loop(queue, {LISTENER: passes}, resync=timedelta(minutes=10)).run(16))
    try:
        yield queue, passes
    finally:
        await queue.close()
        await running


def all_ready(world: WireWorld, number: int) -> bool:
    found = [world.condition(LISTENER, name, "Ready") for name in names(number)]
    return all(ready is not None and ready["status"] == "True" for ready in found)


async def _converge(world: WireWorld, number: int) -> list[dict[str, Any]]:
    """Bring up all listeners at once; return the operator's calls."""
    world.apply(authority_manifest())
    apply_listeners(world, number)
    await world.reconcile(Kind.CERTIFICATE_AUTHORITY, "clients")
    mark = world.mark()
    async with workers(world) as (queue, passes):
        for name in names(number):
            await queue.add(Key(LISTENER, "edge", name), lane=Lane.CHANGE)
        await passes.wait(until=lambda: all_ready(world, number))
    assert sum(row["protocol"] == "HTTPS" for row in world.state("listeners")) == number
    assert world.open_doors() == []
    return world.calls(mark)


async def test_fifty_listeners_on_one_load_balancer_converge_without_a_refused_call(
    simulator: Endpoints,
) -> None:
    async with wire_world(simulator) as world:
        calls = await _converge(world, LISTENERS)
        assert [(call["action"], call["code"]) for call in calls if call["code"]] == []
        written = [call["action"] for call in calls if call["write"]]
        assert {action: written.count(action) for action in dict.fromkeys(written)} == dict.fromkeys(
            ("UploadCertificate", "CreateListener", "CreateRule", "BatchRegisterTargets"), LISTENERS
        )


async def test_reads_of_passes_that_run_at_the_same_time_are_shared(simulator: Endpoints) -> None:
    async with wire_world(simulator) as world:
        await _converge(world, few := 12)
        # As long as a call to the cloud takes, or nearly.
        simulator.order_fault("delay", only="read", count=1000, seconds=0.03)
        mark = world.mark()
        async with workers(world) as (queue, passes):
            for name in names(few):
                await queue.add(Key(LISTENER, "edge", name), lane=Lane.RESYNC)
            await passes.wait(until=lambda: passes.number == few)
        calls = world.calls(mark)
        assert [call["action"] for call in calls if call["write"]] == []
        read = [call["action"] for call in calls]
        for action in (
            "DescribeLoadBalancers",
            "DescribeListeners",
            "DescribeTargets",
            "DescribeTargetHealth",
        ):
            assert read.count(action) < few, action


async def test_a_controller_that_changes_the_same_load_balancer_is_waited_out(simulator: Endpoints) -> None:
    async with wire_world(simulator) as world:
        theirs = await world.foreign("CreateListener", Ports=[80], Protocol="TCP", ListenerNames=["theirs-0"])
        assert theirs is not None
        async with _somebody_else(world, theirs["ListenerIds"][0]) as accepted:
            calls = await _converge(world, 12)
        assert len(accepted) > 5
        refused = [call for call in calls if call["code"]]
        assert {call["code"] for call in refused} == {BUSY}
        # The job that a refusal names is theirs, which none of ours is called.
        assert [call["message"] for call in refused if THEIR_JOB not in call["message"]] == []
        # Theirs is as they left it, once their last change is through.
        left = [row["name"] for row in world.state("listeners") if row["protocol"] == "TCP"]
        assert left[0] in accepted[-2:]


@contextlib.asynccontextmanager
async def _somebody_else(world: WireWorld, listener: str) -> AsyncIterator[list[str]]:
    """Rename a listener of somebody else's as often as it is accepted; gives the names that were."""
    accepted: list[str] = []
    enough = asyncio.Event()

    async def rename() -> None:
        for number in count(1):
            name = f"theirs-{number}"
            if await world.foreign("ModifyListener", ListenerId=listener, ListenerName=name) is not None:
                accepted.append(name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), 0.05)
            if enough.is_set():
                return

    task = asyncio.create_task(rename())
    try:
        yield accepted
    finally:
        enough.set()
        await task
