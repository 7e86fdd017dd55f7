"""What an authority allows is shown as Approved or Denied, and decided anew in each pass."""

from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, client_cert_manifest
from cryptography import x509
from unit.fakes.cluster import Manifest
from unit.fakes.world import World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cluster import Namespace

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
ADMIT_LABELLED = {
    "clientCerts": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"mtls": "allowed"}}}}
}


async def settled(*manifests: Manifest, **authority: Any) -> World:
    world = World()
    world.apply(authority_manifest(**authority), *manifests)
    await world.settle()
    return world


def conditions(world: World, name: str = "payments", namespace: str = "edge") -> dict[str, tuple[str, str]]:
    found = world.status(CERT, name, namespace).get("conditions", [])
    return {c["type"]: (c["status"], c["reason"]) for c in found}


def names_of(world: World, name: str = "payments") -> x509.SubjectAlternativeName:
    pem = world.kube.secrets[ObjectRef("edge", name)].data["tls.crt"]
    extensions = x509.load_pem_x509_certificate(pem).extensions
    return extensions.get_extension_for_class(x509.SubjectAlternativeName).value


async def test_what_the_policy_allows_is_approved_within_the_two_writes() -> None:
    world = await settled()
    before = len(world.faults.writes)
    world.apply(client_cert_manifest())
    await world.settle()
    assert conditions(world) == {"Ready": ("True", "Succeeded"), "Approved": ("True", "PolicyAllows")}
    assert [write for write in world.faults.writes[before:] if "payments" in write] == [
        "create secret edge/payments",
        "apply status ClientCert edge/payments",
    ]


DENIALS: list[tuple[str, Manifest, str]] = [
    ("a name", client_cert_manifest(dnsNames=["bank.example"]), "NameNotAllowed"),
    ("a request", client_cert_manifest(request="QUJD"), "RequestNotAllowed"),
    (
        "metadata",
        client_cert_manifest(secretTemplate={"labels": {"evil.example/x": "y"}}),
        "MetadataNotAllowed",
    ),
    (
        "the authority's own name",
        client_cert_manifest(subject={"commonName": "Root clients"}),
        "NameConflict",
    ),
]


@pytest.mark.parametrize(
    ("manifest", "reason"), [row[1:] for row in DENIALS], ids=[row[0] for row in DENIALS]
)
async def test_a_denial_is_a_condition_of_its_own_and_no_approval(manifest: Manifest, reason: str) -> None:
    world = await settled(manifest)
    assert conditions(world) == {
        "Ready": ("False", reason),
        "Stalled": ("True", reason),
        "Denied": ("True", reason),
    }
    assert ObjectRef("edge", "payments") not in world.kube.secrets
    written = world.written()
    await world.settle()
    assert world.written() == written


async def test_what_is_allowed_again_is_denied_no_longer_even_before_it_is_issued() -> None:
    world = await settled(client_cert_manifest(dnsNames=["bank.example"]))
    key = world.kube.secrets.pop(ObjectRef("edge", "clients-ca-key"))
    world.apply(client_cert_manifest())
    await world.reconcile(CERT, "payments")
    assert "Denied" not in conditions(world)
    assert conditions(world)["Approved"] == ("True", "PolicyAllows")
    assert conditions(world)["Ready"] == ("False", "AuthorityNotReady")
    world.kube.put_secret(key)
    await world.settle()
    assert conditions(world)["Ready"] == ("True", "Succeeded")


async def test_a_denial_leaves_what_was_issued() -> None:
    world = await settled(client_cert_manifest())
    issued = world.kube.secrets[ObjectRef("edge", "payments")]
    world.apply(authority_manifest(clientCertPolicy={"allowedCommonNames": ["nobody"]}))
    world.clock.advance(timedelta(days=80))
    await world.settle()
    assert conditions(world)["Denied"] == ("True", "NameNotAllowed")
    assert world.kube.secrets[issued.ref] == issued


async def test_a_listed_domain_is_put_on_the_secret() -> None:
    world = World()
    world.domains = ("acme.example",)
    world.restart()
    world.apply(
        authority_manifest(),
        client_cert_manifest(secretTemplate={"labels": {"ops.acme.example/team": "a"}}),
    )
    await world.settle()
    assert world.kube.secrets[ObjectRef("edge", "payments")].labels["ops.acme.example/team"] == "a"


async def test_the_next_in_rank_is_served_when_one_goes() -> None:
    world = await settled(clientCertPolicy={"maxPerNamespace": 2})
    for name in ("first", "second", "third"):
        world.apply(client_cert_manifest(name))
        world.clock.advance(timedelta(seconds=1))
    await world.settle()
    assert conditions(world, "second")["Ready"] == ("True", "Succeeded")
    assert conditions(world, "third")["Denied"] == ("True", "QuotaExceeded")
    world.kube.delete(CERT, ObjectRef("edge", "first"))
    await world.settle()
    assert conditions(world, "third") == {
        "Ready": ("True", "Succeeded"),
        "Approved": ("True", "PolicyAllows"),
    }


