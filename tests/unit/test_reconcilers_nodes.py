"""Nodes and Services come, go, fall silent and change: what is bound follows, and never runs empty."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, domain_manifest, listener_manifest, node, route_manifest, service
from unit.fakes.cluster import Manifest
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind
from mtls_operator.core.cloud import Listener, ListenerId, TargetHealth
from mtls_operator.core.cloud_quota import Quotas
from mtls_operator.core.cluster import Node, Service, ServicePort
from mtls_operator.core.nodes import UNREADY_GRACE
from mtls_operator.core.outcome import Done

LISTENER = Kind.MUTUAL_TLS_LISTENER
DRAIN = timedelta(seconds=30)
TO_SERVICE = {"path": "/", "backends": [{"service": {"name": "web", "port": "http"}}]}


async def settled(
    *nodes: Node, services: Sequence[Service] = (), limits: Quotas | None = None, **spec: Any
) -> World:
    """Return a world with a listener to these nodes, in order."""
    world = World()
    world.view.held_nodes, world.view.held_services = list(nodes), list(services)
    world.balancers.limits = limits or Quotas()
    world.apply(authority_manifest(), listener_manifest(**spec))
    await world.settle()
    return world


def to_service(*routes: Manifest) -> list[Manifest]:
    return [domain_manifest("api.acme.example", *(routes or (TO_SERVICE,)))]


def bound(world: World, path: str = "/") -> dict[str, int]:
    """Return the weight of every target of a route."""
    (listener,) = world.balancers.on(BALANCER)
    rule = next(rule for rule in listener.rules if rule.path == path)
    return {str(target.endpoint): target.weight for target in rule.targets}


def ins(number: int, port: int = 30080) -> str:
    return f"ins-{number:08d}:{port}"


async def passed(world: World) -> timedelta:
    """Make a pass; return when the next is due."""
    outcome = await world.reconcile(LISTENER, "api")
    assert outcome is not None
    assert outcome.after is not None
    return outcome.after


def backends(world: World) -> tuple[str, str, str]:
    found = world.condition(LISTENER, "api", "BackendsHealthy")
    assert found is not None
    return found["status"], found["reason"], found["message"]


def silent(number: int, world: World) -> Node:
    return node(number, ready=None, ready_since=world.clock.now())


async def test_a_kubelet_that_flaps_within_the_grace_changes_nothing() -> None:
    world = await settled(node(1), node(2))
    before = world.written()
    world.view.held_nodes = [node(1), silent(2, world)]
    await passed(world)
    world.clock.advance(UNREADY_GRACE - timedelta(seconds=1))
    await passed(world)
    world.view.held_nodes = [node(1), node(2, ready_since=world.clock.now())]
    await passed(world)
    assert world.written() == before


async def test_the_end_of_the_grace_is_waited_for_though_no_event_tells_of_it() -> None:
    world = await settled(node(1), node(2))
    world.view.held_nodes = [node(1), silent(2, world)]
    world.clock.advance(timedelta(seconds=20))
    assert await passed(world) == timedelta(seconds=40)
    world.clock.advance(timedelta(seconds=40))
    await passed(world)
    assert bound(world) == {ins(1): 10, ins(2): 0}


@pytest.mark.parametrize(
    "gone",
    [node(2, labels={"pool": "core"}), node(2, deleting=True), node(2, ready=False), None],
    ids=["relabelled", "being deleted", "not ready", "deleted"],
)
async def test_a_node_that_leaves_has_weight_0_for_the_drain_period_and_goes_then(gone: Node | None) -> None:
    edge = {"pool": "edge"}
    world = await settled(node(1, labels=edge), node(2, labels=edge), nodeSelector=edge)
    kept = replace(gone, labels=gone.labels or edge) if gone is not None else None
    world.view.held_nodes = [node(1, labels=edge), *([kept] if kept is not None else [])]
    assert await passed(world) == DRAIN
    assert bound(world) == {ins(1): 10, ins(2): 0}
    world.clock.advance(DRAIN - timedelta(seconds=10))
    assert await passed(world) == timedelta(seconds=10), "not a whole period more"
    assert bound(world) == {ins(1): 10, ins(2): 0}
    world.clock.advance(timedelta(seconds=10))
    await passed(world)
    assert bound(world) == {ins(1): 10}


async def test_the_earliest_drain_decides_when_to_look_again() -> None:
    world = await settled(node(1), node(2), node(3))
    world.view.held_nodes = [node(1), node(2)]
    await passed(world)
    world.clock.advance(timedelta(seconds=20))
    world.view.held_nodes = [node(1)]
    assert await passed(world) == timedelta(seconds=10)
    world.clock.advance(timedelta(seconds=10))
    assert await passed(world) == timedelta(seconds=20)
    assert bound(world) == {ins(1): 10, ins(2): 0}


async def test_without_a_drain_period_a_node_goes_at_once() -> None:
    world = await settled(node(1), node(2), drainPeriod="0s")
    world.view.held_nodes = [node(1)]
    await passed(world)
    assert bound(world) == {ins(1): 10}


async def test_a_node_that_comes_back_has_its_weight_at_once() -> None:
    world = await settled(node(1), node(2))
    world.view.held_nodes = [node(1)]
    await passed(world)
    world.view.held_nodes = [node(1), node(2)]
    await passed(world)
    assert bound(world) == {ins(1): 10, ins(2): 10}
    world.view.held_nodes = [node(1)]
    world.clock.advance(DRAIN)
    assert await passed(world) == DRAIN, "the clock of the first time does not count"


async def test_a_restart_lets_a_target_drain_longer_and_never_shorter() -> None:
    world = await settled(node(1), node(2))
    world.view.held_nodes = [node(1)]
    await passed(world)
    world.clock.advance(DRAIN - timedelta(seconds=1))
    world.restart()
    assert await passed(world) == DRAIN
    assert bound(world) == {ins(1): 10, ins(2): 0}


async def test_a_drain_that_waits_for_a_successor_does_not_make_a_pass_each_second() -> None:
    world = await settled(node(1), node(2))
    world.view.held_nodes = [node(1)]
    await passed(world)
    (target,) = [t for t in world.balancers.on(BALANCER)[0].rules[0].targets if t.weight]
    world.balancers.sick = {target.endpoint: TargetHealth.DEAD}
    world.clock.advance(timedelta(minutes=10))
    await passed(world)
    world.clock.advance(timedelta(minutes=10))
    assert await passed(world) == timedelta(minutes=2)
    assert bound(world) == {ins(1): 10, ins(2): 0}


async def test_a_node_replaced_under_its_name_is_another_target() -> None:
    world = await settled(node(1), node(2))
    replaced = node(2, uid="uid-new", provider_id="qcloud:///100003/ins-00000009")
    world.view.held_nodes = [node(1), replaced]
    await passed(world)
    assert bound(world) == {ins(1): 10, ins(2): 0, ins(9): 10}
    world.clock.advance(DRAIN)
    await passed(world)
    assert bound(world) == {ins(1): 10, ins(9): 10}


async def test_another_node_port_is_bound_before_the_old_one_drains() -> None:
    world = await settled(node(1), services=[service()], domains=to_service())
    world.view.held_services = [service("web", ServicePort(name="http", port=80, node_port=31000))]
    written = len(world.faults.cloud_writes)
    await passed(world)
    assert [text.split()[0] for text in world.faults.cloud_writes[written:]] == ["register", "set"]
    assert bound(world) == {ins(1): 0, ins(1, 31000): 10}
    world.clock.advance(DRAIN)
    await passed(world)
    assert bound(world) == {ins(1, 31000): 10}


async def test_a_service_that_is_gone_keeps_what_is_bound_and_holds_up_nothing_else() -> None:
    routes = (TO_SERVICE, route_manifest("/direct", 32000))
    world = await settled(node(1), services=[service()], domains=to_service(*routes))
    world.view.held_services = []
    world.view.held_nodes = [node(1), node(2)]
    await passed(world)
    assert bound(world) == {ins(1): 10}
    assert bound(world, "/direct") == {ins(1, 32000): 10, ins(2, 32000): 10}
    assert backends(world)[:2] == ("False", "ServiceNotFound")
    assert "Service edge/web does not exist" in backends(world)[2]
    ready = world.condition(LISTENER, "api", "Ready")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("False", "ServiceNotFound")
    world.view.held_services = [service("web", ServicePort(name="http", port=80, node_port=31000))]
    await passed(world)
    assert bound(world) == {ins(1): 0, ins(1, 31000): 10, ins(2, 31000): 10}


async def test_policy_local_binds_the_nodes_with_endpoints_and_keeps_the_last() -> None:
    local = replace(service(), local_nodes=frozenset({"node-2"}))
    world = await settled(node(1), node(2), services=[local], domains=to_service(), drainPeriod="0s")
    assert bound(world) == {ins(2): 10}
    world.view.held_services = [replace(local, local_nodes=frozenset({"node-1"}))]
    await passed(world)
    assert bound(world) == {ins(1): 10}
    world.view.held_services = [replace(local, local_nodes=frozenset())]
    await passed(world)
    assert bound(world) == {ins(1): 10}
    status, reason, message = backends(world)
    assert (status, reason) == ("False", "NoEligibleNode")
    assert "Service edge/web has externalTrafficPolicy Local" in message
    assert "what was bound stays bound" in message


async def test_above_the_quota_a_part_serves_and_the_condition_says_which_part() -> None:
    world = await settled(*map(node, range(1, 13)), limits=Quotas(targets=10))
    assert len(bound(world)) == 10
    status, reason, message = backends(world)
    assert (status, reason) == ("True", "TargetQuotaExceeded")
    assert "10 of 12 eligible targets serve api.acme.example/" in message
    assert isinstance(await world.reconcile(LISTENER, "api"), Done)
    left_out = next(n for n in range(1, 13) if ins(n) not in bound(world))
    before = bound(world)
    world.view.held_nodes = [known for known in world.view.held_nodes if known.name != f"node-{left_out}"]
    await passed(world)
    assert bound(world) == before


async def test_a_successor_waits_until_the_drained_one_has_made_room() -> None:
    world = await settled(*map(node, range(1, 4)), limits=Quotas(targets=2))
    first = next(iter(bound(world)))
    world.view.held_nodes = [n for n in world.view.held_nodes if not first.startswith(n.provider_id[-12:])]
    await passed(world)
    assert len(bound(world)) == 2
    assert bound(world)[first] == 0
    world.clock.advance(DRAIN)
    await passed(world)
    assert sorted(bound(world).values()) == [10, 10]
    assert first not in bound(world)


async def test_all_nodes_are_replaced_by_halves_where_the_quota_leaves_no_room() -> None:
    world = await settled(*map(node, range(1, 5)), limits=Quotas(targets=4))
    world.view.held_nodes = [node(number) for number in range(11, 15)]
    seen = []
    for _ in range(4):
        await passed(world)
        seen.append(sorted(bound(world).values()))
        world.clock.advance(DRAIN)
    assert seen[0] == [0, 0, 10, 10]
    assert all(any(weights) and len(weights) <= 4 for weights in seen)
    assert set(bound(world)) == {ins(number) for number in range(11, 15)}


def console_listener(number: int) -> Listener:
    return Listener(
        id=ListenerId(f"lbl-console-{number}"),
        name="by hand",
        protocol="TCP",
        port=number,
        sni=False,
        tls=None,
        create_time="2020-01-01 00:00:00",
    )


async def test_too_many_listeners_are_refused_before_the_first_write() -> None:
    world = World()
    world.view.held_nodes = [node(1)]
    world.balancers.limits = Quotas(listeners=2)
    for number in (1, 2):
        world.balancers.put(BALANCER, console_listener(number))
    world.apply(authority_manifest(), listener_manifest())
    await world.settle()
    ready = world.condition(LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["reason"] == "CloudQuotaExceeded"
    assert "2 listeners on a load balancer" in ready["message"]
    assert world.faults.cloud_writes == ["UploadCertificate CA edge/clients"]


async def test_too_many_rules_are_refused_before_the_first_write() -> None:
    world = await settled(node(1), limits=Quotas(rules=2))
    written = len(world.faults.cloud_writes)
    routes = [route_manifest(path) for path in ("/", "/a", "/b")]
    world.apply(listener_manifest("api", domain_manifest("api.acme.example", *routes), drainPeriod="5s"))
    world.view.held_nodes = [node(1), node(2)]
    await world.settle()
    ready = world.condition(LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["reason"] == "CloudQuotaExceeded"
    assert "2 forwarding rules" in ready["message"]
    assert "beside the 1 that the listener has" in ready["message"]
    assert len(world.faults.cloud_writes) == written


async def test_a_door_that_stands_open_is_closed_however_full_the_quota_is() -> None:
    world = await settled(node(1), limits=Quotas(rules=1))
    (listener,) = world.balancers.on(BALANCER)
    assert listener.tls is not None
    opened = replace(listener.tls, mutual=False, ca_certificate_id=None)
    world.balancers.edit(listener.id, lambda known: replace(known, tls=opened))
    routes = [route_manifest(path) for path in ("/", "/a")]
    world.apply(listener_manifest("api", domain_manifest("api.acme.example", *routes)))
    await world.settle()
    (after,) = world.balancers.on(BALANCER)
    assert after.tls == listener.tls
