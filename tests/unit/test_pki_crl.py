"""Revocation lists are signed, ordered, read back, and never larger than their estimate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from mtls_operator.pki.crl import (
    REASONS,
    CrlFacts,
    RevokedSerial,
    build_crl,
    crl_signed_by,
    crl_to_der,
    crls_to_pem,
    estimated_pem_size,
    inspect_crl,
    load_crls,
)
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import chain_to_pem, inspect_certificate
from mtls_operator.pki.issue import Issuer, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key
from mtls_operator.pki.names import Subject

NOW = datetime(2026, 3, 1, 12, 0, 0, 654321, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
FIVE_MINUTES = timedelta(minutes=5)
WEEK = timedelta(days=7)
YEAR = timedelta(days=365)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)


def _issuer(spec: KeySpec = P256, subject: Subject | None = None) -> Issuer:
    key = generate_key(spec)
    subject = subject or Subject("Acme Root", ("Acme",))
    return Issuer(issue_root(subject=subject, key=key, duration=10 * YEAR, now=NOW), key)


ISSUER = _issuer()


def _revoked(serial: int, reason: str = "KeyCompromise", revoked_at: datetime = NOW) -> RevokedSerial:
    return RevokedSerial(serial=serial, revoked_at=revoked_at, reason=reason)


def _crl(*revoked: RevokedSerial, issuer: Issuer = ISSUER) -> x509.CertificateRevocationList:
    return build_crl(issuer=issuer, revoked=revoked, number=7, validity=WEEK, now=NOW)


def test_a_list_says_what_it_was_made_from() -> None:
    assert inspect_crl(_crl(_revoked(0xAB), _revoked(0x1C, "Superseded"))) == CrlFacts(
        number=7,
        this_update=SECOND - FIVE_MINUTES,
        next_update=SECOND + WEEK,
        authority_key_id=inspect_certificate(ISSUER.certificate).subject_key_id,
        serials=frozenset({("ab", "KeyCompromise"), ("1c", "Superseded")}),
    )


def test_a_list_with_nothing_revoked_is_a_list() -> None:
    crl = _crl()
    assert len(crl) == 0
    assert inspect_crl(crl).serials == frozenset()


def test_an_entry_holds_when_and_why() -> None:
    (entry,) = _crl(_revoked(5, "CessationOfOperation", NOW - YEAR))
    assert entry.serial_number == 5
    assert entry.revocation_date_utc == SECOND - YEAR
    reason = entry.extensions.get_extension_for_class(x509.CRLReason)
    assert not reason.critical
    assert reason.value.reason is x509.ReasonFlags.cessation_of_operation


def test_an_unspecified_reason_is_left_out() -> None:
    (entry,) = _crl(_revoked(5, "Unspecified"))
    assert len(entry.extensions) == 0
    assert inspect_crl(_crl(_revoked(5, "Unspecified"))).serials == {("5", "Unspecified")}


def test_every_reason_that_is_offered_reads_back() -> None:
    crl = _crl(*(_revoked(n, reason) for n, reason in enumerate(REASONS, start=1)))
    assert {reason for _, reason in inspect_crl(crl).serials} == set(REASONS)


@pytest.mark.parametrize("reason", ["CertificateHold", "RemoveFromCRL", "AACompromise", "keyCompromise", ""])
def test_a_reason_that_can_be_taken_back_or_is_unknown_is_refused(reason: str) -> None:
    with pytest.raises(PkiError, match=rf"'{reason}' is none of Unspecified, KeyCompromise"):
        _revoked(5, reason)


@pytest.mark.parametrize("serial", [0, -1, 1 << 159])
def test_what_is_no_serial_number_is_refused(serial: int) -> None:
    with pytest.raises(PkiError, match="is no serial number"):
        _revoked(serial)


def test_the_entries_stand_in_the_order_of_their_serials_however_they_come() -> None:
    revoked = [_revoked(serial) for serial in (300, 2, 70_000, 1)]
    for order in (revoked, revoked[::-1]):
        assert [entry.serial_number for entry in _crl(*order)] == [1, 2, 300, 70_000]


def test_a_serial_that_is_given_twice_is_listed_once_with_its_earliest_time() -> None:
    first, second = _revoked(5, "Superseded", NOW - YEAR), _revoked(5, "KeyCompromise", NOW)
    for order in ((first, second), (second, first)):
        (entry,) = _crl(*order)
        assert entry.revocation_date_utc == SECOND - YEAR


def test_a_list_does_not_begin_before_its_root() -> None:
    begin = ISSUER.certificate.not_valid_before_utc
    crl = build_crl(issuer=ISSUER, revoked=(), number=1, validity=WEEK, now=begin)
    assert crl.last_update_utc == begin


def test_the_next_update_can_be_given_and_may_lie_behind_the_end_of_the_root() -> None:
    end = NOW + 20 * YEAR
    crl = build_crl(issuer=ISSUER, revoked=(), number=1, validity=WEEK, now=NOW, next_update=end)
    assert crl.next_update_utc == SECOND + 20 * YEAR


def test_a_list_that_would_end_before_it_begins_is_refused() -> None:
    with pytest.raises(PkiError, match="before it begins"):
        build_crl(
            issuer=ISSUER, revoked=(), number=1, validity=WEEK, now=NOW, next_update=SECOND - FIVE_MINUTES
        )
    with pytest.raises(PkiError, match="before it begins"):
        build_crl(issuer=ISSUER, revoked=(), number=1, validity=-WEEK, now=NOW)


@pytest.mark.parametrize("number", [-1, 1 << 159])
def test_what_is_no_number_of_a_list_is_refused(number: int) -> None:
    with pytest.raises(PkiError, match="no number of a revocation list"):
        build_crl(issuer=ISSUER, revoked=(), number=number, validity=WEEK, now=NOW)


def test_a_naive_time_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="aware"):
        _revoked(5, revoked_at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("size", "digest"), [(256, hashes.SHA256), (384, hashes.SHA384), (521, hashes.SHA512)]
)
def test_the_hash_is_as_strong_as_the_curve(size: int, digest: type[hashes.HashAlgorithm]) -> None:
    crl = _crl(issuer=_issuer(KeySpec(KeyAlgorithm.ECDSA, size)))
    assert isinstance(crl.signature_hash_algorithm, digest)


def test_a_list_is_signed_by_its_own_root_alone() -> None:
    crl = _crl(_revoked(5))
    assert crl_signed_by(crl, ISSUER.certificate)
    assert not crl_signed_by(crl, _issuer().certificate)
    same_key = issue_root(subject=Subject("Other"), key=ISSUER.key, duration=YEAR, now=NOW)
    assert not crl_signed_by(crl, same_key)


def test_lists_are_written_one_after_the_other_and_read_in_their_order() -> None:
    crls = (_crl(_revoked(5)), _crl(issuer=_issuer()))
    pem = crls_to_pem(crls)
    assert load_crls(pem) == load_crls(pem.decode()) == crls
    assert b"\n\n" not in pem
    assert max(len(line) for line in pem.splitlines()) == 64
    assert x509.load_der_x509_crl(crl_to_der(crls[0])) == crls[0]


@pytest.mark.parametrize("text", ["", b"", "\n \n"])
def test_a_blank_text_holds_no_list(text: str | bytes) -> None:
    assert load_crls(text) == ()


PEM = crls_to_pem([_crl()]).decode()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello", "no PEM block"),
        (PEM[:-10], "no PEM block"),
        (PEM + PEM[:-10], "cut off or damaged"),
        (PEM + chain_to_pem([ISSUER.certificate]).decode(), "block CERTIFICATE; only blocks X509 CRL"),
        ("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", "cannot be read"),
        ("ÄÖÜ", "no PEM block"),
    ],
)
def test_what_is_no_list_is_refused(text: str, sentence: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(PkiError, match=sentence):
            load_crls(form)


def _by_hand(
    *extensions: x509.ExtensionType, reason: x509.ReasonFlags | None = None
) -> x509.CertificateRevocationList:
    entry = x509.RevokedCertificateBuilder().serial_number(5).revocation_date(NOW)
    if reason:
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
    builder = x509.CertificateRevocationListBuilder(
        ISSUER.certificate.subject, revoked_certificates=[entry.build()]
    )
    builder = builder.last_update(NOW).next_update(NOW + WEEK)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(ISSUER.key, hashes.SHA256())


KEY_ID = x509.AuthorityKeyIdentifier(b"0" * 20, None, None)


@pytest.mark.parametrize(
    ("crl", "sentence"),
    [
        (_by_hand(KEY_ID), r"no extension 2\.5\.29\.20"),
        (_by_hand(x509.CRLNumber(1)), r"no extension 2\.5\.29\.35"),
        (
            _by_hand(KEY_ID, x509.CRLNumber(1), reason=x509.ReasonFlags.certificate_hold),
            "reason certificateHold, which is not offered",
        ),
    ],
)
def test_a_list_that_is_none_of_ours_is_refused(crl: x509.CertificateRevocationList, sentence: str) -> None:
    with pytest.raises(PkiError, match=sentence):
        inspect_crl(crl)
    with pytest.raises(PkiError, match=sentence):
        load_crls(crl.public_bytes(serialization.Encoding.PEM))


def test_a_list_whose_issuer_cannot_be_read_is_refused() -> None:
    damaged = crl_to_der(_crl()).replace(b"Acme Root", b"\xff" * 9)
    with pytest.raises(PkiError, match="cannot be read"):
        inspect_crl(x509.load_der_x509_crl(damaged))


def test_a_list_that_names_its_root_by_a_serial_below_zero_is_refused() -> None:
    der = crl_to_der(_crl())
    start = der.index(b"\x30\x16\x80\x14")  # the key identifier, which becomes the number of a certificate
    changed = der[:start] + b"\x30\x16\x82\x14\x80" + der[start + 5 :]
    with pytest.raises(PkiError, match="cannot be read"):
        inspect_crl(x509.load_der_x509_crl(changed))


def test_the_estimate_holds_for_the_longest_subject_the_largest_signature_and_the_longest_entries() -> None:
    widest = tuple(f"{n:02}" + "x" * 62 for n in range(16))
    subject = Subject(
        "x" * 64,
        organizations=widest,
        organizational_units=widest,
        countries=("CN",) * 16,
        localities=tuple(2 * part for part in widest),
        provinces=tuple(2 * part for part in widest),
    )
    issuer = _issuer(KeySpec(KeyAlgorithm.RSA, 4096), subject)
    far = datetime(2050, 1, 1, tzinfo=UTC)  # from here on, a time is a GeneralizedTime
    entries = [_revoked((1 << 158) + n, revoked_at=far) for n in range(500)]
    for count in (0, 1, 500):
        crl = build_crl(
            issuer=issuer,
            revoked=entries[:count],
            number=(1 << 159) - 1,
            validity=WEEK,
            now=NOW,
            next_update=far,
        )
        size = len(crls_to_pem([crl]))
        assert size <= estimated_pem_size(count)
        assert size > estimated_pem_size(count) - 2048  # an estimate, not a guess
