"""A server certificate that somebody else keeps is followed, checked, and never written."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, Manifest, authority_manifest, domain_manifest, listener_manifest, node
from cryptography.x509.oid import ExtendedKeyUsageOID
from foreign_pki import KeyPair, authority, server
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import OWNER_KIND_LABEL, Kind, ObjectRef
from mtls_operator.core.cloud import CertificateKind, Listener
from mtls_operator.core.cluster import Secret
from mtls_operator.core.outcome import Done
from mtls_operator.pki.text import normalise_pem

LISTENER = Kind.MUTUAL_TLS_LISTENER
PURCHASED = ObjectRef("edge", "purchased")
DAY = timedelta(days=1)
ROOT = authority()
MIDDLE = authority("Foreign Intermediate", by=ROOT)
DOMAINS = ("api.acme.example", "*.shop.example")
LEAF = server(*DOMAINS, by=MIDDLE, send=[MIDDLE])
RENEWED = server(*DOMAINS, by=MIDDLE, send=[MIDDLE])


def domains() -> list[Manifest]:
    unprobed = {"path": "/", "backends": [{"nodePort": 30080}], "healthCheck": {"enabled": False}}
    return [domain_manifest(name, unprobed) for name in DOMAINS]


def manifest(name: str = "api", source: Manifest | None = None, **spec: Any) -> Manifest:
    chosen = {"secretRef": {"name": "purchased"}} if source is None else source
    tls = {"caRef": {"name": "clients"}, "serverCertificate": chosen}
    return listener_manifest(name, *domains(), tls=tls, drainPeriod="0s", **spec)


async def settled(*secrets: Secret, sni: bool = False) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    for secret in secrets:
        world.kube.put_secret(secret)
    world.apply(authority_manifest(), manifest(sni=sni))
    await world.settle()
    return world


def ours(world: World, port: int = 443) -> Listener:
    (listener,) = [known for known in world.balancers.on(BALANCER) if known.port == port]
    return listener


def ready(world: World, name: str = "api") -> tuple[str, str]:
    condition = world.condition(LISTENER, name, "Ready")
    assert condition is not None
    return condition["status"], condition["reason"]


def chains(world: World) -> list[str]:
    """Return what was uploaded as server certificates."""
    return [u.chain for u in world.store.uploads.values() if u.certificate.kind is CertificateKind.SERVER]


def text(pair: KeyPair) -> str:
    return normalise_pem(pair.chain_pem.decode())


@pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])
async def test_it_is_uploaded_once_with_its_chain_and_bound(sni: bool) -> None:  # noqa: FBT001
    world = await settled(LEAF.secret(), sni=sni)
    assert ready(world)[0] == "True"
    assert chains(world) == [text(LEAF)]
    (upload,) = [u for u in world.store.uploads.values() if u.certificate.kind is CertificateKind.SERVER]
    tls = [rule.tls for rule in ours(world).rules] if sni else [ours(world).tls]
    assert [one.server for one in tls if one] == [(upload.certificate.id,)] * len(tls)
    assert "PRIVATE KEY" in upload.key
    assert [ref.name for ref in world.kube.secrets if ref.name.startswith("api-server")] == []
    assert world.status(LISTENER, "api")["notAfter"] == "2027-11-23T12:00:00Z"


async def test_a_second_pass_writes_nothing() -> None:
    world = await settled(LEAF.secret())
    before = world.written()
    await world.settle()
    assert world.written() == before


async def test_the_secret_itself_is_never_written() -> None:
    world = await settled(LEAF.secret())
    before = world.kube.secrets[PURCHASED]
    world.kube.delete(LISTENER, ObjectRef("edge", "api"))
    await world.settle()
    assert world.kube.secrets[PURCHASED] == before
    assert world.balancers.state == {}
    assert chains(world) == []


async def test_a_renewed_certificate_is_uploaded_and_bound_and_the_old_upload_goes_last() -> None:
    world = await settled(LEAF.secret())
    before = len(world.faults.cloud_writes)
    world.kube.put_secret(RENEWED.secret())
    await world.settle()
    kinds = [write.split()[0] for write in world.faults.cloud_writes[before:]]
    assert kinds == ["UploadCertificate", "bind", "DeleteCertificate"]
    assert chains(world) == [text(RENEWED)]


async def test_an_intermediate_that_was_forgotten_and_added_later_is_sent_too() -> None:
    leaf_alone = replace(LEAF, above=())
    world = await settled(leaf_alone.secret())
    assert chains(world) == [text(leaf_alone)]
    world.kube.put_secret(LEAF.secret())
    await world.settle()
    assert chains(world) == [text(LEAF)]


async def test_nothing_but_certificates_goes_into_the_chain() -> None:
    secret = LEAF.secret()
    combined = {**secret.data, "tls.crt": LEAF.chain_pem + LEAF.key_pem}
    world = await settled(replace(secret, data=combined))
    assert chains(world) == [text(LEAF)]


def bad(*names: str, **fields: Any) -> Secret:
    return server(*(names or DOMAINS), by=ROOT, **fields).secret()


REFUSALS: list[tuple[str, Secret | None, str]] = [
    ("no Secret", None, "SecretNotFound"),
    ("another type", replace(LEAF.secret(), type="Opaque"), "SecretNotUsable"),
    ("a damaged chain", replace(LEAF.secret(), data={"tls.crt": b"", "tls.key": b""}), "SecretNotUsable"),
    ("another key", replace(LEAF.secret(), data={**LEAF.secret().data, "tls.key": ROOT.key_pem}),
     "SecretNotUsable"),
    ("an authority", bad(is_authority=True), "CertificateNotForServers"),
    ("an authority's key by its label", replace(
        LEAF.secret(), labels={OWNER_KIND_LABEL: "CertificateAuthority"}), "CertificateNotForServers"),
    ("a client's certificate", bad(usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)), "CertificateNotForServers"),
    ("another name", bad("api.acme.example", "shop.example"), "DomainNotCovered"),
    ("an expired certificate", bad(begin=NOW - 2 * DAY, lasts=DAY), "CertificateExpired"),
    ("a certificate of tomorrow", bad(begin=NOW + DAY), "CertificateNotYetValid"),
]  # fmt: skip
EACH = pytest.mark.parametrize(
    ("secret", "reason"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)


@EACH
async def test_it_is_refused_with_nothing_in_the_cloud_and_taken_once_the_cause_is_gone(
    secret: Secret | None, reason: str
) -> None:
    world = await settled(*([secret] if secret else []))
    assert ready(world) == ("False", reason)
    assert world.balancers.state == {}
    assert chains(world) == []
    world.kube.put_secret(LEAF.secret())
    await world.settle()
    assert ready(world)[0] == "True"
    assert chains(world) == [text(LEAF)]


@EACH
async def test_what_becomes_unusable_leaves_the_listener_with_the_certificate_it_has(
    secret: Secret | None, reason: str
) -> None:
    world = await settled(LEAF.secret())
    before = ours(world)
    if secret is None:
        del world.kube.secrets[PURCHASED]
    else:
        world.kube.put_secret(secret)
    await world.settle()
    assert ready(world) == ("False", reason)
    assert ours(world) == before
    assert chains(world) == [text(LEAF)]


async def test_a_door_is_closed_although_the_secret_is_gone() -> None:
    world = await settled(LEAF.secret())
    right = ours(world).tls
    assert right is not None
    del world.kube.secrets[PURCHASED]
    world.balancers.edit(ours(world).id, lambda known: replace(known, tls=replace(right, required=False)))
    await world.settle()
    assert ours(world).tls == right


async def test_ready_turns_false_by_itself_when_the_certificate_ends() -> None:
    short = server(*DOMAINS, by=ROOT, lasts=10 * DAY)
    world = await settled(short.secret())
    outcome = await world.reconcile(LISTENER, "api")
    assert isinstance(outcome, Done)
    assert outcome.after == 10 * DAY
    world.clock.advance(outcome.after)
    await world.settle(1)
    assert ready(world) == ("False", "CertificateExpired")


ISSUED: Manifest = {"issue": {"privateKey": {"algorithm": "ECDSA"}}}


@pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])
async def test_the_source_changes_in_place_both_ways(sni: bool) -> None:  # noqa: FBT001
    """The wildcard and the plain domain share a purchased certificate; each is issued its own with SNI."""
    world = await settled(LEAF.secret(), sni=sni)
    known = ours(world).id
    for source, count in ((ISSUED, 2 if sni else 1), (None, 1)):
        world.apply(manifest(source=source, sni=sni))
        await world.settle()
        assert ready(world)[0] == "True"
        assert len(chains(world)) == count
        assert ours(world).id == known
    assert chains(world) == [text(LEAF)]


async def two_listeners(world: World) -> None:
    world.apply(manifest("shop", port=9443))
    await world.settle()


def only_shop(world: World) -> None:
    world.kube.delete(LISTENER, ObjectRef("edge", "api"))


def issue_api(world: World) -> None:
    world.apply(manifest(source=ISSUED))


@pytest.mark.parametrize("part", [only_shop, issue_api], ids=["it is deleted", "it gets another source"])
async def test_a_listener_that_parts_with_a_shared_certificate_leaves_the_upload_to_the_other(
    part: Callable[[World], None],
) -> None:
    world = await settled(LEAF.secret())
    await two_listeners(world)
    assert chains(world) == [text(LEAF)]
    kept = ours(world, 9443)
    part(world)
    await world.settle()
    assert chains(world).count(text(LEAF)) == 1
    assert ours(world, 9443) == kept
    assert ready(world, "shop")[0] == "True"
    before = world.written()
    await world.settle()
    assert world.written() == before
