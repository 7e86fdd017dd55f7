"""An existing root is taken when everybody will accept what it signs; else all that is in the way is said."""

from __future__ import annotations

import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.existing import HOW_TO_MAKE_A_ROOT, check_existing_root
from mtls_operator.pki.inspect import load_chain
from mtls_operator.pki.issue import Issuer, cross_sign, issue_leaf, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key, key_from_pem, key_to_pem
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, ROOT, Usage
from mtls_operator.pki.verify import verify_leaf

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
KEY = generate_key(P256)
LEAF_KEY = generate_key(P256)
NAME = Subject("Acme Root", ("Acme",)).to_x509()
CA = x509.BasicConstraints(ca=True, path_length=None)
SIGNING = ROOT.key_usage(KeyAlgorithm.ECDSA)
KEY_ID = x509.SubjectKeyIdentifier(b"1" * 20)
GOOD: dict[type[x509.ExtensionType], tuple[x509.ExtensionType, bool]] = {
    x509.BasicConstraints: (CA, True),
    x509.KeyUsage: (SIGNING, True),
    x509.SubjectKeyIdentifier: (KEY_ID, False),
}


def _root(
    *changes: tuple[x509.ExtensionType, bool],
    without: type[x509.ExtensionType] | None = None,
    name: x509.Name = NAME,
    issuer: x509.Name | None = None,
    key: PrivateKey = KEY,
    signer: PrivateKey | None = None,
    digest: hashes.SHA256 | hashes.SHA224 | hashes.SHA3_256 | None = None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder(subject_name=name, issuer_name=issuer or name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + 10 * YEAR)
    )
    extensions = {**GOOD, **{type(value): (value, critical) for value, critical in changes}}
    for kind, (value, critical) in extensions.items():
        if kind is not without:
            builder = builder.add_extension(value, critical)
    return builder.sign(signer or key, digest or hashes.SHA256())


def _leaf(root: x509.Certificate) -> x509.Certificate:
    return issue_leaf(
        profile=CLIENT,
        subject=Subject("payments.team-a"),
        names=SubjectAltNames(dns_names=("a.acme.example",)),
        public_key=LEAF_KEY.public_key(),
        issuer=Issuer(root, KEY),
        duration=YEAR,
        now=NOW,
    )


SERVERS_ONLY = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
BOTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
POLICY = x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ((x509.BasicConstraints(ca=True, path_length=0), True),),
        ((x509.BasicConstraints(ca=True, path_length=1), True),),
        ((SIGNING, False),),
        ((BOTH, False),),
        ((x509.AuthorityKeyIdentifier(b"1" * 20, None, None), False),),
        ((x509.NameConstraints([x509.DNSName("acme.example")], None), True),),
        ((x509.CertificatePolicies([POLICY]), False),),
    ],
)
def test_a_root_of_another_make_is_taken_and_what_it_signs_verifies(
    changes: tuple[tuple[x509.ExtensionType, bool], ...],
) -> None:
    root = _root(*changes)
    check_existing_root(root, KEY, NOW)
    leaf = _leaf(root)
    assert verify_leaf([leaf], [root], NOW, Usage.CLIENT) == (leaf, root)


@pytest.mark.parametrize(
    "spec", [KeySpec(KeyAlgorithm.RSA, 2048), P256, *(KeySpec(KeyAlgorithm.ECDSA, n) for n in (384, 521))]
)
def test_a_root_of_ours_is_taken(spec: KeySpec) -> None:
    key = generate_key(spec)
    check_existing_root(issue_root(subject=Subject("Acme"), key=key, duration=YEAR, now=NOW), key, NOW)


# Each of these is refused by Python's verifier or by OpenSSL, or is on its way out of one of them.
@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        (_root(without=x509.BasicConstraints), "basicConstraints with CA:TRUE is missing"),
        (
            _root((x509.BasicConstraints(ca=False, path_length=None), True)),
            "basicConstraints with CA:TRUE is missing",
        ),
        (_root((CA, False)), "basicConstraints is not critical"),
        (_root(without=x509.KeyUsage), "keyUsage with keyCertSign and cRLSign is missing"),
        (_root((CLIENT.key_usage(KeyAlgorithm.ECDSA), True)), "keyUsage with keyCertSign and cRLSign"),
        (_root(without=x509.SubjectKeyIdentifier), "subject key identifier is missing"),
        (_root((SERVERS_ONLY, False)), "does not name client authentication"),
        (_root((BOTH, True)), r"its extension 2\.5\.29\.37 is critical"),
        (_root((x509.CertificatePolicies([POLICY]), True)), r"its extension 2\.5\.29\.32 is critical"),
        (_root(name=x509.Name.from_rfc4514_string("O=Acme")), "has no common name"),
        (_root(issuer=Subject("Upstream").to_x509()), "was issued by 'CN=Upstream' and not by itself"),
        (_root(signer=LEAF_KEY), "not made with its own key"),
        (_root(digest=hashes.SHA224()), "is signed with sha224: make it anew with SHA-256"),
        (_root(digest=hashes.SHA3_256()), "is signed with sha3-256: make it anew with SHA-256"),
    ],
)
def test_a_root_whose_leaves_somebody_would_refuse_is_refused(root: x509.Certificate, sentence: str) -> None:
    with pytest.raises(PkiError, match=sentence) as caught:
        check_existing_root(root, KEY, NOW)
    assert "; " not in str(caught.value)  # nothing else is wrong with it


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (NOW - timedelta(seconds=1), "not valid before 2026-03-01"),
        (NOW + 10 * YEAR, "expired at 2036-02-27"),
    ],
)
def test_a_root_that_is_not_valid_now_is_refused(now: datetime, sentence: str) -> None:
    with pytest.raises(PkiError, match=sentence):
        check_existing_root(_root(), KEY, now)


