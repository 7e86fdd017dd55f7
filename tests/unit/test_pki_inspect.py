"""Certificates are read: their facts, chains, and whether they verify for one side of a connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import chain_to_pem, inspect_certificate, load_chain, signed_by
from mtls_operator.pki.issue import Issuer, issue_leaf, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, same_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, SERVER, Profile, Usage
from mtls_operator.pki.verify import verify_leaf

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(days=90)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
KEY = generate_key(P256)
NAMES = SubjectAltNames(
    dns_names=("api.acme.example",),
    uris=("spiffe://acme.example/ns/a/clientcert/b",),
    email_addresses=("ops@acme.example",),
    ip_addresses=("10.0.0.1", "2001:db8::1"),
)


def _issuer(common_name: str = "Acme Root") -> Issuer:
    key = generate_key(P256)
    root = issue_root(
        subject=Subject(common_name, ("Acme",), countries=("CN",)), key=key, duration=QUARTER, now=NOW
    )
    return Issuer(root, key)


def _leaf(issuer: Issuer, profile: Profile = CLIENT, names: SubjectAltNames = NAMES) -> x509.Certificate:
    return issue_leaf(
        profile=profile,
        subject=Subject("payments.team-a", ("Acme",)),
        names=names,
        public_key=KEY.public_key(),
        issuer=issuer,
        duration=QUARTER,
        now=NOW,
    )


def test_the_facts_are_what_was_asked_for() -> None:
    issuer = _issuer()
    leaf = _leaf(issuer)
    facts = inspect_certificate(leaf)
    assert facts.subject == Subject("payments.team-a", ("Acme",))
    assert facts.names == NAMES
    assert facts.key == P256
    assert not facts.is_ca
    assert facts.issuer_common_name == "Acme Root"
    assert facts.not_after == NOW + QUARTER
    assert int(facts.serial_number, 16) == leaf.serial_number
    assert facts.authority_key_id == inspect_certificate(issuer.certificate).subject_key_id != ""
    assert inspect_certificate(issuer.certificate).is_ca


def test_the_fingerprints_are_of_the_der() -> None:
    leaf = _leaf(_issuer())
    der = leaf.public_bytes(serialization.Encoding.DER)
    facts = inspect_certificate(leaf)
    assert facts.fingerprint_sha256 == sha256(der).hexdigest()
    assert facts.fingerprint_sha1 == sha1(der).hexdigest()  # noqa: S324 (an identifier)


def test_a_foreign_certificate_is_read_as_far_as_it_fits() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "example")])
    other_name = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a")
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + QUARTER)
        .add_extension(x509.SubjectAlternativeName([other_name]), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    facts = inspect_certificate(certificate)
    assert facts.distinguished_name == "DC=example"
    assert facts.subject is None
    assert facts.names is None
    assert (facts.serial_number, facts.subject_key_id, facts.authority_key_id) == ("7", "", "")
    assert facts.issuer_common_name == ""


def test_a_chain_is_written_in_64_columns_and_read_in_its_order() -> None:
    issuer = _issuer()
    chain = (_leaf(issuer), issuer.certificate)
    pem = chain_to_pem(chain)
    assert load_chain(pem) == load_chain(pem.decode()) == chain
    assert max(len(line) for line in pem.splitlines()) == 64
    assert b"\n\n" not in pem


@pytest.mark.parametrize(
    "pem", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_chain_is_refused(pem: str) -> None:
    with pytest.raises(PkiError, match="no readable PEM certificate"):
        load_chain(pem)


def test_a_name_with_a_value_of_the_wrong_type_is_refused() -> None:
    bits = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00\x01", _ASN1Type.BitString)
    certificate = (
        x509.CertificateBuilder(subject_name=x509.Name([bits]), issuer_name=Subject("x").to_x509())
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + QUARTER)
        .sign(KEY, hashes.SHA256())
    )
    unique_identifier, common_name = b"\x06\x03\x55\x04\x2d", b"\x06\x03\x55\x04\x03"
    der = certificate.public_bytes(serialization.Encoding.DER).replace(unique_identifier, common_name)
    with pytest.raises(PkiError, match="cannot be read"):
        inspect_certificate(x509.load_der_x509_certificate(der))


def test_signed_by_looks_at_name_and_key() -> None:
    ours, same_name, other = _issuer(), _issuer(), _issuer("Other Root")
    leaf = _leaf(ours)
    assert signed_by(leaf, ours.certificate)
    assert not signed_by(leaf, same_name.certificate)
    assert not signed_by(leaf, other.certificate)


def test_a_key_belongs_to_its_certificate_alone() -> None:
    leaf = _leaf(_issuer())
    assert same_key(leaf, KEY)
    assert not same_key(leaf, generate_key(P256))


@pytest.mark.parametrize("names", [NAMES, SubjectAltNames()])
def test_a_client_verifies_with_and_without_names(names: SubjectAltNames) -> None:
    issuer = _issuer()
    leaf = _leaf(issuer, names=names)
    assert verify_leaf([leaf], [issuer.certificate], NOW, Usage.CLIENT) == (leaf, issuer.certificate)


@pytest.mark.parametrize(
    "names",
    [
        NAMES,
        SubjectAltNames(dns_names=("*.acme.example",)),
        SubjectAltNames(ip_addresses=("127.0.0.1",)),
    ],
)
def test_a_server_verifies_for_its_own_names(names: SubjectAltNames) -> None:
    issuer = _issuer()
    leaf = _leaf(issuer, SERVER, names)
    assert verify_leaf([leaf], [issuer.certificate], NOW, Usage.SERVER) == (leaf, issuer.certificate)


def test_one_of_several_roots_is_enough() -> None:
    issuer, other = _issuer(), _issuer()
    leaf = _leaf(issuer)
    assert (
        verify_leaf([leaf], [other.certificate, issuer.certificate], NOW, Usage.CLIENT)[-1]
        == issuer.certificate
    )


def test_a_leaf_of_the_other_side_does_not_verify() -> None:
    issuer = _issuer()
    for profile, usage in ((CLIENT, Usage.SERVER), (SERVER, Usage.CLIENT)):
        with pytest.raises(PkiError, match="EKU"):
            verify_leaf([_leaf(issuer, profile)], [issuer.certificate], NOW, usage)


def test_a_leaf_of_another_root_does_not_verify() -> None:
    with pytest.raises(PkiError, match=r"'payments\.team-a' does not verify"):
        verify_leaf([_leaf(_issuer())], [_issuer().certificate], NOW, Usage.CLIENT)


def test_a_leaf_does_not_verify_outside_its_validity() -> None:
    issuer = _issuer()
    leaf = _leaf(issuer)
    for moment in (leaf.not_valid_before_utc, leaf.not_valid_after_utc):
        assert verify_leaf([leaf], [issuer.certificate], moment, Usage.CLIENT)
    for moment in (
        leaf.not_valid_before_utc - timedelta(seconds=1),
        leaf.not_valid_after_utc + timedelta(seconds=1),
    ):
        with pytest.raises(PkiError, match="not valid at"):
            verify_leaf([leaf], [issuer.certificate], moment, Usage.CLIENT)


def test_nothing_to_verify_is_refused() -> None:
    issuer = _issuer()
    with pytest.raises(PkiError, match="no certificate to verify"):
        verify_leaf([], [issuer.certificate], NOW, Usage.CLIENT)
    with pytest.raises(PkiError, match="no root"):
        verify_leaf([_leaf(issuer)], [], NOW, Usage.CLIENT)
