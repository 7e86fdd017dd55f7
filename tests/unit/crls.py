"""Revocation lists as an authority publishes them, for tests of who reads them."""

from datetime import timedelta
from functools import cache

from builders import NOW
from cryptography import x509

from mtls_operator.pki.crl import build_crl, crls_to_pem
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.issue import Issuer
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key
from mtls_operator.pki.names import Subject
from mtls_operator.pki.roots import issue_root

VALIDITY = timedelta(hours=6)


@cache
def root() -> Issuer:
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, 256))
    subject = Subject(common_name="Root of the lists")
    return Issuer(issue_root(subject=subject, key=key, duration=timedelta(days=365), now=NOW), key)


def root_pem() -> str:
    return chain_to_pem((root().certificate,)).decode()


def revocation_list(number: int) -> x509.CertificateRevocationList:
    return build_crl(issuer=root(), revoked=(), number=number, validity=VALIDITY, now=NOW)


def pem(*crls: x509.CertificateRevocationList) -> str:
    return crls_to_pem(crls).decode()
