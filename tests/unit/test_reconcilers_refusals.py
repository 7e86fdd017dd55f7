"""Wrong input becomes a condition, touches nobody else's things, and is done once the cause is gone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import authority_manifest, client_cert_manifest, listener_manifest, node, route_manifest
from builders import domain_manifest as domain
from unit.fakes.cluster import Manifest
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.balancer_access import NAMESPACES_TAG
from mtls_operator.core.cloud import Listener, ListenerId, TargetHealth
from mtls_operator.core.cluster import Secret

CA, CERT, LISTENER = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT, Kind.MUTUAL_TLS_LISTENER


async def settled(*manifests: Manifest) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), *manifests)
    await world.settle()
    return world


def ready(world: World, kind: Kind, name: str) -> tuple[str, str, str]:
    condition = world.condition(kind, name, "Ready")
    assert condition is not None
    return condition["status"], condition["reason"], condition["message"]


def foreign_secret(name: str) -> Secret:
    return Secret(ref=ObjectRef("edge", name), type="Opaque", data={"mine": b"hands off"})


@pytest.mark.parametrize(
    ("kind", "name", "secret"),
    [(CERT, "payments", "payments"), (LISTENER, "api", "api-server"), (CA, "clients", "clients-ca-key")],
    ids=["a ClientCert", "a listener", "an authority"],
)
async def test_somebody_elses_secret_is_left_alone(kind: Kind, name: str, secret: str) -> None:
    world = World()
    world.view.held_nodes = [node(1)]
    world.kube.put_secret(foreign_secret(secret))
    before = world.kube.secrets[ObjectRef("edge", secret)]
    world.apply(authority_manifest(), client_cert_manifest(), listener_manifest())
    await world.settle()
    assert world.kube.secrets[before.ref] == before
    assert ready(world, kind, name)[:2] == ("False", "SecretNameTaken")
    assert world.condition(kind, name, "Stalled") is not None
    del world.kube.secrets[before.ref]
    await world.settle()
    assert ready(world, kind, name)[0] == "True"
    assert world.condition(kind, name, "Stalled") is None


async def test_a_foreign_secret_survives_the_deletion_of_what_wanted_its_name() -> None:
    world = World()
    world.kube.put_secret(foreign_secret("clients-ca-key"))
    world.apply(authority_manifest())
    await world.settle()
    world.kube.delete(CA, ObjectRef("edge", "clients"))
    await world.settle()
    assert world.kube.objects == {}
    assert ObjectRef("edge", "clients-ca-key") in world.kube.secrets


async def test_a_port_of_somebody_elses_listener_is_left_alone() -> None:
    world = World()
    foreign = Listener(
        id=ListenerId("lbl-x"), name="shop", protocol="TCP", port=443, sni=False, tls=None, create_time="t"
    )
    world.balancers.put(BALANCER, foreign)
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), listener_manifest())
    await world.settle()
    assert ready(world, LISTENER, "api")[1] == "PortTaken"
    assert "lbl-x (shop)" in ready(world, LISTENER, "api")[2]
    assert world.balancers.on(BALANCER) == [foreign]
    del world.balancers.state[foreign.id]
    await world.settle()
    assert ready(world, LISTENER, "api")[0] == "True"


async def test_a_udp_listener_does_not_take_the_port() -> None:
    world = World()
    udp = Listener(
        id=ListenerId("lbl-u"), name="dns", protocol="UDP", port=8443, sni=False, tls=None, create_time="t"
    )
    world.balancers.put(BALANCER, udp)
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), listener_manifest(port=443))
    await world.settle()
    assert ready(world, LISTENER, "api")[0] == "True"


REFUSED: list[tuple[str, Manifest, str, str]] = [
    (
        "a region that is not served",
        listener_manifest(loadBalancer={"id": "lb-1a2b3c4d", "region": "eu-frankfurt"}),
        "RegionNotServed",
        "ap-guangzhou, not eu-frankfurt",
    ),
    (
        "a load balancer that does not exist",
        listener_manifest(loadBalancer={"id": "lb-0", "region": "ap-guangzhou"}),
        "LoadBalancerNotFound",
        "lb-0",
    ),
    ("an authority that does not exist", listener_manifest(ca="gone"), "AuthorityNotFound", "edge/gone"),
    (
        "a Service that does not exist",
        listener_manifest(
            "api", domain("a.example", {"path": "/", "backends": [{"service": {"name": "web", "port": 80}}]})
        ),
        "ServiceNotFound",
        "edge/web",
    ),
]


@pytest.mark.parametrize(
    ("manifest", "reason", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_a_listener_is_refused_without_anything_in_the_cloud(
    manifest: Manifest, reason: str, sentence: str
) -> None:
    world = await settled(manifest)
    status, seen, message = ready(world, LISTENER, "api")
    assert (status, seen) == ("False", reason)
    assert sentence in message
    assert world.balancers.state == {}


async def test_a_load_balancer_without_our_tag_is_refused_with_the_tag_named() -> None:
    world = World()
    world.balancers.balancers[BALANCER] = replace(world.balancers.balancers[BALANCER], tags={})
    world.apply(authority_manifest(), listener_manifest())
    await world.settle()
    assert ready(world, LISTENER, "api")[1] == "LoadBalancerNotAllowed"
    assert NAMESPACES_TAG in ready(world, LISTENER, "api")[2]
    assert world.faults.cloud_writes == ["UploadCertificate CA edge/clients"]


async def test_no_eligible_node_is_waited_for_with_the_listener_closed_and_in_place() -> None:
    world = await settled(listener_manifest(nodeSelector={"pool": "none"}))
    assert ready(world, LISTENER, "api")[1] == "NoEligibleNode"
    assert world.condition(LISTENER, "api", "Reconciling") is not None
    assert len(world.balancers.on(BALANCER)) == 1


async def test_nodes_that_vanish_all_at_once_leave_the_last_set_bound() -> None:
    world = await settled(listener_manifest())
    world.view.held_nodes = []
    await world.settle()
    assert [str(t.endpoint) for t in world.balancers.on(BALANCER)[0].rules[0].targets] == [
        "ins-00000001:30080"
    ]
    condition = world.condition(LISTENER, "api", "BackendsHealthy")
    assert condition is not None
    assert condition["reason"] == "NoEligibleNode"


async def test_a_dead_backend_is_shown_and_does_not_make_the_listener_unready() -> None:
    world = await settled(listener_manifest())
    world.balancers.sick = dict.fromkeys(
        [t.endpoint for t in world.balancers.on(BALANCER)[0].rules[0].targets], TargetHealth.DEAD
    )
    await world.settle()
    condition = world.condition(LISTENER, "api", "BackendsHealthy")
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("False", "NoHealthyBackend")
    assert ready(world, LISTENER, "api")[0] == "True"


async def test_sni_that_was_switched_on_in_the_console_is_not_fought() -> None:
    world = await settled(listener_manifest())
    (known,) = world.balancers.on(BALANCER)
    world.balancers.edit(known.id, lambda listener: replace(listener, sni=True))
    before = world.balancers.on(BALANCER)
    await world.settle()
    assert ready(world, LISTENER, "api")[1] == "SNIDiffers"
    assert world.balancers.on(BALANCER) == before


async def test_a_namespace_that_is_not_admitted_gets_no_certificate() -> None:
    world = await settled(
        client_cert_manifest(namespace="prod", caRef={"name": "clients", "namespace": "edge"})
    )
    status = world.status(CERT, "payments", "prod")
    assert status["conditions"][0]["reason"] == "NamespaceNotAllowed"
    assert ObjectRef("prod", "payments") not in world.kube.secrets


def lose_key(world: World) -> None:
    del world.kube.secrets[ObjectRef("edge", "clients-ca-key")]


def lose_key_and_status(world: World) -> None:
    lose_key(world)
    del world.kube.objects[CA, ObjectRef("edge", "clients")]["status"]


def lose_key_and_config_map(world: World) -> None:
    lose_key(world)
    world.kube.config_maps.clear()


@pytest.mark.parametrize("lose", [lose_key, lose_key_and_status, lose_key_and_config_map])
async def test_a_lost_ca_key_is_never_made_anew(lose: Callable[[World], None]) -> None:
    world = await settled(client_cert_manifest())
    lose(world)
    client = world.kube.secrets[ObjectRef("edge", "payments")]
    await world.settle()
    assert ready(world, CA, "clients")[:2] == ("False", "CAKeyMissing")
    assert ObjectRef("edge", "clients-ca-key") not in world.kube.secrets
    assert world.kube.secrets[client.ref] == client


async def test_the_restored_ca_key_is_taken_up() -> None:
    world = await settled()
    kept = world.kube.secrets.pop(ObjectRef("edge", "clients-ca-key"))
    await world.settle()
    world.kube.put_secret(kept)
    await world.settle()
    assert ready(world, CA, "clients")[0] == "True"


async def test_a_paused_object_is_left_as_it_is() -> None:
    world = await settled(listener_manifest())
    world.apply(
        listener_manifest(
            "api",
            domain("other.example", route_manifest()),
            annotations={"mtls.clb-operator.dev/paused": "true"},
        )
    )
    before = world.written()
    await world.settle()
    assert world.written() == before


async def test_a_failing_pass_keeps_what_is_known_of_the_listener() -> None:
    world = await settled(listener_manifest())
    before = world.condition(LISTENER, "api", "Programmed")
    assert before is not None
    world.balancers.balancers[BALANCER] = replace(world.balancers.balancers[BALANCER], tags={})
    await world.settle()
    assert ready(world, LISTENER, "api")[0] == "False"
    assert world.condition(LISTENER, "api", "Programmed") == before
