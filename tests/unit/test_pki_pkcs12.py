"""PKCS#12 files open with OpenSSL and Python, in both profiles, and only with their password."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import chain_to_pem, load_chain
from mtls_operator.pki.issue import Issuer, issue_leaf, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, key_from_pem, key_to_pem, same_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.pkcs12 import UNAMBIGUOUS, Pkcs12Profile, build_pkcs12, new_password, opens_pkcs12
from mtls_operator.pki.profiles import CLIENT

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
ROOT_KEY = generate_key(P256)
ROOT = issue_root(subject=Subject("Acme Root"), key=ROOT_KEY, duration=timedelta(days=90), now=NOW)
KEY = generate_key(P256)
LEAF = issue_leaf(
    profile=CLIENT,
    subject=Subject("payments.team-a"),
    names=SubjectAltNames(),
    public_key=KEY.public_key(),
    issuer=Issuer(ROOT, ROOT_KEY),
    duration=timedelta(days=30),
    now=NOW,
)
PASSWORD = "Correct-Horse"
CIPHERS = {Pkcs12Profile.MODERN: "AES-256-CBC", Pkcs12Profile.LEGACY: "pbeWithSHA1And3-KeyTripleDES-CBC"}
MACS = {Pkcs12Profile.MODERN: "MAC: sha256", Pkcs12Profile.LEGACY: "MAC: sha1"}


def _build(
    profile: Pkcs12Profile, chain: tuple[x509.Certificate, ...] = (ROOT,), friendly_name: str = ""
) -> bytes:
    return build_pkcs12(
        key=KEY,
        certificate=LEAF,
        chain=chain,
        friendly_name=friendly_name,
        password=PASSWORD,
        profile=profile,
    )


@pytest.mark.parametrize("profile", Pkcs12Profile)
def test_openssl_opens_the_file_and_finds_key_leaf_and_chain(profile: Pkcs12Profile, tmp_path: Path) -> None:
    path = tmp_path / "client.p12"
    path.write_bytes(_build(profile))
    opened = subprocess.run(
        ["openssl", "pkcs12", "-in", path, "-passin", f"pass:{PASSWORD}", "-info", "-nodes"],
        capture_output=True,
        check=True,
    )
    assert set(load_chain(opened.stdout)) == {LEAF, ROOT}
    assert same_key(LEAF, key_from_pem(opened.stdout))
    assert CIPHERS[profile] in opened.stderr.decode()
    assert MACS[profile] in opened.stderr.decode()
    assert "Iteration 2048" in opened.stderr.decode()


@pytest.mark.parametrize("profile", Pkcs12Profile)
@pytest.mark.parametrize("chain", [(), (ROOT,), (ROOT, LEAF)])
@pytest.mark.parametrize("friendly_name", ["", "payments", "支付"])
def test_what_was_built_is_read_back(
    profile: Pkcs12Profile, chain: tuple[x509.Certificate, ...], friendly_name: str
) -> None:
    contents = opens_pkcs12(_build(profile, chain, friendly_name), PASSWORD)
    assert contents is not None
    assert same_key(LEAF, contents.key)
    assert contents.certificate == LEAF
    assert contents.chain == chain
    assert contents.friendly_name == friendly_name
    assert contents.profile is profile


def test_another_password_does_not_open_it() -> None:
    assert opens_pkcs12(_build(Pkcs12Profile.MODERN), PASSWORD.lower()) is None


@pytest.mark.parametrize("damage", [b"", b"hello", _build(Pkcs12Profile.MODERN)[:-40]])
def test_a_damaged_file_is_no_file(damage: bytes) -> None:
    assert opens_pkcs12(damage, PASSWORD) is None


def test_a_file_without_a_key_is_no_file() -> None:
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    assert (
        opens_pkcs12(pkcs12.serialize_key_and_certificates(None, None, LEAF, None, encryption), PASSWORD)
        is None
    )


@pytest.mark.parametrize(
    ("certificates", "key"), [("AES-128-CBC", "AES-128-CBC"), ("AES-128-CBC", "AES-256-CBC")]
)
def test_a_file_encrypted_in_another_way_has_no_profile(certificates: str, key: str, tmp_path: Path) -> None:
    source = tmp_path / "client.pem"
    source.write_bytes(chain_to_pem([LEAF]) + key_to_pem(KEY))
    ciphers = ["-certpbe", certificates, "-keypbe", key]
    exported = subprocess.run(
        ["openssl", "pkcs12", "-export", "-in", source, *ciphers, "-passout", f"pass:{PASSWORD}"],
        capture_output=True,
        check=True,
    )
    contents = opens_pkcs12(exported.stdout, PASSWORD)
    assert contents is not None
    assert contents.certificate == LEAF
    assert contents.profile is None


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(PkiError, match="password of a PKCS#12 file is empty"):
        build_pkcs12(
            key=KEY,
            certificate=LEAF,
            chain=(),
            friendly_name="",
            password="",
            profile=Pkcs12Profile.MODERN,
        )


def test_a_key_of_another_certificate_is_refused() -> None:
    with pytest.raises(PkiError, match="does not belong"):
        build_pkcs12(
            key=ROOT_KEY,
            certificate=LEAF,
            chain=(),
            friendly_name="",
            password=PASSWORD,
            profile=Pkcs12Profile.MODERN,
        )


def test_contents_do_not_show_the_key() -> None:
    assert "key=" not in repr(opens_pkcs12(_build(Pkcs12Profile.MODERN), PASSWORD))


def test_a_new_password_is_long_typable_and_another_each_time() -> None:
    passwords = {new_password() for _ in range(50)}
    assert len(passwords) == 50
    assert {len(password) for password in passwords} == {20}
    assert set("".join(passwords)) <= set(UNAMBIGUOUS)
    assert not set(UNAMBIGUOUS) & set("0O1Il")
