"""Nothing that people can read holds a private key or a password."""

import json
import logging

import pytest
from builders import authority_manifest, client_cert_manifest, listener_manifest, node
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import CertificateKind
from mtls_operator.core.cluster import Secret

PASSWORD = "correct-horse-battery"


def everything_readable(world: World) -> str:
    """Return what somebody without the right to read Secrets can see."""
    objects = list(world.kube.objects.values())
    secrets = [
        (str(s.ref), dict(s.labels), dict(s.annotations), repr(s)) for s in world.kube.secrets.values()
    ]
    maps = [(dict(c.data), dict(c.annotations)) for c in world.kube.config_maps.values()]
    uploads = [(u.certificate.owner.name, u.chain, dict(u.tags)) for u in world.store.uploads.values()]
    return (
        json.dumps([objects, secrets, maps, uploads])
        + repr(world.recorder.events)
        + repr(world.faults.writes)
    )


async def test_after_a_run_with_every_fault_no_key_and_no_password_can_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    world, raised = World(), list[BaseException]()
    world.view.held_nodes = [node(1)]
    reference = ObjectRef("edge", "pw")
    world.kube.put_secret(Secret(ref=reference, type="Opaque", data={"password": PASSWORD.encode()}))
    world.apply(
        authority_manifest(),
        client_cert_manifest(pkcs12={"passwordSecretRef": {"name": "pw"}}),
        client_cert_manifest("made"),
        listener_manifest(),
    )
    for number in range(60):
        world.faults.plan(number % 3, list(Fault)[number % len(Fault)])
        try:
            await world.pass_over_all()
        except Crash as crash:
            raised.append(crash)
            world.restart()
    damaged = world.kube.secrets[ObjectRef("edge", "clients-ca-key")]
    broken = damaged.data["g1.key"][:-40]
    world.kube.put_secret(Secret(ref=damaged.ref, type="Opaque", data={**damaged.data, "g1.key": broken},
                                 labels=damaged.labels, annotations=damaged.annotations))  # fmt: skip
    world.faults.clear()
    world.restart()
    await world.settle()

    made = world.kube.secrets[ObjectRef("edge", "made")].data["client.p12-password"].decode()
    seen = everything_readable(world) + caplog.text + "".join(map(repr, raised))
    assert "CAKeyDamaged" in seen
    for secret in ("PRIVATE KEY", PASSWORD, made):
        assert secret not in seen


async def test_only_a_server_certificate_takes_its_own_key_to_the_cloud() -> None:
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), client_cert_manifest(), listener_manifest())
    await world.settle()
    server = world.kube.secrets[ObjectRef("edge", "api-server")].data["tls.key"].decode()
    keys = {u.certificate.kind: u.key for u in world.store.uploads.values()}
    assert keys[CertificateKind.CA] == ""
    assert keys[CertificateKind.SERVER].split() == server.split()
    assert world.condition(Kind.CLIENT_CERT, "payments", "Ready") is not None
