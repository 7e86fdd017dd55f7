"""Revocation lists and requests read back as what they were made from, and are refused when damaged."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from mtls_operator.pki.crl import (
    REASONS,
    RevokedSerial,
    build_crl,
    crl_signed_by,
    crl_to_der,
    crls_to_pem,
    estimated_pem_size,
    inspect_crl,
    load_crls,
)
from mtls_operator.pki.csr import check_csr, load_csr
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import inspect_certificate
from mtls_operator.pki.issue import Issuer, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key, public_key_der
from mtls_operator.pki.names import Subject, SubjectAltNames

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
KEYS = tuple(generate_key(KeySpec(KeyAlgorithm.ECDSA, size)) for size in (256, 384, 521))
KEY = KEYS[0]

TEXTS = st.text(st.characters(categories=["L", "N"], max_codepoint=0xFFFF), min_size=1, max_size=16)
PARTS = st.lists(TEXTS, max_size=3).map(tuple)
SUBJECTS = st.builds(Subject, TEXTS, organizations=PARTS, organizational_units=PARTS, provinces=PARTS)
HOSTS = st.from_regex(r"[a-z][a-z0-9]{0,8}\.example", fullmatch=True)
NAMES = st.builds(
    SubjectAltNames,
    dns_names=st.lists(HOSTS, max_size=3).map(tuple),
    uris=st.lists(HOSTS.map(lambda host: f"spiffe://{host}/ns/a"), max_size=2).map(tuple),
    email_addresses=st.lists(HOSTS.map(lambda host: f"ops@{host}"), max_size=2).map(tuple),
    ip_addresses=st.lists(st.ip_addresses().map(str), max_size=2).map(tuple),
)
TIMES = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (made aware by its argument)
REVOKED = st.builds(
    RevokedSerial,
    serial=st.integers(1, (1 << 159) - 1),
    revoked_at=TIMES,
    reason=st.sampled_from(REASONS),
)
LISTS = st.lists(REVOKED, max_size=40, unique_by=lambda entry: entry.serial)
NUMBERS = st.integers(0, (1 << 159) - 1)


@settings(deadline=None, max_examples=50)
@given(subject=SUBJECTS, key=st.sampled_from(KEYS), revoked=LISTS, number=NUMBERS)
def test_a_list_reads_back_as_what_it_was_made_from_and_is_within_its_estimate(
    subject: Subject, key: PrivateKey, revoked: list[RevokedSerial], number: int
) -> None:
    root = issue_root(subject=subject, key=key, duration=WEEK, now=NOW)
    crl = build_crl(issuer=Issuer(root, key), revoked=revoked, number=number, validity=WEEK, now=NOW)
    facts = inspect_crl(crl)
    assert facts.serials == {(f"{entry.serial:x}", entry.reason) for entry in revoked}
    assert facts.number == number
    assert facts.authority_key_id == inspect_certificate(root).subject_key_id
    assert [entry.serial_number for entry in crl] == sorted(entry.serial for entry in revoked)
    assert {entry.serial_number: entry.revocation_date_utc for entry in crl} == {
        entry.serial: entry.revoked_at.replace(microsecond=0) for entry in revoked
    }
    assert crl_signed_by(crl, root)
    pem = crls_to_pem([crl])
    assert load_crls(pem) == (crl,)
    assert len(pem) <= estimated_pem_size(len(revoked))


@given(count=st.integers(0, 1_000_000))
def test_the_estimate_grows_with_every_entry(count: int) -> None:
    assert estimated_pem_size(count) < estimated_pem_size(count + 1) <= estimated_pem_size(count) + 80


ISSUER = Issuer(issue_root(subject=Subject("Acme Root"), key=KEY, duration=WEEK, now=NOW), KEY)
ENTRY = RevokedSerial(serial=5, revoked_at=NOW, reason="KeyCompromise")
CRL = build_crl(issuer=ISSUER, revoked=[ENTRY], number=1, validity=WEEK, now=NOW)
DAMAGE = st.tuples(st.integers(0), st.integers(0, 255))


def _damaged(der: bytes, damage: tuple[int, int], label: str) -> bytes:
    position, value = damage
    changed = bytearray(der)
    changed[position % len(der)] = value
    body = base64.encodebytes(changed)
    return f"-----BEGIN {label}-----\n".encode() + body + f"-----END {label}-----\n".encode()


@settings(deadline=None, max_examples=300)
@given(damage=DAMAGE)
def test_a_damaged_list_is_read_or_refused_and_never_passes_for_the_roots(damage: tuple[int, int]) -> None:
    try:
        (read,) = load_crls(_damaged(crl_to_der(CRL), damage, "X509 CRL"))
    except PkiError:
        return
    if read.tbs_certlist_bytes != CRL.tbs_certlist_bytes:
        assert not crl_signed_by(read, ISSUER.certificate)


@given(text=st.one_of(st.text(), st.binary()))
def test_any_text_is_a_number_of_lists_or_a_refusal(text: str | bytes) -> None:
    try:
        assert load_crls(text) == ()
    except PkiError:
        return


def _request(subject: x509.Name, names: SubjectAltNames) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(subject)
    if names:
        builder = builder.add_extension(names.to_x509(), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


EVERY_NAME = SubjectAltNames(("a.example",), ("spiffe://a.example/x",), ("a@b.example",), ("::1",))
REQUEST = x509.load_pem_x509_csr(_request(Subject("x", ("Acme",)).to_x509(), EVERY_NAME))


@settings(deadline=None, max_examples=50)
@given(subject=SUBJECTS, names=NAMES)
def test_a_request_reads_back_and_passes_with_the_manifest_it_was_made_for(
    subject: Subject, names: SubjectAltNames
) -> None:
    pem = _request(subject.to_x509(), names)
    request = load_csr(pem)
    assert public_key_der(request.public_key) == public_key_der(KEY.public_key())
    assert request.subject_common_name == subject.common_name
    assert Subject.from_x509(request.content.subject) == subject
    assert load_csr(request.content.public_bytes(serialization.Encoding.PEM)).content == request.content
    check_csr(request, subject=subject, names=names)


@settings(deadline=None, max_examples=50)
@given(asked=SUBJECTS, given_subject=SUBJECTS, asked_names=NAMES, given_names=NAMES)
def test_a_request_passes_only_when_the_manifest_holds_all_that_it_asks_for(
    asked: Subject, given_subject: Subject, asked_names: SubjectAltNames, given_names: SubjectAltNames
) -> None:
    request = load_csr(_request(asked.to_x509(), asked_names))
    held = set(given_subject.to_x509()) >= set(asked.to_x509())
    named = set(given_names.to_x509()) >= set(asked_names.to_x509())
    if held and named:
        check_csr(request, subject=given_subject, names=given_names)
        return
    with pytest.raises(PkiError, match="asks for what the certificate will not have"):
        check_csr(request, subject=given_subject, names=given_names)


@settings(deadline=None, max_examples=300)
@given(damage=DAMAGE)
def test_a_damaged_request_is_refused_or_the_same(damage: tuple[int, int]) -> None:
    der = REQUEST.public_bytes(serialization.Encoding.DER)
    try:
        read = load_csr(_damaged(der, damage, "CERTIFICATE REQUEST"))
    except PkiError:
        return
    assert read.content.tbs_certrequest_bytes == REQUEST.tbs_certrequest_bytes


@given(text=st.binary())
def test_any_bytes_are_no_request(text: bytes) -> None:
    with pytest.raises(PkiError):
        load_csr(text)
