"""Deletion undoes in the right order, and holds up what others need."""

from typing import Any

import pytest
from builders import authority_manifest, client_cert_manifest, listener_manifest, node
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef

CA, CERT, LISTENER = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT, Kind.MUTUAL_TLS_LISTENER
CLIENTS, API = ObjectRef("edge", "clients"), ObjectRef("edge", "api")


async def settled(*, drain: str = "0s", **policy: Any) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(
        authority_manifest(**policy), client_cert_manifest(), listener_manifest(drainPeriod=drain, **policy)
    )
    await world.settle()
    return world


async def test_a_listener_goes_before_its_certificate_and_its_finalizer_last() -> None:
    world = await settled()
    before = len(world.faults.writes)
    world.kube.delete(LISTENER, API)
    await world.settle()
    done = [write.split()[0] for write in world.faults.writes[before:]]
    assert done[:3] == ["DeleteListener", "DeleteCertificate", "remove"]
    assert world.balancers.state == {}
    assert ObjectRef("edge", "api-server") not in world.kube.secrets


async def test_an_authority_that_a_listener_needs_stays_and_names_it() -> None:
    world = await settled()
    world.kube.delete(CA, CLIENTS)
    await world.settle()
    ready = world.condition(CA, "clients", "Ready")
    assert ready is not None
    assert ready["reason"] == "InUse"
    assert "MutualTLSListener edge/api" in ready["message"]
    assert world.condition(CA, "clients", "Reconciling") is not None
    assert ObjectRef("edge", "clients-ca-key") in world.kube.secrets
    assert len(world.store.uploads) == 2


async def test_the_authority_goes_when_the_listener_has_gone() -> None:
    world = await settled()
    world.kube.delete(CA, CLIENTS)
    await world.settle()
    world.kube.delete(LISTENER, API)
    before = len(world.faults.writes)
    await world.settle()
    order = [w for w in world.faults.writes[before:] if not w.startswith(("apply", "remove"))]
    assert [write.split()[0] for write in order] == [
        "DeleteListener", "DeleteCertificate", "DeleteCertificate", "delete", "delete", "delete",
    ]  # fmt: skip
    assert order[-3:] == [
        "delete secret edge/clients-ca-key",
        "delete config map edge/clients-ca",
        "delete config map edge/clients-ledger-0",
    ]
    assert set(world.kube.objects) == {(CERT, ObjectRef("edge", "payments"))}


async def test_an_upload_that_is_bound_elsewhere_stays_and_does_not_hold_its_object_up() -> None:
    world = await settled()
    (known,) = world.balancers.on(BALANCER)
    assert known.tls is not None
    copy = type(known)(
        id=type(known.id)("lbl-copy"),
        name="x",
        protocol="HTTPS",
        port=444,
        sni=False,
        tls=known.tls,
        create_time="t",
    )
    world.balancers.put(BALANCER, copy)
    world.kube.delete(LISTENER, API)
    await world.settle()
    assert (LISTENER, API) not in world.kube.objects
    assert known.tls.certificate_id in world.store.uploads
    (event,) = [e for e in world.recorder.events if e.reason == "CertificateKept"]
    assert event.key == "MutualTLSListener edge/api"
    said = f"certificate {known.tls.certificate_id} stays in the cloud: load balancer {BALANCER} uses it"
    assert event.message == said


async def test_retain_leaves_everything_in_place() -> None:
    world = await settled(deletionPolicy="Retain")
    world.kube.delete(LISTENER, API)
    world.kube.delete(CA, CLIENTS)
    await world.settle()
    assert set(world.kube.objects) == {(CERT, ObjectRef("edge", "payments"))}
    assert len(world.balancers.on(BALANCER)) == 1
    assert len(world.store.uploads) == 2
    assert ObjectRef("edge", "clients-ca-key") in world.kube.secrets


async def test_a_client_certs_secret_goes_with_it_and_nothing_else_is_needed() -> None:
    world = await settled()
    before = len(world.faults.writes)
    world.kube.delete(CERT, ObjectRef("edge", "payments"))
    await world.settle()
    assert ObjectRef("edge", "payments") not in world.kube.secrets
    assert world.faults.writes[before:] == []


@pytest.mark.parametrize("kind", [CA, LISTENER])
async def test_what_reaches_outside_is_held_before_its_first_effect(kind: Kind) -> None:
    world = await settled()
    own = {CA: CLIENTS, LISTENER: API}[kind]
    first = world.faults.writes.index(f"add finalizer {kind} {own}")
    marks = {CA: "clients", LISTENER: "api"}[kind]
    effects = [
        n
        for n, write in enumerate(world.faults.writes)
        if write.startswith(("create", "Create", "Upload")) and f"edge/{marks}" in write
    ]
    assert first < min(effects)
