"""Certificates are made to their profile, never outlive their issuer, and bad requests are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import inspect_certificate, signed_by
from mtls_operator.pki.issue import Issuer, capped_not_after, is_capped, issue_leaf, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key
from mtls_operator.pki.lint import lint_certificate
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, ROOT, SERVER, Profile, Usage

NOW = datetime(2026, 3, 1, 12, 0, 0, 654321, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
YEAR = timedelta(days=365)
QUARTER = timedelta(days=90)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
HOST = SubjectAltNames(dns_names=("api.acme.example",))


@pytest.fixture(scope="module")
def rsa_key() -> PrivateKey:
    return generate_key(KeySpec(KeyAlgorithm.RSA, 2048))


@pytest.fixture(scope="module")
def issuer(rsa_key: PrivateKey) -> Issuer:
    root = issue_root(subject=Subject("Acme Client Root"), key=rsa_key, duration=10 * YEAR, now=NOW)
    return Issuer(root, rsa_key)


@pytest.fixture(scope="module")
def leaf_key() -> PrivateKey:
    return generate_key(P256)


def _leaf(
    issuer: Issuer,
    key: PrivateKey,
    *,
    profile: Profile = CLIENT,
    common_name: str = "payments.team-a",
    names: SubjectAltNames | None = None,
    duration: timedelta = QUARTER,
    now: datetime = NOW,
    distribution_points: tuple[str, ...] = (),
) -> x509.Certificate:
    return issue_leaf(
        profile=profile,
        subject=Subject(common_name),
        names=names or SubjectAltNames(),
        public_key=key.public_key(),
        issuer=issuer,
        duration=duration,
        now=now,
        distribution_points=distribution_points,
    )


def test_a_root_is_a_self_signed_ca_for_signing_only(issuer: Issuer) -> None:
    root = issuer.certificate
    assert signed_by(root, root)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=None)


def test_validity_is_backdated_five_minutes_and_ends_after_the_duration(
    issuer: Issuer, leaf_key: PrivateKey
) -> None:
    leaf = _leaf(issuer, leaf_key)
    assert leaf.not_valid_before_utc == SECOND - timedelta(minutes=5)
    assert leaf.not_valid_after_utc == SECOND + QUARTER
    assert issuer.certificate.not_valid_after_utc == SECOND + 10 * YEAR


@pytest.mark.parametrize(
    ("profile", "names", "oid"),
    [
        (SERVER, HOST, ExtendedKeyUsageOID.SERVER_AUTH),
        (CLIENT, SubjectAltNames(), ExtendedKeyUsageOID.CLIENT_AUTH),
    ],
)
def test_a_leaf_is_for_one_usage_and_no_ca(
    issuer: Issuer,
    leaf_key: PrivateKey,
    profile: Profile,
    names: SubjectAltNames,
    oid: x509.ObjectIdentifier,
) -> None:
    leaf = _leaf(issuer, leaf_key, profile=profile, names=names)
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [oid]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert signed_by(leaf, issuer.certificate)


def test_only_an_rsa_server_key_may_decrypt(
    issuer: Issuer, leaf_key: PrivateKey, rsa_key: PrivateKey
) -> None:
    def deciphers(profile: Profile, key: PrivateKey) -> bool:
        leaf = _leaf(issuer, key, profile=profile, names=HOST)
        return leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment

    assert deciphers(SERVER, rsa_key)
    assert not deciphers(SERVER, leaf_key)
    assert not deciphers(CLIENT, rsa_key)


def test_the_authority_key_id_is_the_subject_key_id_of_the_ca(issuer: Issuer, leaf_key: PrivateKey) -> None:
    leaf = _leaf(issuer, leaf_key)
    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == subject.digest


def test_a_leaf_names_where_the_revocation_list_is(issuer: Issuer, leaf_key: PrivateKey) -> None:
    uris = ("http://pki.acme.example/clients.crl", "https://[2001:db8::1]:8443/clients.crl")
    leaf = _leaf(issuer, leaf_key, distribution_points=uris)
    extension = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    assert not extension.critical
    # One point with two ways to it: two points would be two lists, with a part of the serials each.
    (point,) = extension.value
    assert [name.value for name in point.full_name or ()] == list(uris)
    assert (point.relative_name, point.reasons, point.crl_issuer) == (None, None, None)
    assert inspect_certificate(leaf).distribution_points == uris


def test_a_leaf_without_distribution_points_does_not_have_the_extension(
    issuer: Issuer, leaf_key: PrivateKey
) -> None:
    leaf = _leaf(issuer, leaf_key)
    assert all(extension.oid != x509.CRLDistributionPoints.oid for extension in leaf.extensions)
    assert inspect_certificate(leaf).distribution_points == ()


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("ldap://pki.acme.example/cn=clients", "is no http or https address"),
        ("clients.crl", "is not valid: absolute"),
        ("http:///clients.crl", "wants a host"),
        ("", "is not valid"),
    ],
)
def test_a_distribution_point_that_clients_cannot_fetch_is_refused(
    issuer: Issuer, leaf_key: PrivateKey, uri: str, sentence: str
) -> None:
    with pytest.raises(PkiError, match=sentence):
        _leaf(issuer, leaf_key, distribution_points=("http://pki.acme.example/ca.crl", uri))


def test_serial_numbers_are_random(issuer: Issuer, leaf_key: PrivateKey) -> None:
    serials = {_leaf(issuer, leaf_key).serial_number for _ in range(20)}
    assert len(serials) == 20
    assert max(serial.bit_length() for serial in serials) > 140


def test_a_leaf_is_cut_at_the_end_of_its_issuer_and_that_is_said(
    issuer: Issuer, leaf_key: PrivateKey
) -> None:
    late = issuer.certificate.not_valid_after_utc - timedelta(days=1)
    leaf = _leaf(issuer, leaf_key, now=late)
    assert leaf.not_valid_after_utc == issuer.certificate.not_valid_after_utc
    assert is_capped(duration=QUARTER, issuer=issuer.certificate, now=late)
    assert capped_not_after(duration=QUARTER, issuer=issuer.certificate, now=late) == leaf.not_valid_after_utc


def test_a_leaf_that_ends_first_is_not_capped(issuer: Issuer) -> None:
    assert not is_capped(duration=QUARTER, issuer=issuer.certificate, now=NOW)
    assert not is_capped(duration=10 * YEAR, issuer=issuer.certificate, now=NOW)
    assert is_capped(duration=10 * YEAR + timedelta(seconds=1), issuer=issuer.certificate, now=NOW)


def test_a_leaf_does_not_begin_before_its_issuer(issuer: Issuer, leaf_key: PrivateKey) -> None:
    begin = issuer.certificate.not_valid_before_utc
    assert _leaf(issuer, leaf_key, now=begin).not_valid_before_utc == begin


def test_an_issuer_that_is_not_valid_now_signs_nothing(issuer: Issuer, leaf_key: PrivateKey) -> None:
    with pytest.raises(PkiError, match=r"'Acme Client Root' expired at 2036.*rotate"):
        _leaf(issuer, leaf_key, now=issuer.certificate.not_valid_after_utc)
    with pytest.raises(PkiError, match="not valid before 2026"):
        _leaf(issuer, leaf_key, now=NOW - YEAR)


@pytest.mark.parametrize("common_name", ["Acme Client Root", "acme client root"])
def test_the_common_name_of_the_ca_is_refused_for_a_leaf(
    issuer: Issuer, leaf_key: PrivateKey, common_name: str
) -> None:
    with pytest.raises(PkiError, match="is that of the CA"):
        _leaf(issuer, leaf_key, common_name=common_name)


def test_a_client_cannot_have_a_wildcard_name(issuer: Issuer, leaf_key: PrivateKey) -> None:
    names = SubjectAltNames(dns_names=("*.acme.example",))
    with pytest.raises(PkiError, match=r"'\*\.acme\.example' is a wildcard"):
        _leaf(issuer, leaf_key, names=names)
    server = _leaf(issuer, leaf_key, profile=SERVER, names=names)
    assert SubjectAltNames.from_certificate(server) == names


def test_a_server_needs_a_name(issuer: Issuer, leaf_key: PrivateKey) -> None:
    with pytest.raises(PkiError, match="subject alternative name"):
        _leaf(issuer, leaf_key, profile=SERVER)


def test_a_leaf_cannot_have_the_root_profile(issuer: Issuer, leaf_key: PrivateKey) -> None:
    with pytest.raises(PkiError, match="profile root"):
        _leaf(issuer, leaf_key, profile=ROOT)


@pytest.mark.parametrize(
    ("duration", "sentence"),
    [
        (timedelta(0), "shorter than a second"),
        (-QUARTER, "shorter than a second"),
        (11 * YEAR, "at most 3650 days"),
    ],
)
def test_a_duration_outside_the_profile_is_refused(
    issuer: Issuer, leaf_key: PrivateKey, duration: timedelta, sentence: str
) -> None:
    with pytest.raises(PkiError, match=sentence):
        _leaf(issuer, leaf_key, profile=SERVER, names=HOST, duration=duration)


def test_a_root_of_more_than_thirty_years_is_refused(rsa_key: PrivateKey) -> None:
    with pytest.raises(PkiError, match="at most 10950 days"):
        issue_root(subject=Subject("Acme Root"), key=rsa_key, duration=31 * YEAR, now=NOW)


def test_an_issuer_is_a_ca_with_its_own_key(issuer: Issuer, leaf_key: PrivateKey) -> None:
    with pytest.raises(PkiError, match="does not belong"):
        Issuer(issuer.certificate, leaf_key)
    with pytest.raises(PkiError, match="no CA"):
        Issuer(_leaf(issuer, leaf_key), leaf_key)


@pytest.mark.parametrize(
    ("size", "digest"), [(256, hashes.SHA256), (384, hashes.SHA384), (521, hashes.SHA512)]
)
def test_the_hash_is_as_strong_as_the_curve(size: int, digest: type[hashes.HashAlgorithm]) -> None:
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, size))
    root = issue_root(subject=Subject("Acme Root"), key=key, duration=YEAR, now=NOW)
    assert isinstance(root.signature_hash_algorithm, digest)


def test_a_naive_time_is_a_mistake_of_the_caller(rsa_key: PrivateKey) -> None:
    with pytest.raises(ValueError, match="aware"):
        issue_root(subject=Subject("Acme Root"), key=rsa_key, duration=YEAR, now=NOW.replace(tzinfo=None))


def _by_hand(
    key: PrivateKey, *extensions: tuple[x509.ExtensionType, bool], serial: int = 1 << 100
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder(subject_name=Subject("leaf").to_x509(), issuer_name=Subject("ca").to_x509())
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + QUARTER)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(key, hashes.SHA256())


def test_the_lint_finds_each_kind_of_fault(leaf_key: PrivateKey) -> None:
    key_id = x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key())
    authority = x509.AuthorityKeyIdentifier(b"0" * 20, None, None)
    good: dict[str, tuple[x509.ExtensionType, bool]] = {
        "2.5.29.19": (x509.BasicConstraints(ca=False, path_length=None), True),
        "2.5.29.15": (CLIENT.key_usage(KeyAlgorithm.ECDSA), True),
        "2.5.29.37": (x509.ExtendedKeyUsage([Usage.CLIENT.oid]), False),
        "2.5.29.14": (key_id, False),
        "authority key identifier": (authority, False),
    }
    assert lint_certificate(_by_hand(leaf_key, *good.values()), CLIENT) == ()
    for left_out in good:
        rest = [extension for name, extension in good.items() if name != left_out]
        assert left_out in " ".join(lint_certificate(_by_hand(leaf_key, *rest), CLIENT))

    def findings(name: str, value: x509.ExtensionType, *, critical: bool) -> str:
        return " ".join(
            lint_certificate(_by_hand(leaf_key, *{**good, name: (value, critical)}.values()), CLIENT)
        )

    assert "2.5.29.19" in findings(
        "2.5.29.19", x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    assert "not critical" in findings("2.5.29.19", good["2.5.29.19"][0], critical=False)
    both = x509.ExtendedKeyUsage([Usage.CLIENT.oid, Usage.SERVER.oid])
    assert "2.5.29.37" in findings("2.5.29.37", both, critical=False)
    assert "none of the profile's" in findings("extra", x509.OCSPNoCheck(), critical=False)
    address = x509.UniformResourceIdentifier("http://pki.acme.example/ca.crl")
    points = x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)])
    assert findings("extra", points, critical=False) == ""
    assert "2.5.29.31 is critical" in findings("extra", points, critical=True)
    of_a_root = lint_certificate(_by_hand(leaf_key, *good.values(), (points, False)), ROOT)
    assert "the extension 2.5.29.31 is none of the profile's" in of_a_root
    assert "serial number" in " ".join(lint_certificate(_by_hand(leaf_key, *good.values(), serial=1), CLIENT))


def test_a_key_that_no_profile_takes_is_refused(issuer: Issuer) -> None:
    with pytest.raises(PkiError, match="neither RSA nor ECDSA"):
        issue_leaf(
            profile=CLIENT,
            subject=Subject("payments.team-a"),
            names=SubjectAltNames(),
            public_key=ed25519.Ed25519PrivateKey.generate().public_key(),  # type: ignore[arg-type]
            issuer=issuer,
            duration=QUARTER,
            now=NOW,
        )


def test_no_repr_shows_a_private_key(issuer: Issuer) -> None:
    assert "key=" not in repr(issuer)


@pytest.mark.parametrize("usage", Usage)
def test_only_a_ca_is_self_signed(usage: Usage) -> None:
    with pytest.raises(ValueError, match="only a CA"):
        Profile(name="odd", usage=usage, max_duration=YEAR, self_signed=True)


@pytest.mark.parametrize("usage", [None, Usage.CLIENT])
def test_only_a_server_profile_has_wildcards_or_decrypts(usage: Usage | None) -> None:
    with pytest.raises(ValueError, match="only servers"):
        Profile(name="odd", usage=usage, max_duration=YEAR, wildcards=True)
    with pytest.raises(ValueError, match="only servers"):
        Profile(name="odd", usage=usage, max_duration=YEAR, rsa_key_encipherment=True)
