"""Worlds in order, from which the examples of the fail-closed property start."""

import asyncio
import copy
from typing import Any

import foreign_pki
from builders import FAST_KEY, authority_manifest, domain_manifest, health_check, listener_manifest, node
from unit.fakes.world import BALANCER, World

from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    Listener,
    ListenerId,
    LocationId,
    Rule,
    Target,
    TlsBinding,
)

NAMES = ("a.acme.example", "b.acme.example", "c.acme.example")
STRANGER = CertId("cert-stranger")
FOREIGN = Listener(
    id=ListenerId("lbl-foreign"),
    name="somebody else's",
    protocol="HTTPS",
    port=8443,
    sni=False,
    tls=TlsBinding(mutual=False, required=False, certificate_id=STRANGER, ca_certificate_id=None),
    create_time="2020-01-01 00:00:00",
    rules=(
        Rule(
            id=LocationId("loc-foreign"),
            domain=NAMES[0],
            path="/",
            default=True,
            http2=False,
            scheduler="IP_HASH",
            backend_protocol="HTTP",
            session_seconds=0,
            health_check=health_check(enabled=False, codes=frozenset()),
            tls=None,
            targets=(Target(endpoint=Endpoint(instance_id="ins-9", port=30080), weight=7),),
        ),
    ),
)
"""Somebody else's, with a domain of the same name as one of ours."""
SINGLE: dict[str, Any] = {"issue": {"privateKey": FAST_KEY}}
PAIR: dict[str, Any] = {"issue": {"privateKey": FAST_KEY, "additional": "RSA"}}
PURCHASED: dict[str, Any] = {"secretRef": {"name": "purchased"}}


def listener(*names: str, sni: bool, source: dict[str, Any]) -> dict[str, Any]:
    tls = {"caRef": {"name": "clients"}, "serverCertificate": source}
    return listener_manifest("api", *(domain_manifest(name) for name in names), sni=sni, tls=tls)


def paired(*, sni: bool) -> World:
    """Return a converged world with a pair for each domain: every key that an example may need is made."""
    world = World()
    world.kube.put_secret(foreign_pki.server(*NAMES, by=foreign_pki.authority()).secret())
    world.view.held_nodes = [node(1), node(2)]
    world.balancers.put(BALANCER, FOREIGN)
    # A listener of the other authority keeps its upload in the cloud.
    other = listener_manifest("other", ca="partners", port=9443)
    world.apply(
        authority_manifest("clients"),
        authority_manifest("partners"),
        listener(*NAMES, sni=sni, source=PAIR),
        other,
    )
    asyncio.run(world.settle(4))
    return world


def single(pairs: World, *, sni: bool) -> World:
    """Return the same with two domains and a certificate each; the other keys are put back into Secrets."""
    world = copied(pairs)
    world.apply(listener(*NAMES[:2], sni=sni, source=SINGLE))
    asyncio.run(world.settle(2))
    world.kube.secrets |= pairs.kube.secrets
    return world


def copied(old: World) -> World:
    """Return a copy of a converged world; certificates and keys are immutable and shared."""
    new = World()
    new.kube.objects = copy.deepcopy(old.kube.objects)
    new.kube.secrets = dict(old.kube.secrets)
    new.kube.config_maps = dict(old.kube.config_maps)
    new.store.uploads = dict(old.store.uploads)
    new.balancers.state = dict(old.balancers.state)
    new.view.held_nodes = list(old.view.held_nodes)
    skip = 1000  # ids made from here on differ from those that the copy brings along
    for fresh, used in (
        (new.kube._versions, old.kube._versions),
        (new.store._ids, old.store._ids),
        (new.balancers._ids, old.balancers._ids),
    ):
        for _ in range(next(used) + skip):
            next(fresh)
    return new


PAIRED = {sni: paired(sni=sni) for sni in (False, True)}
ALONE = {sni: single(PAIRED[sni], sni=sni) for sni in (False, True)}