async def test_a_quota_that_shrinks_refuses_the_youngest_and_takes_nothing_away() -> None:
    world = await settled(client_cert_manifest("first"))
    world.clock.advance(timedelta(seconds=1))
    world.apply(client_cert_manifest("second"))
    await world.settle()
    world.apply(authority_manifest(clientCertPolicy={"maxPerNamespace": 1}))
    await world.settle()
    assert conditions(world, "first")["Ready"] == ("True", "Succeeded")
    assert conditions(world, "second")["Denied"] == ("True", "QuotaExceeded")
    assert ObjectRef("edge", "second") in world.kube.secrets


async def test_a_trust_domain_gives_each_certificate_its_one_uri() -> None:
    world = await settled(client_cert_manifest(), trustDomain="acme.example")
    assert names_of(world).get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://acme.example/ns/edge/clientcert/payments"
    ]
    assert len(names_of(world)) == 1


async def test_a_trust_domain_that_is_set_later_issues_anew() -> None:
    world = await settled(client_cert_manifest())
    world.apply(authority_manifest(trustDomain="acme.example"))
    await world.settle()
    assert "spiffe://acme.example/ns/edge/clientcert/payments" in str(names_of(world))
    assert world.status(CERT, "payments")["revision"] == 2


@pytest.mark.parametrize(
    "uri",
    ["spiffe://acme.example/ns/prod/clientcert/bank", "spiffe://acme.example/ns/edge/clientcert/payments"],
    ids=["somebody else's", "its own"],
)
async def test_with_a_trust_domain_no_uri_can_be_chosen(uri: str) -> None:
    policy = {"allowedURIs": [uri]}
    world = await settled(
        client_cert_manifest(uris=[uri]), trustDomain="acme.example", clientCertPolicy=policy
    )
    assert conditions(world)["Denied"] == ("True", "NameNotAllowed")
    message = world.status(CERT, "payments")["conditions"][0]["message"]
    assert f"trustDomain does not allow '{uri}'" in message


async def test_revocation_lists_are_named_in_the_certificate() -> None:
    points = ["http://lists.acme.example/g${generation}.crl"]
    world = await settled(client_cert_manifest(), crl={"distributionPoints": points})
    pem = world.kube.secrets[ObjectRef("edge", "payments")].data["tls.crt"]
    found = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.CRLDistributionPoints)
    assert "http://lists.acme.example/g1.crl" in str(found.value)


def in_prod(**labels: str) -> Namespace:
    return Namespace(name="prod", labels=labels)


async def across_namespaces(labels: dict[str, str]) -> World:
    world = World()
    world.kube.namespaces["prod"] = in_prod(**labels)
    world.apply(
        authority_manifest(access=ADMIT_LABELLED),
        client_cert_manifest(namespace="prod", caRef={"name": "clients", "namespace": "edge"}),
    )
    await world.settle()
    return world


async def test_a_label_that_was_taken_away_counts_before_the_watch_says_so() -> None:
    world = await across_namespaces({})
    world.view.held_namespaces["prod"] = in_prod(mtls="allowed")
    await world.settle()
    assert conditions(world, namespace="prod")["Denied"] == ("True", "NamespaceNotAllowed")
    assert ObjectRef("prod", "payments") not in world.kube.secrets


async def test_a_label_that_is_set_admits() -> None:
    world = await across_namespaces({})
    assert conditions(world, namespace="prod")["Denied"] == ("True", "NamespaceNotAllowed")
    world.kube.namespaces["prod"] = in_prod(mtls="allowed")
    await world.settle()
    assert conditions(world, namespace="prod")["Ready"] == ("True", "Succeeded")


@pytest.mark.parametrize("is_watch_behind", [False, True], ids=["the watch knows", "the watch is behind"])
async def test_a_label_that_is_taken_away_stops_renewal_and_leaves_the_certificate(
    is_watch_behind: bool,  # noqa: FBT001 - a table's column
) -> None:
    world = await across_namespaces({"mtls": "allowed"})
    issued = world.kube.secrets[ObjectRef("prod", "payments")]
    if is_watch_behind:
        world.view.held_namespaces["prod"] = in_prod(mtls="allowed")
    world.kube.namespaces["prod"] = in_prod()
    world.clock.advance(timedelta(days=80))
    await world.settle()
    assert conditions(world, namespace="prod")["Denied"] == ("True", "NamespaceNotAllowed")
    assert world.kube.secrets[issued.ref] == issued
