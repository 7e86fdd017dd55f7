"""With a request no key is made: the requester's is certified, for the names in the manifest."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, client_cert_manifest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from unit.fakes.cluster import Manifest
from unit.fakes.world import World
from unit.signing_requests import csr, new_key

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.pki.keys import key_to_pem, same_key

CERT = Kind.CLIENT_CERT
PAYMENTS = ObjectRef("edge", "payments")
KEY = new_key()


async def settled(manifest: Manifest, **policy: Any) -> World:
    world = World()
    world.apply(authority_manifest(clientCertPolicy=policy), manifest)
    await world.settle()
    return world


def requested(**spec: Any) -> Manifest:
    return client_cert_manifest(**{"request": csr(KEY), **spec})


def secret(world: World) -> Secret:
    return world.kube.secrets[PAYMENTS]


def leaf(world: World) -> x509.Certificate:
    return x509.load_pem_x509_certificate(secret(world).data["tls.crt"])


def ready(world: World) -> tuple[str, str, str]:
    condition = world.condition(CERT, "payments", "Ready")
    assert condition is not None
    return condition["status"], condition["reason"], condition["message"]


async def test_the_requesters_key_is_certified_and_only_certificates_are_stored() -> None:
    world = await settled(requested())
    assert same_key(leaf(world), KEY)
    assert leaf(world).subject.rfc4514_string() == "CN=payments.edge"
    assert secret(world).type == "Opaque"
    assert set(secret(world).data) == {"tls.crt", "ca.crt"}
    assert world.status(CERT, "payments")["certificate"] == secret(world).data["tls.crt"].decode()
    written = world.written()
    world.restart()
    await world.settle()
    assert world.written() == written


async def test_a_certificate_with_a_key_of_ours_is_not_in_the_status() -> None:
    world = await settled(client_cert_manifest())
    assert "certificate" not in world.status(CERT, "payments")


async def test_a_renewal_certifies_the_same_key_again() -> None:
    world = await settled(requested())
    first = leaf(world)
    world.clock.advance(timedelta(days=70))
    await world.settle()
    assert leaf(world).serial_number != first.serial_number
    assert same_key(leaf(world), KEY)


async def test_a_request_with_another_key_is_certified_at_once() -> None:
    world, other = await settled(requested()), new_key()
    world.apply(requested(request=csr(other)))
    await world.settle()
    assert same_key(leaf(world), other)
    assert world.status(CERT, "payments")["revision"] == 2


async def test_what_was_put_beside_the_certificate_is_taken_away() -> None:
    world = await settled(requested())
    world.kube.put_secret(replace(secret(world), data={**secret(world).data, "tls.key": key_to_pem(KEY)}))
    first = leaf(world)
    await world.settle()
    assert set(secret(world).data) == {"tls.crt", "ca.crt"}
    assert leaf(world) == first


async def test_the_manifests_names_count_and_a_request_may_repeat_them() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("a.acme.example")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "payments.edge")])
    manifest = requested(
        request=csr(KEY, names, subject=subject), dnsNames=["a.acme.example", "b.acme.example"]
    )
    world = await settled(manifest, allowedDNSNames=["*.acme.example"])
    found = leaf(world).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["a.acme.example", "b.acme.example"]


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


REFUSED: list[tuple[str, str, str]] = [
    ("no base64", "====", "not base64"),
    ("no PEM", "QUJD", "cannot be used"),
    ("a CA", csr(KEY, x509.BasicConstraints(ca=True, path_length=None)), "CA:TRUE"),
    ("a server", csr(KEY, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])), "extended key usage"),
    ("another name", csr(KEY, subject=named("bank.prod")), "bank.prod"),
    ("a DNS name", csr(KEY, x509.SubjectAlternativeName([x509.DNSName("bank.example")])), "bank.example"),
]


@pytest.mark.parametrize(
    ("request_", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_a_request_for_more_is_denied(request_: str, sentence: str) -> None:
    world = await settled(requested(request=request_))
    status, reason, message = ready(world)
    assert (status, reason) == ("False", "RequestNotAllowed")
    assert sentence in message
    assert world.condition(CERT, "payments", "Denied") is not None
    assert PAYMENTS not in world.kube.secrets


async def test_the_requests_key_must_be_of_a_kind_that_the_policy_lists() -> None:
    world = await settled(requested(), allowedKeyAlgorithms=["RSA"])
    assert ready(world)[1] == "NameNotAllowed"
    assert "allowedKeyAlgorithms does not allow 'ECDSA'" in ready(world)[2]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.apply(requested(request=csr(key)))
    await world.settle()
    assert ready(world)[0] == "True"


@pytest.mark.parametrize(
    ("before", "after"),
    [(client_cert_manifest(), requested()), (requested(), client_cert_manifest())],
    ids=["from a key to a request", "from a request to a key"],
)
async def test_the_other_mode_touches_nothing_until_somebody_lets_the_secret_go(
    before: Manifest, after: Manifest
) -> None:
    world = await settled(before)
    kept = secret(world)
    world.apply(after)
    await world.settle()
    assert ready(world)[:2] == ("False", "SecretTypeDiffers")
    assert "delete it: it is made anew" in ready(world)[2]
    assert secret(world) == kept
    del world.kube.secrets[PAYMENTS]
    await world.settle()
    assert ready(world)[0] == "True"
    assert secret(world).type != kept.type


async def test_the_mode_that_it_had_before_is_taken_back_without_a_trace() -> None:
    world = await settled(client_cert_manifest())
    kept = secret(world)
    world.apply(requested())
    await world.settle()
    world.apply(client_cert_manifest())
    await world.settle()
    assert ready(world)[0] == "True"
    assert secret(world) == kept


async def test_with_trust_domain_a_request_gets_the_spiffe_id_as_well() -> None:
    world = World()
    world.apply(authority_manifest(trustDomain="acme.example"), requested())
    await world.settle()
    found = leaf(world).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://acme.example/ns/edge/clientcert/payments"
    ]
