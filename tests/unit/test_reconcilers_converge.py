"""World → passes → world: what the three kinds make, and that a second pass makes nothing."""

from builders import authority_manifest, client_cert_manifest, listener_manifest, node
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import CertificateKind


def whole_world() -> World:
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(authority_manifest(), client_cert_manifest(), listener_manifest())
    return world


async def test_everything_becomes_ready() -> None:
    world = whole_world()
    await world.settle()
    for kind, name in (
        (Kind.CERTIFICATE_AUTHORITY, "clients"),
        (Kind.CLIENT_CERT, "payments"),
        (Kind.MUTUAL_TLS_LISTENER, "api"),
    ):
        ready = world.condition(kind, name, "Ready")
        assert ready is not None
        assert ready["status"] == "True", ready


async def test_a_pass_over_what_is_in_order_writes_nothing_on_either_side() -> None:
    world = whole_world()
    await world.settle()
    written = world.written()
    world.restart()
    await world.settle()
    assert world.faults.writes[written - len(world.recorder.events) :] == []
    assert world.written() == written


async def test_a_client_certificate_takes_two_writes() -> None:
    world = World()
    world.apply(authority_manifest())
    await world.settle()
    before = len(world.faults.writes)
    world.apply(client_cert_manifest())
    await world.settle()
    written = world.faults.writes[before:]
    shared = {"create config map edge/clients-ledger-0", "apply status CertificateAuthority edge/clients"}
    assert [write for write in written if write not in shared] == [
        "create secret edge/payments", "apply status ClientCert edge/payments",
    ]  # fmt: skip


async def test_the_cloud_ends_up_with_one_closed_listener_and_one_upload_of_each_certificate() -> None:
    world = whole_world()
    await world.settle()
    (listener,) = world.balancers.on(BALANCER)
    by_kind = {u.certificate.kind: u.certificate.id for u in world.store.uploads.values()}
    assert len(world.store.uploads) == 2
    assert listener.tls is not None
    assert listener.tls.admits_only(by_kind[CertificateKind.CA])
    assert listener.tls.certificate_id == by_kind[CertificateKind.SERVER]
    assert [str(t.endpoint) for t in listener.rules[0].targets] == [
        "ins-00000001:30080",
        "ins-00000002:30080",
    ]


async def test_no_key_of_an_authority_reaches_the_cloud() -> None:
    world = whole_world()
    await world.settle()
    uploads = world.store.uploads.values()
    assert [u.key for u in uploads if u.certificate.kind is CertificateKind.CA] == [""]


async def test_a_secret_that_goes_is_made_again() -> None:
    world = whole_world()
    await world.settle()
    ref = ObjectRef("edge", "payments")
    del world.kube.secrets[ref]
    await world.settle()
    assert world.kube.secrets[ref].data["tls.crt"]
