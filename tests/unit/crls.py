"""Revocation lists as an authority publishes them, for tests of who reads them."""

from datetime import datetime, timedelta
from functools import cache

from builders import NOW
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

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


def revocation_list(
    number: int, now: datetime = NOW, validity: timedelta = VALIDITY
) -> x509.CertificateRevocationList:
    issuer = root()
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    key_id = x509.SubjectKeyIdentifier.from_public_key(issuer.key.public_key())
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + validity)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def pem(crl: x509.CertificateRevocationList) -> str:
    return crl.public_bytes(Encoding.PEM).decode()


def der(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(Encoding.DER)
