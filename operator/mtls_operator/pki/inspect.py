"""Read certificates: their facts, chains in PEM, and whether they verify.

Pure. Called by `core` (what is stored, against what is wanted), the reconcilers and `kubectl mtls`.
Certificates of others are read as well as our own: what does not fit our types is None, not an error.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.utils import CryptographyDeprecationWarning

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.keys import KeySpec
from mtls_operator.pki.names import Subject, SubjectAltNames, common_name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

# What cryptography raises when it is asked for a part that it cannot read: names, extensions and keys
# are parsed then, not before. A TypeError is its answer to a name with a value of the wrong ASN.1 type.
# Its warning comes before the error that it announces, and in its place where warnings are errors.
MALFORMED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    CryptographyDeprecationWarning,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

_T = TypeVar("_T")
_E = TypeVar("_E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a certificate says.

    Attributes:
        serial_number: lower-case hexadecimal without leading zeros.
        fingerprint_sha256: of the DER, lower-case hexadecimal without colons.
        fingerprint_sha1: the same with SHA-1, which the cloud's console shows.
        not_before: aware, in UTC.
        not_after: aware, in UTC.
        distinguished_name: the subject as RFC 4514 text, whatever it holds.
        subject: None when it holds attributes that a `Subject` does not.
        names: None when there are alternative names that `SubjectAltNames` does not hold.
        key: None when it is of a kind that we do not issue for.
        is_ca: basicConstraints CA:TRUE.
        issuer_common_name: empty when the issuer has none.
        subject_key_id: hexadecimal, empty when there is none.
        authority_key_id: hexadecimal, empty when there is none.
        distribution_points: the addresses of revocation lists, in their order.
    """

    serial_number: str
    fingerprint_sha256: str
    fingerprint_sha1: str
    not_before: datetime
    not_after: datetime
    distinguished_name: str
    subject: Subject | None
    names: SubjectAltNames | None
    key: KeySpec | None
    is_ca: bool
    issuer_common_name: str
    subject_key_id: str
    authority_key_id: str
    distribution_points: tuple[str, ...]


def inspect_certificate(certificate: x509.Certificate) -> Facts:
    """Return a certificate's facts.

    Raises:
        PkiError: it is malformed.
    """
    try:
        return _facts(certificate)
    except MALFORMED as error:
        raise PkiError(f"the certificate cannot be read: {error}") from None


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Return a certificate's `fingerprint_sha256`, without the cost of its other facts."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _facts(certificate: x509.Certificate) -> Facts:
    constraints = extension_of(certificate, x509.BasicConstraints)
    subject_key = extension_of(certificate, x509.SubjectKeyIdentifier)
    authority_key = extension_of(certificate, x509.AuthorityKeyIdentifier)
    public_key = certificate.public_key()
    return Facts(
        serial_number=f"{certificate.serial_number:x}",
        fingerprint_sha256=fingerprint_of(certificate),
        fingerprint_sha1=certificate.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 (an identifier)
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        distinguished_name=certificate.subject.rfc4514_string(),
        subject=_or_none(lambda: Subject.from_x509(certificate.subject)),
        names=_or_none(lambda: SubjectAltNames.from_certificate(certificate)),
        key=_or_none(lambda: KeySpec.of(public_key)),
        is_ca=constraints is not None and constraints.ca,
        issuer_common_name=common_name_of(certificate.issuer),
        subject_key_id=subject_key.digest.hex() if subject_key else "",
        authority_key_id=(authority_key.key_identifier or b"").hex() if authority_key else "",
        distribution_points=tuple(_addresses(certificate)),
    )


def _addresses(certificate: x509.Certificate) -> Iterator[str]:
    for point in extension_of(certificate, x509.CRLDistributionPoints) or ():
        names = point.full_name or ()
        yield from (name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


def _or_none(read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except PkiError:
        return None


def extension_of(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    """Return an extension's value; None when the certificate does not have it."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def load_chain(pem: bytes | str) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a PEM text in their order, each of them to the end.

    Raises:
        PkiError: there is none, or one cannot be read.
    """
    text = pem.encode() if isinstance(pem, str) else pem
    try:
        chain = tuple(x509.load_pem_x509_certificates(text))
    except (ValueError, x509.InvalidVersion):
        raise PkiError("the text holds no readable PEM certificate, or a damaged one") from None
    for certificate in chain:
        inspect_certificate(certificate)  # refuse here what would fail later, at its first use
    return chain


def chain_to_pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """Write certificates as PEM: 64 columns, LF, each block ended by a line break, nothing between."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def chain_fingerprint(chain: Iterable[x509.Certificate]) -> str:
    """Return SHA-256 over the DER of all certificates in order: of a single one, its own fingerprint."""
    digest = hashlib.sha256()
    for certificate in chain:
        digest.update(certificate.public_bytes(serialization.Encoding.DER))
    return digest.hexdigest()


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key made this certificate's signature; validity is not looked at."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*MALFORMED, InvalidSignature):
        return False
    return True
