"""Whether somebody's own root can be an authority.

Pure: `now` is an argument. Called by the reconciler of CertificateAuthority for `source.secretRef`.

Stricter than the cloud: a root that CLB takes but that our own verifier, browsers or OpenSSL refuse
would sign certificates that work on one side only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import extension_of, inspect_certificate, signed_by
from mtls_operator.pki.keys import PrivateKey, issuable_key, same_key
from mtls_operator.pki.names import common_name_of
from mtls_operator.pki.profiles import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

HOW_TO_MAKE_A_ROOT: Final = (
    'openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=Acme Root" '
    "-addext keyUsage=critical,keyCertSign,cRLSign -out ca.crt"
)
"""The command makes a version 3 root, with basicConstraints and key identifiers from OpenSSL's defaults."""

_GOOD_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_KNOWN_CRITICAL: Final = frozenset({x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.NameConstraints.oid})


def check_existing_root(certificate: x509.Certificate, key: PrivateKey, now: datetime) -> None:
    """Refuse a root that cannot sign what clients, servers and the cloud will accept.

    A path length is fine, even 0: it lets the root sign leaves, though no cross certificate.

    Args:
        certificate: the root.
        key: its private key.
        now: an aware time.

    Raises:
        PkiError: it cannot be an authority; the text names it and everything that is in the way.
    """
    inspect_certificate(certificate)  # refuses what is malformed
    findings = tuple(_findings(certificate, key, now))
    if findings:
        name = certificate.subject.rfc4514_string()
        raise PkiError(f"the certificate {name!r} cannot be an authority: {'; '.join(findings)}")


def _findings(certificate: x509.Certificate, key: PrivateKey, now: datetime) -> Iterator[str]:
    yield from _key_findings(certificate, key)
    yield from _self_findings(certificate)
    yield from _validity_findings(certificate, now)
    if certificate.version is x509.Version.v3:
        yield from _extension_findings(certificate)
    else:
        yield (
            "it is of version 1, as `openssl x509 -req -signkey` makes it, and so does not say that it is "
            f"a CA, which many verifiers want: make one that does with the same key: {HOW_TO_MAKE_A_ROOT}"
        )


def _key_findings(certificate: x509.Certificate, key: PrivateKey) -> Iterator[str]:
    try:
        issuable_key(certificate.public_key(), certificate.public_key_algorithm_oid)
    except PkiError as error:
        yield str(error)
    if not same_key(certificate, key):
        yield "the private key belongs to another certificate: store the two that belong together"


def _self_findings(certificate: x509.Certificate) -> Iterator[str]:
    if not common_name_of(certificate.subject):
        yield "its subject has no common name, by which people tell authorities apart"
    if certificate.issuer != certificate.subject:
        yield (
            f"it was issued by {certificate.issuer.rfc4514_string()!r} and not by itself: only a root can be "
            "an authority, since a listener that trusts an intermediate refuses its certificates"
        )
    hash_name = _hash_name(certificate)
    if hash_name not in _GOOD_HASHES:
        yield f"it is signed with {hash_name}: make it anew with SHA-256, which every verifier accepts"
    elif certificate.issuer == certificate.subject and not signed_by(certificate, certificate):
        yield "its signature was not made with its own key: it is no self-signed root, or it was changed"


def _hash_name(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    return (
        algorithm.name if algorithm else f"the algorithm {certificate.signature_algorithm_oid.dotted_string}"
    )


def _validity_findings(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    if now < certificate.not_valid_before_utc:
        yield f"it is not valid before {certificate.not_valid_before_utc.isoformat()}"
    if now >= certificate.not_valid_after_utc:
        yield f"it expired at {certificate.not_valid_after_utc.isoformat()}: renew it or bring another"


def _extension_findings(certificate: x509.Certificate) -> Iterator[str]:
    critical = {extension.oid for extension in certificate.extensions if extension.critical}
    constraints = extension_of(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        yield (
            "basicConstraints with CA:TRUE is missing: it is a leaf, no root, which is made with "
            f"{HOW_TO_MAKE_A_ROOT}"
        )
    elif x509.BasicConstraints.oid not in critical:
        yield "basicConstraints is not critical, which verifiers want of a CA (RFC 5280 section 4.2.1.9)"
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is None or not (usage.key_cert_sign and usage.crl_sign):
        yield "keyUsage with keyCertSign and cRLSign is missing"
    if extension_of(certificate, x509.SubjectKeyIdentifier) is None:
        yield "the subject key identifier is missing, by which verifiers tell roots of one name apart"
    extended = extension_of(certificate, x509.ExtendedKeyUsage)
    if extended is not None and Usage.CLIENT.oid not in extended:
        yield "its extended key usage does not name client authentication"
    for oid in critical - _KNOWN_CRITICAL:
        yield f"its extension {oid.dotted_string} is critical, and Python's verifier refuses a root for that"