def test_a_key_of_another_root_is_refused() -> None:
    with pytest.raises(PkiError, match="the private key belongs to another certificate"):
        check_existing_root(_root(), LEAF_KEY, NOW)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (rsa.generate_private_key(public_exponent=65537, key_size=1024), "not 1024"),  # noqa: S505 (too weak on purpose)
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1 is not supported"),
    ],
)
def test_a_key_that_is_not_issued_with_is_refused(key: PrivateKey, sentence: str) -> None:
    with pytest.raises(PkiError, match=sentence):
        check_existing_root(_root(key=key), key, NOW)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    root = _root(without=x509.KeyUsage, name=x509.Name.from_rfc4514_string("O=Acme"), signer=LEAF_KEY)
    with pytest.raises(PkiError) as caught:
        check_existing_root(root, LEAF_KEY, NOW + 20 * YEAR)
    text = str(caught.value)
    assert text.startswith("the certificate 'O=Acme' cannot be an authority: ")
    for sentence in ("belongs to another", "no common name", "own key", "expired", "keyUsage"):
        assert sentence in text


def test_a_cross_certificate_is_no_root() -> None:
    old_key = generate_key(P256)
    old = Issuer(issue_root(subject=Subject("Acme"), key=old_key, duration=YEAR, now=NOW), old_key)
    new = issue_root(subject=Subject("Acme"), key=KEY, duration=YEAR, now=NOW)
    with pytest.raises(PkiError, match="not made with its own key"):
        check_existing_root(cross_sign(root=new, issuer=old, now=NOW), KEY, NOW)


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(shlex.split(command), cwd=folder, capture_output=True, check=True)


def _read(folder: Path) -> tuple[x509.Certificate, PrivateKey]:
    (root,) = load_chain((folder / "ca.crt").read_bytes())
    return root, key_from_pem((folder / "ca.key").read_bytes())


def test_the_root_of_the_guides_commands_is_refused_with_a_command_that_makes_a_good_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "ca.key").write_bytes(key_to_pem(generate_key(KeySpec(KeyAlgorithm.RSA, 2048))))
    _openssl(tmp_path, 'openssl req -new -key ca.key -out ca.csr -subj "/CN=Guide CA"')
    _openssl(tmp_path, "openssl x509 -req -in ca.csr -out ca.crt -signkey ca.key -days 3650")
    root, key = _read(tmp_path)
    assert root.version is x509.Version.v1
    with pytest.raises(PkiError, match="is of version 1") as caught:
        check_existing_root(root, key, root.not_valid_before_utc)
    command = HOW_TO_MAKE_A_ROOT
    assert str(caught.value).endswith(command)

    _openssl(tmp_path, command)
    better, key = _read(tmp_path)
    check_existing_root(better, key, better.not_valid_before_utc)


# Python makes no such certificates any more.
def test_a_root_that_is_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_bytes(key_to_pem(KEY))
    _openssl(tmp_path, HOW_TO_MAKE_A_ROOT.replace("sha256", "sha1"))
    root, key = _read(tmp_path)
    with pytest.raises(PkiError, match="is signed with sha1: make it anew with SHA-256"):
        check_existing_root(root, key, root.not_valid_before_utc)


def test_a_key_for_pss_alone_is_refused_since_it_fits_none_of_its_leaves(tmp_path: Path) -> None:
    _openssl(tmp_path, "openssl genpkey -algorithm RSA-PSS -out ca.key")
    _openssl(tmp_path, HOW_TO_MAKE_A_ROOT)
    root, key = _read(tmp_path)
    with pytest.raises(PkiError, match="the key is for RSASSA-PSS alone"):
        check_existing_root(root, key, root.not_valid_before_utc)
