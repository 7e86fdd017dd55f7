"""The PKCS#12 files of a rotation are read by the programs that people import them into.

Their chain holds a cross certificate and two roots, all three of one name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from mtls_operator.pki.inspect import load_chain
from mtls_operator.pki.issue import Issuer, cross_sign, issue_leaf, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, key_from_pem, same_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.pkcs12 import Pkcs12Profile, build_pkcs12, keystore_chain, opens_pkcs12
from mtls_operator.pki.profiles import CLIENT

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD = "Correct-Horse"
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)


def _root(now: datetime) -> Issuer:
    key = generate_key(P256)
    subject = Subject("Acme Root", ("Acme",))
    return Issuer(issue_root(subject=subject, key=key, duration=timedelta(days=3650), now=now), key)


OLD, NEW = _root(NOW - timedelta(days=2900)), _root(NOW)
CROSS = cross_sign(root=NEW.certificate, issuer=OLD, now=NOW)
KEY = generate_key(KeySpec(KeyAlgorithm.RSA, 2048))
LEAF = issue_leaf(
    profile=CLIENT,
    subject=Subject("payments.team-a"),
    names=SubjectAltNames(),
    public_key=KEY.public_key(),
    issuer=NEW,
    duration=timedelta(days=90),
    now=NOW,
)
CHAIN = (CROSS, NEW.certificate, OLD.certificate)


NICKNAMES = ("payments", "Acme Root - Acme", "Acme Root - Acme #2", "Acme Root - Acme #3")
NSS = "NSS; libnss3-tools in Debian"


def _needs(*programs: str, of: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not on the PATH: {', '.join(missing)} ({of})")


def _file(folder: Path, profile: Pkcs12Profile, chain: tuple[x509.Certificate, ...]) -> Path:
    path = folder / "client.p12"
    data = build_pkcs12(
        key=KEY,
        certificate=LEAF,
        chain=chain,
        friendly_name="payments",
        password=PASSWORD,
        profile=profile,
    )
    path.write_bytes(data)
    return path


@pytest.fixture(params=Pkcs12Profile)
def client_p12(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return _file(tmp_path, request.param, CHAIN)


def _run(*command: str | Path) -> str:
    run = subprocess.run(command, capture_output=True, check=False, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _serials(certificates: tuple[x509.Certificate, ...]) -> list[str]:
    return [f"{certificate.serial_number:x}" for certificate in certificates]


def test_openssl_3_reads_everything_in_its_order_without_the_legacy_provider(client_p12: Path) -> None:
    everything = _run("openssl", "pkcs12", "-in", client_p12, "-passin", f"pass:{PASSWORD}", "-nodes")
    assert load_chain(everything) == (LEAF, *CHAIN)
    assert same_key(LEAF, key_from_pem(everything.encode()))


def test_python_reads_everything_in_its_order(client_p12: Path) -> None:
    _, leaf, chain = pkcs12.load_key_and_certificates(client_p12.read_bytes(), PASSWORD.encode())
    assert (leaf, *chain) == (LEAF, *CHAIN)
    contents = opens_pkcs12(client_p12.read_bytes(), PASSWORD)
    assert contents is not None
    assert contents.chain == CHAIN
    assert same_key(LEAF, contents.key)


@_needs("keytool", of="any Java from 17")
def test_java_reads_the_key_with_the_chain_that_whoever_knows_either_root_accepts(client_p12: Path) -> None:
    listed = _run(
        *("keytool", "-J-Duser.language=en", "-J-XX:TieredStopAtLevel=1"),
        *("-list", "-v", "-storetype", "PKCS12", "-keystore", client_p12, "-storepass", PASSWORD),
    )
    assert "Alias name: payments" in listed
    assert "Entry type: PrivateKeyEntry" in listed
    # Java builds the chain that it will send from what is in the file, and takes the first that fits:
    # were the new root before the cross certificate, the old root would not be reached.
    assert re.findall(r"^Serial number: ([0-9a-f]+)$", listed, re.MULTILINE) == _serials(
        (LEAF, CROSS, OLD.certificate)
    )


def _import_into_nss(client_p12: Path) -> str:
    folder = client_p12.with_name("nss")
    folder.mkdir()
    database = f"sql:{folder}"
    _run("certutil", "-N", "-d", database, "--empty-password")
    _run("pk12util", "-i", client_p12, "-d", database, "-W", PASSWORD)
    return database


@_needs("pk12util", "certutil", of=NSS)
def test_nss_imports_the_key_and_every_certificate(client_p12: Path) -> None:
    database = _import_into_nss(client_p12)
    assert re.search(r"^payments +u,u,u *$", _run("certutil", "-L", "-d", database), re.MULTILINE)
    assert "payments" in _run("certutil", "-K", "-d", database)
    # A nickname stands for every certificate of its subject.
    stored = (_run("certutil", "-L", "-d", database, "-n", name, "-a") for name in NICKNAMES)
    assert {certificate for pem in stored for certificate in load_chain(pem)} == {LEAF, *CHAIN}


@_needs("pk12util", "certutil", of=NSS)
def test_nss_goes_through_the_cross_certificate_when_the_new_root_is_not_in_the_file(tmp_path: Path) -> None:
    chain = keystore_chain((CROSS,), (OLD.certificate, NEW.certificate))
    database = _import_into_nss(_file(tmp_path, Pkcs12Profile.MODERN, chain))
    path = _run("certutil", "-O", "-d", database, "-n", "payments")
    # With the new root in the file as well it is two: what is sent would not reach the old root.
    assert len(re.findall(r'^ *"', path, re.MULTILINE)) == len((OLD, CROSS, LEAF))
