"""Changes of manifests, nodes and the cloud, as transitions of a world in order."""

from dataclasses import replace
from datetime import timedelta

from builders import authority_manifest, client_cert_manifest, domain_manifest, listener_manifest, node
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import RENEW_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.cloud import Listener, TargetHealth
from mtls_operator.core.nodes import endpoint_of

CERT, LISTENER = Kind.CLIENT_CERT, Kind.MUTUAL_TLS_LISTENER
PAYMENTS, SERVER = ObjectRef("edge", "payments"), ObjectRef("edge", "api-server")


async def settled() -> World:
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(authority_manifest(), client_cert_manifest(), listener_manifest())
    await world.settle()
    return world


def ours(world: World) -> Listener:
    (listener,) = world.balancers.on(BALANCER)
    return listener


def bound(world: World) -> list[tuple[str, int]]:
    return sorted((t.endpoint.instance_id, t.weight) for t in ours(world).rules[0].targets)


async def test_a_leaving_node_is_drained_and_then_unbound() -> None:
    world = await settled()
    world.view.held_nodes = [node(1), node(3)]
    await world.settle()
    assert bound(world) == [("ins-00000001", 10), ("ins-00000002", 0), ("ins-00000003", 10)]
    world.clock.advance(timedelta(seconds=29))
    await world.settle()
    assert len(bound(world)) == 3
    world.clock.advance(timedelta(seconds=1))
    await world.settle()
    assert bound(world) == [("ins-00000001", 10), ("ins-00000003", 10)]


async def test_a_restart_drains_longer_never_shorter() -> None:
    world = await settled()
    world.view.held_nodes = [node(1)]
    await world.settle()
    world.clock.advance(timedelta(seconds=29))
    world.restart()
    await world.settle()
    world.clock.advance(timedelta(seconds=29))
    await world.settle()
    assert ("ins-00000002", 0) in bound(world)


async def test_a_node_that_comes_back_serves_again_and_drains_anew_the_next_time() -> None:
    world = await settled()
    world.view.held_nodes = [node(1)]
    await world.settle()
    world.view.held_nodes = [node(1), node(2)]
    await world.settle()
    assert bound(world) == [("ins-00000001", 10), ("ins-00000002", 10)]
    world.clock.advance(timedelta(seconds=60))
    world.view.held_nodes = [node(1)]
    await world.settle()
    assert ("ins-00000002", 0) in bound(world)


async def test_a_renewed_server_certificate_is_bound_and_the_old_upload_goes_last() -> None:
    world = await settled()
    old = ours(world).tls
    before = len(world.faults.cloud_writes)
    world.apply(listener_manifest(annotations={RENEW_ANNOTATION: "1"}))
    await world.settle()
    assert [w.split()[0] for w in world.faults.cloud_writes[before:]] == [
        "UploadCertificate",
        "bind",
        "DeleteCertificate",
    ]
    assert old is not None
    assert old.certificate_id not in world.store.uploads


async def test_a_client_certificate_is_renewed_when_its_time_has_come() -> None:
    world = await settled()
    first = world.kube.secrets[PAYMENTS].data["tls.crt"]
    world.clock.advance(timedelta(days=56))
    await world.settle()
    assert world.kube.secrets[PAYMENTS].data["tls.crt"] == first
    world.clock.advance(timedelta(days=5))
    await world.settle()
    assert world.kube.secrets[PAYMENTS].data["tls.crt"] != first
    assert world.status(CERT, "payments")["revision"] == 2


async def test_a_renamed_listener_is_known_by_id_and_age_and_named_again() -> None:
    world = await settled()
    known = ours(world)
    world.balancers.edit(known.id, lambda listener: replace(listener, name="mine now"))
    await world.settle()
    assert ours(world) == known


async def test_a_listener_that_was_deleted_in_the_console_is_made_again() -> None:
    world = await settled()
    first = ours(world)
    del world.balancers.state[first.id]
    await world.settle()
    assert ours(world).id != first.id
    assert bound(world) == [("ins-00000001", 10), ("ins-00000002", 10)]
    assert world.status(LISTENER, "api")["listenerId"] == ours(world).id


async def test_a_listener_that_replaced_ours_on_the_port_is_not_taken_for_ours() -> None:
    world = await settled()
    first = ours(world)
    world.balancers.put(BALANCER, replace(first, name="theirs", create_time="2030-01-01 00:00:00"))
    before = ours(world)
    await world.settle()
    ready = world.condition(LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["reason"] == "PortTaken"
    assert ours(world) == before


async def test_a_domain_more_gets_a_certificate_for_both_with_sni_off() -> None:
    world = await settled()
    world.apply(listener_manifest("api", domain_manifest(), domain_manifest("b.acme.example")))
    await world.settle()
    assert {rule.domain for rule in ours(world).rules} == {"api.acme.example", "b.acme.example"}
    assert [ref for ref in world.kube.secrets if ref.name.startswith("api")] == [SERVER]


async def test_a_transition_is_told_once_and_a_good_beginning_not_at_all() -> None:
    world = await settled()
    assert world.recorder.events == []
    tagged = world.balancers.balancers[BALANCER]
    world.balancers.balancers[BALANCER] = replace(tagged, tags={})
    await world.settle(5)
    world.balancers.balancers[BALANCER] = tagged
    await world.settle(5)
    told = [(e.type, e.key, e.reason) for e in world.recorder.events]
    assert told == [
        ("Warning", "MutualTLSListener edge/api", "LoadBalancerNotAllowed"),
        ("Normal", "MutualTLSListener edge/api", "Succeeded"),
    ]


async def test_a_certificate_that_ends_with_its_authority_says_so() -> None:
    world = World()
    world.apply(
        authority_manifest(duration="240h"), client_cert_manifest(duration="2160h", renewBefore="24h")
    )
    await world.settle()
    ready = world.condition(CERT, "payments", "Ready")
    assert ready is not None
    assert ready["message"].endswith("; it ends at 2026-12-03, with its authority")
    assert world.status(CERT, "payments")["notAfter"] == "2026-12-03T12:00:00Z"


async def test_when_all_nodes_are_replaced_the_old_ones_serve_until_a_new_one_is_healthy() -> None:
    world = await settled()
    fresh = node(3)
    world.view.held_nodes = [fresh]
    endpoint = endpoint_of(fresh, 30080)
    assert endpoint is not None
    world.balancers.sick[endpoint] = TargetHealth.UNKNOWN
    await world.settle()
    assert bound(world) == [("ins-00000001", 10), ("ins-00000002", 10), ("ins-00000003", 10)]
    del world.balancers.sick[endpoint]
    await world.settle()
    assert bound(world) == [("ins-00000001", 0), ("ins-00000002", 0), ("ins-00000003", 10)]
