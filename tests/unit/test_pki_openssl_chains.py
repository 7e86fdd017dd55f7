"""OpenSSL follows a rotation from either end, and refuses what a revocation list names."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mtls_operator.pki.crl import RevokedSerial, build_crl, crls_to_pem
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.issue import Issuer, cross_sign, issue_leaf, issue_root, renew_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cryptography import x509

    Verify = Callable[..., str]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
LEAF_KEY = generate_key(P256)


def _root() -> Issuer:
    key = generate_key(P256)
    return Issuer(
        issue_root(subject=Subject("Acme Root", ("Acme",)), key=key, duration=10 * YEAR, now=NOW), key
    )


OLDEST, OLD, NEW = ROOTS = (_root(), _root(), _root())
OLD_BY_OLDEST = cross_sign(root=OLD.certificate, issuer=OLDEST, now=NOW)
NEW_BY_OLD = cross_sign(root=NEW.certificate, issuer=OLD, now=NOW)


def _leaf(issuer: Issuer) -> x509.Certificate:
    return issue_leaf(
        profile=CLIENT,
        subject=Subject("payments.team-a"),
        names=SubjectAltNames(),
        public_key=LEAF_KEY.public_key(),
        issuer=issuer,
        duration=8 * YEAR,
        now=NOW,
    )


LEAF = _leaf(NEW)


@pytest.fixture
def openssl(tmp_path: Path) -> Verify:
    """Verify the first certificate of a chain as a client's; return OpenSSL's complaint, or nothing."""

    def verify(
        chain: Sequence[x509.Certificate],
        root: Issuer,
        *crls: x509.CertificateRevocationList,
        at: datetime = NOW,
    ) -> str:
        leaf, *others = chain
        paths = {name: tmp_path / name for name in ("leaf", "others", "root", "crls")}
        paths["leaf"].write_bytes(chain_to_pem([leaf]))
        paths["others"].write_bytes(chain_to_pem(others))
        paths["root"].write_bytes(chain_to_pem([root.certificate]))
        paths["crls"].write_bytes(crls_to_pem(crls))
        options: list[str | Path] = [
            "-x509_strict",
            "-purpose",
            "sslclient",
            "-attime",
            f"{at.timestamp():.0f}",
        ]
        options += ["-no-CApath", "-no-CAstore", "-CAfile", paths["root"]]
        options += ["-untrusted", paths["others"]] if others else []
        options += ["-crl_check", "-CRLfile", paths["crls"]] if crls else []
        run = subprocess.run(
            ["openssl", "verify", *options, paths["leaf"]], capture_output=True, check=False, text=True
        )
        assert bool(run.stderr) == bool(run.returncode)
        return run.stderr

    return verify


def test_a_leaf_with_the_cross_certificate_verifies_for_whoever_knows_either_root(openssl: Verify) -> None:
    chain = (LEAF, NEW_BY_OLD)
    assert openssl(chain, OLD) == ""
    assert openssl(chain, NEW) == ""
    assert "unable to get" in openssl(chain, OLDEST)
    assert "unable to get" in openssl((LEAF,), OLD)


@pytest.mark.parametrize("order", [(NEW_BY_OLD, OLD_BY_OLDEST), (OLD_BY_OLDEST, NEW_BY_OLD)])
def test_two_cross_certificates_lead_to_any_of_three_roots(
    openssl: Verify, order: tuple[x509.Certificate, ...]
) -> None:
    for root in ROOTS:
        assert openssl((LEAF, *order), root) == ""


def test_what_a_root_signed_verifies_with_the_renewal_of_that_root_as_well(openssl: Verify) -> None:
    later = NOW + 5 * YEAR
    renewed = Issuer(renew_root(root=OLD.certificate, key=OLD.key, duration=10 * YEAR, now=later), OLD.key)
    for root in (OLD, renewed):
        assert openssl((_leaf(OLD),), root, at=later) == ""
        assert openssl((LEAF, NEW_BY_OLD), root, at=later) == ""


def _crl(issuer: Issuer, *revoked: x509.Certificate) -> x509.CertificateRevocationList:
    entries = [
        RevokedSerial(serial=leaf.serial_number, revoked_at=NOW, reason="KeyCompromise") for leaf in revoked
    ]
    return build_crl(issuer=issuer, revoked=entries, number=1, validity=timedelta(days=7), now=NOW)


def test_a_revoked_leaf_is_refused_and_its_neighbour_is_not(openssl: Verify) -> None:
    other = _leaf(NEW)
    crl = _crl(NEW, LEAF)
    assert "certificate revoked" in openssl((LEAF,), NEW, crl)
    assert openssl((other,), NEW, crl) == ""


def test_a_list_is_found_by_its_key_when_the_roots_of_a_rotation_have_one_name(openssl: Verify) -> None:
    crls = (_crl(OLD), _crl(NEW, LEAF))
    for order in (crls, crls[::-1]):
        assert "certificate revoked" in openssl((LEAF, NEW_BY_OLD), OLD, *order)
        assert "certificate revoked" in openssl((LEAF, NEW_BY_OLD), NEW, *order)
        assert openssl((_leaf(OLD),), OLD, *order) == ""


def test_a_list_of_another_root_of_that_name_says_nothing(openssl: Verify) -> None:
    assert "unable to get certificate CRL" in openssl((LEAF,), NEW, _crl(OLD, LEAF))


def test_a_list_that_is_past_its_next_update_is_refused(openssl: Verify) -> None:
    assert "CRL has expired" in openssl((LEAF,), NEW, _crl(NEW), at=NOW + timedelta(days=8))
