"""A listener as a person made it in the console, alike to what a manifest asks for."""

from dataclasses import replace
from typing import Any, Final

import foreign_pki
from builders import authority_manifest, listener_manifest, node
from unit.fakes.cluster import Manifest
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import CertId, Listener, TlsBinding

REF: Final = ObjectRef("edge", "api")
CA: Final = CertId("ca-by-hand")
SERVER: Final = CertId("server-by-hand")
DOMAIN: Final = "api.acme.example"
PURCHASED: Final = {"secretRef": {"name": "purchased"}}


def manifest(policy: str = "IfIdentical", **spec: Any) -> Manifest:
    tls = {"caRef": {"name": "clients"}, "serverCertificate": PURCHASED}
    return listener_manifest("api", **{"tls": tls, "adoptionPolicy": policy, **spec})


def made_by_hand(**spec: Any) -> World:
    """Return a world in which the cloud has a listener with somebody else's uploads, and no object for it."""
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.kube.put_secret(foreign_pki.server(DOMAIN, by=foreign_pki.authority()).secret())
    world.apply(authority_manifest(), manifest(**spec))
    return world


async def abandoned(**spec: Any) -> World:
    """Let the operator make the listener, then make it somebody else's: name, uploads and object."""
    world = made_by_hand(**spec)
    await world.settle()
    (listener,) = world.balancers.on(BALANCER)
    world.store.foreign = {
        CA if upload.certificate.kind.value == "CA" else SERVER: upload.chain
        for upload in world.store.uploads.values()
    }
    world.store.uploads.clear()
    world.balancers.put(BALANCER, _handed_over(listener))
    for key in [(Kind.MUTUAL_TLS_LISTENER, REF), (Kind.CERTIFICATE_AUTHORITY, ObjectRef("edge", "clients"))]:
        world.kube.objects[key].pop("status")
    del world.kube.objects[Kind.MUTUAL_TLS_LISTENER, REF]
    world.recorder.events.clear()
    world.faults.cloud_writes.clear()
    return world


def _handed_over(listener: Listener) -> Listener:
    rules = tuple(replace(rule, tls=_foreign(rule.tls)) for rule in listener.rules)
    return replace(listener, name="by hand", tls=_foreign(listener.tls), rules=rules)


def _foreign(binding: TlsBinding | None) -> TlsBinding | None:
    return None if binding is None else replace(binding, certificate_id=SERVER, ca_certificate_id=CA)


def listener_of(world: World) -> Listener:
    (listener,) = world.balancers.on(BALANCER)
    return listener
