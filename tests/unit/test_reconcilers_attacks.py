"""What a tenant may try to get more than its own: each attempt is refused, and nothing is issued for it.

The tenant may write ClientCerts, Secrets and status in `team-a`; the authority is `edge/clients`. The
schema refuses some of it earlier; here every attempt reaches the operator.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, client_cert_manifest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from unit.fakes.cluster import Manifest
from unit.fakes.world import World
from unit.signing_requests import csr, new_key

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cluster import Namespace, Secret
from mtls_operator.core.ownership import OWNER_ANNOTATION

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
MINE = ObjectRef("team-a", "payments")
POLICY = {
    "allowedOrganizations": ["Acme"],
    "allowedDNSNames": ["*.${namespace}.acme.example"],
    "allowedURIs": ["spiffe://acme.example/ns/${namespace}/*"],
    "allowedEmailAddresses": ["*@${namespace}.acme.example"],
    "allowedIPRanges": ["10.0.0.0/8"],
}


def request(name: str = "payments", **spec: Any) -> Manifest:
    authority = {"name": "clients", "namespace": "edge"}
    return client_cert_manifest(name, namespace="team-a", **{"caRef": authority, **spec})


async def world_with(*manifests: Manifest) -> World:
    world = World()
    world.kube.namespaces["team-a"] = Namespace(name="team-a", labels={})
    everybody = {"clientCerts": {"namespaces": {"from": "All"}}}
    world.apply(authority_manifest(clientCertPolicy=POLICY, access=everybody), *manifests)
    await world.settle()
    return world


def ready(world: World, name: str = "payments") -> tuple[str, str]:
    found = world.status(CERT, name, "team-a")["conditions"]
    return next((c["status"], c["reason"]) for c in found if c["type"] == "Ready")


def issued(world: World) -> int:
    return sum(len(c.data) for ref, c in world.kube.config_maps.items() if "-ledger-" in ref.name)


def common_name(name: str) -> Manifest:
    return {"subject": {"commonName": name}}


NAMES: list[tuple[str, Manifest]] = [
    ("another team's common name", common_name("payments.team-b")),
    ("another team's common name with ours in front", common_name("payments.team-a.team-b")),
    ("another team's common name behind a delimiter", common_name("payments.team-a@team-b")),
    ("a star for a common name", common_name("*.team-a")),
    ("a pattern for a common name", common_name("*.${namespace}")),
    ("the team in capitals", common_name("payments.TEAM-A")),
    ("a dot at the end", common_name("payments.team-a.")),
    ("an empty label", common_name(".team-a")),
    ("a look-alike of the team", common_name("payments.te\u0430m-a")),
    ("a look-alike of the dot", common_name("payments\u3002team-a")),
    ("a full-width letter", common_name("\uff50ayments.team-a")),
    ("an invisible character", common_name("pay\u200bments.team-a")),
    ("a NUL", common_name("payments\x00.team-a")),
    ("a line break", common_name("payments.team-a\n")),
    ("a second attribute behind a comma", common_name("payments.team-a,O=Bank")),
    ("a second attribute behind an escaped comma", common_name("payments\\,O=Bank.team-a")),
    ("a second attribute behind a plus", common_name("payments+O=Bank.team-a")),
    ("another organization", {"subject": {"organizations": ["Bank"]}}),
    ("an organization with a common name in it", {"subject": {"organizations": ["Acme,CN=root.team-b"]}}),
    ("an empty organization", {"subject": {"organizations": [""]}}),
    ("another organization behind an allowed one", {"subject": {"organizations": ["Acme", "Bank"]}}),
    ("another team's DNS name", {"dnsNames": ["pay.team-b.acme.example"]}),
    ("another team's DNS name behind one of ours", {"dnsNames": ["a.team-a.acme.example", "bank.example"]}),
    ("a wildcard", {"dnsNames": ["*.team-a.acme.example"]}),
    ("a DNS name with a dot at the end", {"dnsNames": ["pay.team-a.acme.example."]}),
    ("a DNS name with a NUL", {"dnsNames": ["pay\x00.team-a.acme.example"]}),
    ("a DNS name with a look-alike", {"dnsNames": ["p\u0430y.team-a.acme.example"]}),
    ("an overlong label", {"dnsNames": ["p" * 64 + ".team-a.acme.example"]}),
    ("an underscore in a host name", {"dnsNames": ["_pay.team-a.acme.example"]}),
    ("another team's URI", {"uris": ["spiffe://acme.example/ns/team-b/pay"]}),
    ("a URI that climbs out", {"uris": ["spiffe://acme.example/ns/team-a/../team-b"]}),
    ("a URI that climbs out in disguise", {"uris": ["spiffe://acme.example/ns/team-a/%2e%2e"]}),
    ("a URI with a user", {"uris": ["spiffe://acme.example@evil.example/ns/team-a/pay"]}),
    ("a URI of another scheme", {"uris": ["https://acme.example/ns/team-a/pay"]}),
    ("another team's e-mail address", {"emailAddresses": ["ops@team-b.acme.example"]}),
    ("an e-mail address with two at signs", {"emailAddresses": ["ops@team-a.acme.example@evil.example"]}),
    ("an IP address outside the ranges", {"ipAddresses": ["192.0.2.1"]}),
    ("an IP address in the clothes of another version", {"ipAddresses": ["::ffff:192.0.2.1"]}),
    ("a range for an IP address", {"ipAddresses": ["10.0.0.0/8"]}),
    ("an IP address with zeros in front", {"ipAddresses": ["010.0.0.1"]}),
]


@pytest.mark.parametrize("spec", [row[1] for row in NAMES], ids=[row[0] for row in NAMES])
async def test_no_name_but_ones_own(spec: Manifest) -> None:
    world = await world_with(request(**spec))
    assert ready(world)[0] == "False"
    assert ready(world)[1] in {"NameNotAllowed", "InvalidSpec"}
    assert MINE not in world.kube.secrets
    assert issued(world) == 0


async def test_a_name_that_is_too_long_for_a_certificate_is_not_cut() -> None:
    world = await world_with(request(**common_name("p" * 58 + ".team-a")))
    assert "status" not in world.kube.objects[CERT, MINE]
    assert issued(world) == 0


WISHES: list[tuple[str, Manifest]] = [
    ("isCA", {"isCA": True}),
    ("usages", {"usages": ["server auth", "cert sign"]}),
    ("a profile", {"profile": "server"}),
    ("an issuer's constraints", {"basicConstraints": {"ca": True}}),
]


@pytest.mark.parametrize("spec", [row[1] for row in WISHES], ids=[row[0] for row in WISHES])
async def test_no_field_makes_more_than_a_client_certificate(spec: Manifest) -> None:
    world = await world_with(request(**spec))
    certificate = x509.load_pem_x509_certificate(world.kube.secrets[MINE].data["tls.crt"])
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


EXTENSIONS: list[tuple[str, x509.ExtensionType]] = [
    ("a CA", x509.BasicConstraints(ca=True, path_length=0)),
    ("a server", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
    ("anything", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])),
    ("another team", x509.SubjectAlternativeName([x509.DNSName("pay.team-b.acme.example")])),
    (
        "an extension of its own",
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.1"), b"\x05\x00"),
    ),
]


@pytest.mark.parametrize("extension", [row[1] for row in EXTENSIONS], ids=[row[0] for row in EXTENSIONS])
async def test_no_request_makes_more_than_the_manifest(extension: x509.ExtensionType) -> None:
    world = await world_with(request(request=csr(new_key(), extension)))
    assert ready(world) == ("False", "RequestNotAllowed")
    assert issued(world) == 0


@pytest.mark.parametrize("what", ["labels", "annotations"])
@pytest.mark.parametrize(
    "name",
    ["argocd.argoproj.io/secret-type", "cert-manager.io/certificate-name", "jenkins.io/credentials-type"],
)
async def test_no_other_controller_is_made_to_take_the_secret_up(what: str, name: str) -> None:
    world = await world_with(request(secretTemplate={what: {name: "x"}}))
    assert ready(world) == ("False", "MetadataNotAllowed")
    assert issued(world) == 0


# Secrets of others.


def foreign(name: str = "payments", namespace: str = "team-a") -> Secret:
    return Secret(ref=ObjectRef(namespace, name), type="Opaque", data={"theirs": b"1"})


async def test_another_objects_secret_is_not_taken_over() -> None:
    world = await world_with(request("victim"))
    before = world.kube.secrets[ObjectRef("team-a", "victim")]
    world.apply(request(secretName="victim"))
    world.clock.advance(timedelta(days=1))
    await world.settle()
    assert ready(world) == ("False", "SecretNameTaken")
    assert world.kube.secrets[before.ref] == before
    assert issued(world) == 1


async def test_a_secret_that_is_made_while_ours_is_issued_is_not_overwritten() -> None:
    world = await world_with()
    world.apply(request())
    world.kube.interrupt(f"secret {MINE}", lambda: world.kube.put_secret(foreign()))
    await world.settle()
    assert ready(world) == ("False", "SecretNameTaken")
    assert world.kube.secrets[MINE].data == {"theirs": b"1"}


async def test_a_secret_that_is_exchanged_while_ours_is_renewed_is_not_overwritten() -> None:
    world = await world_with(request())

    def exchange() -> None:
        del world.kube.secrets[MINE]
        world.kube.put_secret(foreign())

    world.clock.advance(timedelta(days=80))
    world.kube.interrupt(f"secret {MINE}", exchange)
    await world.settle()
    assert ready(world) == ("False", "SecretNameTaken")
    assert world.kube.secrets[MINE].data == {"theirs": b"1"}


async def test_an_object_made_again_under_the_name_does_not_inherit_the_secret() -> None:
    world = await world_with(request())
    before = world.kube.secrets[MINE]
    world.kube.objects[CERT, MINE]["metadata"]["uid"] = "another life"
    await world.settle()
    assert ready(world) == ("False", "SecretNameTaken")
    assert world.kube.secrets[MINE] == before


# The authority's key.


def key_of(world: World) -> bytes:
    return world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data["g1.key"]


def password_from(name: str, key: str, namespace: str = "edge") -> Manifest:
    reference = {"passwordSecretRef": {"name": name, "key": key}}
    return client_cert_manifest(
        "payments", namespace=namespace, pkcs12=reference, caRef={"name": "clients", "namespace": "edge"}
    )


@pytest.mark.parametrize("key", ["g1.key", "g1.crt"])
async def test_the_authoritys_key_is_no_password_not_even_next_to_it(key: str) -> None:
    world = await world_with(password_from("clients-ca-key", key))
    condition = world.condition(CERT, "payments", "Ready")
    assert condition is not None
    assert condition["reason"] == "PasswordNotAllowed"
    assert ObjectRef("edge", "payments") not in world.kube.secrets


async def test_a_key_that_lost_its_labels_is_no_password_either() -> None:
    world = await world_with()
    key = world.kube.secrets[ObjectRef("edge", "clients-ca-key")]
    world.kube.put_secret(replace(key, ref=ObjectRef("edge", "copy"), labels={}, annotations={}))
    world.apply(password_from("copy", "g1.key"))
    await world.settle()
    condition = world.condition(CERT, "payments", "Ready")
    assert condition is not None
    assert condition["reason"] == "PasswordNotAllowed"


async def test_a_reference_does_not_leave_its_namespace() -> None:
    world = await world_with(password_from("clients-ca-key", "g1.key", "team-a"))
    assert ready(world) == ("False", "SecretNotFound")
    for name in ("../edge/clients-ca-key", "edge/clients-ca-key"):
        world.apply(password_from(name, "g1.key", "team-a"))
        await world.settle()
        assert ready(world) == ("False", "SecretNotFound")


async def test_the_authoritys_own_secret_is_not_taken_for_the_certificates() -> None:
    world = await world_with(client_cert_manifest(secretName="clients-ca-key"))
    key = key_of(world)
    condition = world.condition(CERT, "payments", "Ready")
    assert condition is not None
    assert condition["reason"] == "SecretNameTaken"
    assert key_of(world) == key


async def test_an_authoritys_marks_on_a_secret_of_ones_own_make_no_authority() -> None:
    world = await world_with()
    key = world.kube.secrets[ObjectRef("edge", "clients-ca-key")]
    own = replace(key, ref=ObjectRef("team-a", "clients-ca-key"), annotations={OWNER_ANNOTATION: "clients"})
    world.kube.put_secret(own)
    world.apply(client_cert_manifest(namespace="team-a"))
    await world.settle()
    assert ready(world) == ("False", "AuthorityNotFound")


# Status.

LIES: list[tuple[str, Manifest]] = [
    ("another generation of the root", {"issuerGeneration": 99}),
    (
        "a renewal that is far away",
        {"renewalTime": "2099-01-01T00:00:00Z", "notAfter": "2099-06-01T00:00:00Z"},
    ),
    ("other serial numbers", {"serialNumber": "1", "fingerprintSHA256": "00"}),
    ("a count", {"revision": 1_000_000}),
    ("no conditions", {"conditions": []}),
]


@pytest.mark.parametrize("lie", [row[1] for row in LIES], ids=[row[0] for row in LIES])
async def test_a_status_that_somebody_wrote_is_corrected_and_followed_by_nothing(lie: Manifest) -> None:
    world = await world_with(request())
    truth = world.status(CERT, "payments", "team-a")
    before = world.kube.secrets[MINE]
    world.kube.objects[CERT, MINE]["status"] = {**truth, **lie}
    await world.settle()
    assert world.status(CERT, "payments", "team-a") == truth
    assert world.kube.secrets[MINE] == before


async def test_a_revocation_is_not_taken_back_by_the_status() -> None:
    world = await world_with(request())
    world.apply(request(revoked={}))
    await world.settle()
    truth = world.status(CERT, "payments", "team-a")
    moment = "2026-11-23T12:00:00Z"
    ready_now = {"type": "Ready", "status": "True", "reason": "Succeeded", "lastTransitionTime": moment}
    world.kube.objects[CERT, MINE]["status"] = {**truth, "conditions": [ready_now]}
    del world.kube.secrets[MINE]
    await world.settle()
    assert ready(world) == ("False", "Revoked")
    assert MINE not in world.kube.secrets
