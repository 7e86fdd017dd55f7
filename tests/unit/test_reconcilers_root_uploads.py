"""The upload of a root is its authority's: found again after a restore, shared with no other authority."""

from datetime import timedelta

from builders import NOW, authority_manifest, listener_manifest, node
from unit.fakes.world import World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import CertificateKind
from mtls_operator.core.cluster import Secret
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, key_to_pem
from mtls_operator.pki.names import Subject
from mtls_operator.pki.roots import issue_root

LISTENER, AUTHORITY = Kind.MUTUAL_TLS_LISTENER, Kind.CERTIFICATE_AUTHORITY


async def settled() -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), listener_manifest(drainPeriod="0s"))
    await world.settle()
    return world


async def test_a_root_that_was_uploaded_before_a_restore_is_used_again() -> None:
    world = await settled()
    before = dict(world.store.uploads)
    body = world.kube.objects[AUTHORITY, ObjectRef("edge", "clients")]
    body["metadata"]["uid"] = "another-life"
    await world.settle()
    assert world.store.uploads == before
    world.kube.delete(LISTENER, ObjectRef("edge", "api"))
    world.kube.delete(AUTHORITY, ObjectRef("edge", "clients"))
    await world.settle()
    assert world.store.uploads == {}


async def test_two_authorities_with_the_same_root_have_an_upload_each() -> None:
    """So that either can go, while the other's listeners go on."""
    world = World()
    world.view.held_nodes = [node(1)]
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, 256))
    root = issue_root(subject=Subject("Corporate Root"), key=key, duration=timedelta(days=3650), now=NOW)
    data = {"tls.crt": chain_to_pem((root,)), "tls.key": key_to_pem(key)}
    world.kube.put_secret(Secret(ref=ObjectRef("edge", "corporate"), type="kubernetes.io/tls", data=data))
    source = {"secretRef": {"name": "corporate"}}
    world.apply(
        authority_manifest("clients", source=source),
        authority_manifest("partners", source=source),
        listener_manifest("api", ca="clients", port=443, drainPeriod="0s"),
        listener_manifest("shop", ca="partners", port=9443, drainPeriod="0s"),
    )
    await world.settle()
    roots = {
        u.certificate.owner.name
        for u in world.store.uploads.values()
        if u.certificate.kind is CertificateKind.CA
    }
    assert roots == {"clients", "partners"}
