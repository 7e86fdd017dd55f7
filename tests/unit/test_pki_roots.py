"""Roots are renewed for their key and cross-signed for their successors, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import inspect_certificate, signed_by
from mtls_operator.pki.issue import Issuer, cross_sign, issue_leaf, issue_root, renew_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, same_key
from mtls_operator.pki.lint import lint_certificate
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, CROSS, ROOT, Usage
from mtls_operator.pki.verify import verify_leaf

NOW = datetime(2026, 3, 1, 12, 0, 0, 654321, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
FIVE_MINUTES = timedelta(minutes=5)
YEAR = timedelta(days=365)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
LEAF_KEY = generate_key(P256)


def _root(*, now: datetime = NOW, duration: timedelta = 10 * YEAR, name: str = "Acme Root") -> Issuer:
    key = generate_key(P256)
    return Issuer(issue_root(subject=Subject(name, ("Acme",)), key=key, duration=duration, now=now), key)


def _leaf(issuer: Issuer, now: datetime = NOW) -> x509.Certificate:
    return issue_leaf(
        profile=CLIENT,
        subject=Subject("payments.team-a"),
        names=SubjectAltNames(),
        public_key=LEAF_KEY.public_key(),
        issuer=issuer,
        duration=YEAR / 4,
        now=now,
    )


def _foreign_root(*, path_length: int | None = None, key_id: bytes = b"somebody's own way" * 2) -> Issuer:
    """A root as others make them: another kind of key identifier, a name in another order."""
    key = generate_key(P256)
    name = x509.Name.from_rfc4514_string("O=Acme,CN=Acme Root")
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + 10 * YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(ROOT.key_usage(KeyAlgorithm.ECDSA), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(key_id), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issuer(certificate, key)


def test_a_cross_certificate_is_the_new_root_signed_by_the_old_one() -> None:
    old, new = _root(), _root()
    cross = cross_sign(root=new.certificate, issuer=old, now=NOW)
    assert signed_by(cross, old.certificate)
    assert not signed_by(cross, new.certificate)
    assert same_key(cross, new.key)
    assert cross.subject == new.certificate.subject
    assert cross.serial_number not in (old.certificate.serial_number, new.certificate.serial_number)
    facts, root = inspect_certificate(cross), inspect_certificate(new.certificate)
    assert facts.is_ca
    assert facts.subject_key_id == root.subject_key_id
    assert facts.authority_key_id == inspect_certificate(old.certificate).subject_key_id


def test_a_leaf_verifies_for_whoever_knows_either_root() -> None:
    old, new = _root(), _root()
    cross = cross_sign(root=new.certificate, issuer=old, now=NOW)
    leaf = _leaf(new)
    assert verify_leaf([leaf, cross], [old.certificate], NOW, Usage.CLIENT) == (leaf, cross, old.certificate)
    assert verify_leaf([leaf, cross], [new.certificate], NOW, Usage.CLIENT) == (leaf, new.certificate)
    with pytest.raises(PkiError, match="does not verify"):
        verify_leaf([leaf], [old.certificate], NOW, Usage.CLIENT)


def test_two_cross_certificates_in_a_row_verify_which_no_path_length_would_allow() -> None:
    oldest, old, new = (_root() for _ in range(3))
    first = cross_sign(root=old.certificate, issuer=oldest, now=NOW)
    second = cross_sign(root=new.certificate, issuer=old, now=NOW)
    leaf = _leaf(new)
    for chain in ([leaf, second, first], [leaf, first, second]):
        path = verify_leaf(chain, [oldest.certificate], NOW, Usage.CLIENT)
        assert path == (leaf, second, first, oldest.certificate)


def test_roots_of_different_names_are_cross_signed_too() -> None:
    old, new = _root(name="Acme Root 1"), _root(name="Acme Root 2")
    cross = cross_sign(root=new.certificate, issuer=old, now=NOW)
    leaf = _leaf(new)
    assert verify_leaf([leaf, cross], [old.certificate], NOW, Usage.CLIENT) == (leaf, cross, old.certificate)


def test_a_cross_certificate_begins_now_and_ends_with_the_first_of_its_roots() -> None:
    old, new = _root(now=NOW - 8 * YEAR), _root(now=NOW - YEAR)
    cross = cross_sign(root=new.certificate, issuer=old, now=NOW)
    assert cross.not_valid_before_utc == SECOND - FIVE_MINUTES
    assert cross.not_valid_after_utc == old.certificate.not_valid_after_utc
    back = cross_sign(root=old.certificate, issuer=new, now=NOW)
    assert back.not_valid_after_utc == old.certificate.not_valid_after_utc


def test_a_cross_certificate_begins_before_neither_of_its_roots() -> None:
    old, new = _root(now=NOW - YEAR), _root()
    begin = new.certificate.not_valid_before_utc
    assert cross_sign(root=new.certificate, issuer=old, now=begin).not_valid_before_utc == begin
    assert cross_sign(root=old.certificate, issuer=new, now=begin).not_valid_before_utc == begin


def test_a_root_that_is_not_valid_now_takes_no_part_in_a_cross_certificate() -> None:
    old, new = _root(now=NOW - 9 * YEAR), _root()
    late = old.certificate.not_valid_after_utc
    for root, issuer in ((old, new), (new, old)):
        with pytest.raises(PkiError, match=r"'Acme Root' expired at 2027.*rotate"):
            cross_sign(root=root.certificate, issuer=issuer, now=late)
        with pytest.raises(PkiError, match="not valid before 2026"):
            cross_sign(root=root.certificate, issuer=issuer, now=NOW - YEAR)


def test_only_a_self_signed_root_is_copied() -> None:
    old, new = _root(), _root()
    cross = cross_sign(root=new.certificate, issuer=old, now=NOW)
    for certificate in (_leaf(new), cross):
        with pytest.raises(PkiError, match="is no self-signed root"):
            cross_sign(root=certificate, issuer=old, now=NOW)


def test_a_root_does_not_cross_sign_itself() -> None:
    root = _root()
    renewed = renew_root(root=root.certificate, key=root.key, duration=YEAR, now=NOW)
    for certificate in (root.certificate, renewed):
        with pytest.raises(PkiError, match="cannot cross-sign itself"):
            cross_sign(root=certificate, issuer=root, now=NOW)


def test_a_root_with_path_length_0_signs_leaves_but_no_cross_certificate() -> None:
    narrow, new = _foreign_root(path_length=0), _root()
    leaf = _leaf(narrow)
    assert verify_leaf([leaf], [narrow.certificate], NOW, Usage.CLIENT)
    with pytest.raises(PkiError, match="path length 0: it may sign leaves, but no cross certificate"):
        cross_sign(root=new.certificate, issuer=narrow, now=NOW)
    wide = _foreign_root(path_length=1)
    cross = cross_sign(root=new.certificate, issuer=wide, now=NOW)
    assert verify_leaf([_leaf(new), cross], [wide.certificate], NOW, Usage.CLIENT)


def test_a_renewed_root_has_the_same_name_and_key_and_a_new_serial_and_end() -> None:
    old = _root()
    later = NOW + 8 * YEAR
    renewed = renew_root(root=old.certificate, key=old.key, duration=10 * YEAR, now=later)
    assert signed_by(renewed, renewed)
    assert same_key(renewed, old.key)
    assert renewed.subject == old.certificate.subject
    assert renewed.serial_number != old.certificate.serial_number
    assert renewed.not_valid_before_utc == SECOND + 8 * YEAR - FIVE_MINUTES
    assert renewed.not_valid_after_utc == SECOND + 18 * YEAR


def test_a_leaf_verifies_with_its_root_and_with_the_renewed_one() -> None:
    old = _root()
    later = NOW + 8 * YEAR
    renewed = Issuer(renew_root(root=old.certificate, key=old.key, duration=10 * YEAR, now=later), old.key)
    for leaf in (_leaf(old, later), _leaf(renewed, later)):
        for root in (old, renewed):
            assert verify_leaf([leaf], [root.certificate], later, Usage.CLIENT) == (leaf, root.certificate)


def test_an_expired_root_can_still_be_renewed() -> None:
    old = _root(duration=YEAR)
    late = NOW + 2 * YEAR
    assert renew_root(root=old.certificate, key=old.key, duration=YEAR, now=late).not_valid_after_utc > late


def test_copies_keep_the_key_identifier_and_the_name_that_a_foreign_root_has() -> None:
    foreign = _foreign_root()
    renewed = renew_root(root=foreign.certificate, key=foreign.key, duration=YEAR, now=NOW)
    cross = cross_sign(root=foreign.certificate, issuer=_root(), now=NOW)
    wanted = inspect_certificate(foreign.certificate).subject_key_id
    for certificate in (renewed, cross):
        assert inspect_certificate(certificate).subject_key_id == wanted
        assert certificate.subject.public_bytes() == foreign.certificate.subject.public_bytes()
    assert inspect_certificate(renewed).authority_key_id == wanted


def test_a_renewal_with_another_key_or_of_no_root_is_refused() -> None:
    old, new = _root(), _root()
    with pytest.raises(PkiError, match="does not belong"):
        renew_root(root=old.certificate, key=new.key, duration=YEAR, now=NOW)
    with pytest.raises(PkiError, match="no CA"):
        renew_root(root=_leaf(old), key=LEAF_KEY, duration=YEAR, now=NOW)
    cross = cross_sign(root=new.certificate, issuer=old, now=NOW)
    with pytest.raises(PkiError, match="no self-signed root"):
        renew_root(root=cross, key=new.key, duration=YEAR, now=NOW)
    with pytest.raises(PkiError, match="at most 10950 days"):
        renew_root(root=old.certificate, key=old.key, duration=31 * YEAR, now=NOW)


def test_a_leaf_cannot_have_the_cross_profile() -> None:
    with pytest.raises(PkiError, match="profile cross"):
        issue_leaf(
            profile=CROSS,
            subject=Subject("payments.team-a"),
            names=SubjectAltNames(),
            public_key=LEAF_KEY.public_key(),
            issuer=_root(),
            duration=YEAR,
            now=NOW,
        )


def test_the_lint_tells_a_root_from_a_cross_certificate() -> None:
    old, new = _root(), _root()
    cross = cross_sign(root=new.certificate, issuer=old, now=NOW)
    assert lint_certificate(cross, CROSS) == ()
    assert lint_certificate(new.certificate, ROOT) == ()
    assert "names another" in " ".join(lint_certificate(cross, ROOT))
    assert "taken for self-signed" in " ".join(lint_certificate(new.certificate, CROSS))
