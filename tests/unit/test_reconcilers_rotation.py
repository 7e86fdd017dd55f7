"""A root is replaced phase by phase, and at no moment is a client or a server refused that should not be."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, client_cert_manifest, listener_manifest, node
from cryptography import x509
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import ROTATE_ANNOTATION, Kind, ObjectRef
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import load_chain
from mtls_operator.pki.pkcs12 import opens_pkcs12
from mtls_operator.pki.profiles import Usage
from mtls_operator.pki.verify import verify_leaf

CA, CERT, LISTENER = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT, Kind.MUTUAL_TLS_LISTENER
PAYMENTS, SERVER = ObjectRef("edge", "payments"), ObjectRef("edge", "api-server")
QUICK = {"minimumSoak": "1h", "overlap": "10h"}
Chain = Sequence[x509.Certificate]


async def settled(*more: dict[str, Any], **rotation: Any) -> World:
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(
        authority_manifest(rotation={**QUICK, **rotation}), client_cert_manifest(), listener_manifest(), *more
    )
    await world.settle()
    assert phase(world) == "Stable"
    return world


def ask(world: World, value: str = "now") -> None:
    """Set the annotation, as kubectl annotate does."""
    world.kube.objects[CA, ObjectRef("edge", "clients")]["metadata"]["annotations"][ROTATE_ANNOTATION] = value


def phase(world: World) -> str:
    return str(world.status(CA, "clients")["rotation"]["phase"])


def chain_of(world: World, ref: ObjectRef = PAYMENTS) -> Chain:
    return load_chain(world.kube.secrets[ref].data["tls.crt"])


def trusted(world: World, ref: ObjectRef = PAYMENTS) -> Chain:
    return load_chain(world.kube.secrets[ref].data["ca.crt"])


def admitted_roots(world: World) -> Chain:
    """What the load balancer verifies clients with."""
    (listener,) = world.balancers.on(BALANCER)
    assert listener.tls is not None
    upload = next(
        u for u in world.store.uploads.values() if u.certificate.id == listener.tls.ca_certificate_id
    )
    return load_chain(upload.chain)


def served(world: World) -> Chain:
    """What the load balancer shows."""
    (listener,) = world.balancers.on(BALANCER)
    assert listener.tls is not None
    upload = next(u for u in world.store.uploads.values() if u.certificate.id == listener.tls.certificate_id)
    return load_chain(upload.chain)


def gets_in(world: World, chain: Chain) -> bool:
    return _verifies(chain, admitted_roots(world), world, Usage.CLIENT)


def is_believed(world: World, roots: Chain) -> bool:
    """Whether a client that trusts these roots believes the server."""
    return _verifies(served(world), roots, world, Usage.SERVER)


def _verifies(chain: Chain, roots: Chain, world: World, usage: Usage) -> bool:
    try:
        verify_leaf(chain, roots, world.clock.now(), usage)
    except PkiError:
        return False
    return True


async def test_a_cross_signed_rotation_refuses_nobody_before_the_switch_and_the_old_one_after_it() -> None:
    world = await settled()
    old_client, old_roots = chain_of(world), trusted(world)
    ask(world)
    await world.settle()
    assert phase(world) == "Soak"
    new_client = chain_of(world)
    assert new_client[0] != old_client[0]
    assert len(new_client) == 2
    assert len(trusted(world)) == 2
    assert gets_in(world, old_client)
    assert gets_in(world, new_client)
    assert is_believed(world, old_roots)
    assert is_believed(world, trusted(world)[1:])
    world.clock.advance(timedelta(hours=2))
    await world.settle()
    assert phase(world) == "Soak"
    assert world.status(CA, "clients")["rotation"]["remaining"] == ["edge/payments"]
    world.clock.advance(timedelta(hours=9))
    await world.settle(5)
    assert phase(world) == "Stable"
    assert not gets_in(world, old_client)
    assert gets_in(world, new_client)
    assert is_believed(world, old_roots)
    assert len(world.store.uploads) == 2
    reasons = [
        event.reason for event in world.recorder.events if event.key.startswith("CertificateAuthority")
    ]
    assert reasons[0] == "RotationStarted"
    assert reasons[-1] == "RotationFinished"
    assert "edge/payments" in next(e.message for e in world.recorder.events if e.type == "Warning")


async def test_the_pkcs12_file_carries_the_cross_certificate_and_not_the_root_that_it_is_a_copy_of() -> None:
    world = await settled()
    ask(world)
    await world.settle()
    data = world.kube.secrets[PAYMENTS].data
    contents = opens_pkcs12(data["client.p12"], data["client.p12-password"].decode())
    assert contents is not None
    old, _ = trusted(world)
    assert (contents.certificate, *contents.chain) == (*chain_of(world), old)


async def test_a_second_pass_in_every_phase_writes_nothing() -> None:
    world = await settled()
    ask(world)
    for step in (timedelta(), timedelta(hours=2), timedelta(hours=9)):
        world.clock.advance(step)
        await world.settle(5)
        written = world.written()
        await world.settle()
        assert world.faults.writes[written - len(world.recorder.events) :] == []
        assert world.written() == written


async def test_the_switch_does_not_wait_once_no_old_certificate_is_left() -> None:
    world = await settled()
    world.kube.apply(client_cert_manifest(duration="3h"))
    await world.settle()
    world.clock.advance(timedelta(days=91))  # what it had before, for 90 days, has ended
    await world.settle()
    ask(world)
    await world.settle()
    assert phase(world) == "Soak"
    world.clock.advance(timedelta(hours=4))
    await world.settle(5)
    assert phase(world) == "Stable"


async def test_an_old_certificate_of_an_object_that_is_gone_counts() -> None:
    world = await settled()
    world.kube.delete(CERT, PAYMENTS)
    ask(world)
    await world.settle()
    world.clock.advance(timedelta(hours=2))
    await world.settle()
    assert phase(world) == "Soak"
    assert world.status(CA, "clients")["rotation"]["remaining"] == ["edge/payments"]


async def test_the_same_key_gets_a_new_certificate_and_every_old_one_stays_valid() -> None:
    world = await settled(strategy="SameKey")
    old_client, old_roots = chain_of(world), trusted(world)
    ask(world)
    await world.settle()
    world.clock.advance(timedelta(hours=2))
    await world.settle(5)
    assert phase(world) == "Stable"
    assert chain_of(world)[0] == old_client[0]
    assert gets_in(world, old_client)
    assert is_believed(world, old_roots)
    assert admitted_roots(world)[0] != old_roots[0]


async def test_by_bundle_the_listener_trusts_both_roots_until_the_switch() -> None:
    world = await settled(strategy="Bundle")
    old_client, old_roots = chain_of(world), trusted(world)
    ask(world)
    await world.settle(5)
    assert phase(world) == "Soak"
    assert len(admitted_roots(world)) == 2
    new_client = chain_of(world)
    assert new_client[0] != old_client[0]
    assert gets_in(world, old_client)
    assert gets_in(world, new_client)
    assert is_believed(world, old_roots)
    world.clock.advance(timedelta(hours=11))
    await world.settle(5)
    assert phase(world) == "Stable"
    assert len(admitted_roots(world)) == 1
    assert gets_in(world, new_client)
    assert not gets_in(world, old_client)
    assert is_believed(world, trusted(world))


async def test_an_eviction_does_not_wait() -> None:
    world = await settled()
    old_client = chain_of(world)
    ask(world, "evict-1")
    await world.settle(6)
    assert phase(world) == "Stable"
    assert not gets_in(world, old_client)
    assert gets_in(world, chain_of(world))


async def test_an_eviction_soaks_as_asked() -> None:
    world = await settled()
    ask(world, "evict-1;soak=10m")
    await world.settle(6)
    assert phase(world) == "Soak"
    world.clock.advance(timedelta(minutes=11))
    await world.settle(6)
    assert phase(world) == "Stable"


@pytest.mark.parametrize(
    ("rotation", "token", "sentence"),
    [
        ({"strategy": "SameKey"}, "evict-1", "an eviction needs another key"),
        ({}, "evict-1;soak=soon", "'soon', which is no duration"),
    ],
    ids=["an eviction by the same key", "a soak that is no duration"],
)
async def test_what_cannot_be_done_is_said_and_the_root_stays(
    rotation: dict[str, Any], token: str, sentence: str
) -> None:
    world = await settled(**rotation)
    before = admitted_roots(world)
    ask(world, token)
    await world.settle()
    complete = world.condition(CA, "clients", "RotationComplete")
    assert complete is not None
    assert complete["reason"] == "RotationNotPossible"
    assert sentence in complete["message"]
    assert admitted_roots(world) == before
    ready = world.condition(CA, "clients", "Ready")
    assert ready is not None
    assert ready["status"] == "True"


async def test_a_second_request_waits_for_the_first_rotation() -> None:
    world = await settled()
    ask(world, "first")
    await world.settle()
    ask(world, "second")
    await world.settle()
    assert [r["generation"] for r in world.status(CA, "clients")["retiring"]] == [1]
    world.clock.advance(timedelta(hours=11))
    await world.settle(6)
    assert phase(world) == "Soak"
    assert [r["generation"] for r in world.status(CA, "clients")["retiring"]] == [1, 2]
    assert is_believed(world, trusted(world)[:1])


async def test_it_rotates_by_itself_when_the_end_comes_near() -> None:
    world = World()
    world.apply(authority_manifest(duration="100h", rotation=QUICK, clientCertPolicy={"maxDuration": "10h"}))
    world.apply(client_cert_manifest(duration="10h"))
    await world.settle()
    world.clock.advance(timedelta(hours=79))
    await world.settle()
    assert phase(world) == "Stable"
    world.clock.advance(timedelta(hours=2))
    await world.settle()
    assert phase(world) == "Soak"
    world.clock.advance(timedelta(hours=25))
    await world.settle(5)
    assert [r["generation"] for r in world.status(CA, "clients").get("retiring", [])] == []
    assert world.status(CA, "clients")["active"]["generation"] == 2
    assert len(trusted(world)) == 1
    assert len(chain_of(world)) == 1


async def test_a_paused_listener_is_named_and_holds_up_the_end_alone() -> None:
    world = await settled()
    old_client = chain_of(world)
    world.kube.objects[LISTENER, ObjectRef("edge", "api")]["metadata"]["annotations"] = {
        "mtls.clb-operator.dev/paused": "true"
    }
    ask(world, "evict-1")
    await world.settle(6)
    assert phase(world) == "Switch"
    assert world.status(CA, "clients")["rotation"]["blockers"] == ["MutualTLSListener edge/api is paused"]
    assert gets_in(world, old_client)
    world.kube.objects[LISTENER, ObjectRef("edge", "api")]["metadata"]["annotations"] = {}
    await world.settle(6)
    assert phase(world) == "Stable"
    assert not gets_in(world, old_client)


async def test_a_paused_client_certificate_is_not_waited_for_and_named() -> None:
    world = await settled()
    world.kube.objects[CERT, PAYMENTS]["metadata"]["annotations"] = {"mtls.clb-operator.dev/paused": "true"}
    ask(world)
    await world.settle()
    assert phase(world) == "Soak"
    assert world.status(CA, "clients")["rotation"]["remaining"] == ["edge/payments"]


async def test_a_paused_authority_stays_where_it_is() -> None:
    world = await settled()
    ask(world)
    await world.settle()
    metadata = world.kube.objects[CA, ObjectRef("edge", "clients")]["metadata"]
    metadata["annotations"]["mtls.clb-operator.dev/paused"] = "true"
    world.clock.advance(timedelta(hours=11))
    await world.settle(5)
    assert phase(world) == "Soak"
    del metadata["annotations"]["mtls.clb-operator.dev/paused"]
    await world.settle(5)
    assert phase(world) == "Stable"


async def test_the_key_of_the_old_root_goes_when_all_that_it_signed_has_ended() -> None:
    world = await settled()
    ask(world)
    await world.settle()
    world.clock.advance(timedelta(hours=11))
    await world.settle(5)
    assert "g1.key" in world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data
    world.clock.advance(timedelta(days=91))
    await world.settle(5)
    data = world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data
    assert "g1.key" not in data
    assert "g1.crt" in data
    published = world.kube.config_maps[ObjectRef("edge", "clients-ca")].data
    last = x509.load_pem_x509_crl(published["g1.crl"].encode())
    assert last.next_update_utc == load_chain(data["g1.crt"])[0].not_valid_after_utc
