"""Structural checks of a certificate against its profile.

Pure. Called by `pki.signing` before the real key signs. The rules are RFC 5280's and those that
CLB's nginx, browsers and Python's verifier enforce; the test suite holds the result against pkilint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509

from mtls_operator.pki.inspect import extension_of
from mtls_operator.pki.keys import KeySpec
from mtls_operator.pki.profiles import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtls_operator.pki.profiles import Profile

MIN_SERIAL_BITS: Final = 64
MAX_SERIAL_BITS: Final = 159
_CRITICAL: Final = frozenset({x509.BasicConstraints.oid, x509.KeyUsage.oid})
_OF_EVERY_KIND: Final = frozenset({x509.SubjectKeyIdentifier.oid, x509.AuthorityKeyIdentifier.oid})
_OF_LEAVES: Final = _OF_EVERY_KIND | {x509.SubjectAlternativeName.oid, x509.CRLDistributionPoints.oid}


def lint_certificate(certificate: x509.Certificate, profile: Profile) -> tuple[str, ...]:
    """Return what is wrong with a certificate of this profile, a phrase each; nothing when it is clean.

    The signature is not looked at.

    Raises:
        PkiError: the key is of a kind that no profile takes.
    """
    return (
        *_frame_findings(certificate, profile),
        *_extension_findings(certificate, profile),
        *_name_findings(certificate, profile),
    )


def _frame_findings(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    if certificate.version is not x509.Version.v3:
        yield "the version is not 3"
    if not MIN_SERIAL_BITS <= certificate.serial_number.bit_length() <= MAX_SERIAL_BITS:
        yield f"the serial number has {certificate.serial_number.bit_length()} bits"
    if certificate.not_valid_before_utc >= certificate.not_valid_after_utc:
        yield "the validity ends before it begins"
    if not profile.is_ca and certificate.issuer == certificate.subject:
        yield "the subject is the issuer's"


def _extension_findings(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    wanted: dict[x509.ObjectIdentifier, x509.ExtensionType] = {
        x509.BasicConstraints.oid: profile.basic_constraints(),
        x509.KeyUsage.oid: profile.key_usage(KeySpec.of(certificate.public_key()).algorithm),
    }
    if not profile.is_ca:
        key_id = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
        wanted[x509.SubjectKeyIdentifier.oid] = key_id
    if extended := profile.extended_key_usage():
        wanted[x509.ExtendedKeyUsage.oid] = extended
    present = {extension.oid: extension for extension in certificate.extensions}
    for oid, value in wanted.items():
        extension = present.get(oid)
        if extension is None or extension.value != value:
            yield f"the extension {oid.dotted_string} is missing or another than the profile's"
    for oid, extension in present.items():
        if extension.critical != (oid in _CRITICAL):
            yield f"the extension {oid.dotted_string} is {'' if extension.critical else 'not '}critical"
    for oid in present.keys() - wanted.keys() - (_OF_EVERY_KIND if profile.is_ca else _OF_LEAVES):
        yield f"the extension {oid.dotted_string} is none of the profile's"
    yield from _key_id_findings(certificate, profile)


def _key_id_findings(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    """Compare who the certificate is with who its issuer is.

    A CA's own identifier may be any: the copy of a root keeps the one that its leaves already name.
    """
    own = extension_of(certificate, x509.SubjectKeyIdentifier)
    authority = extension_of(certificate, x509.AuthorityKeyIdentifier)
    if own is None or authority is None or authority.key_identifier is None:
        yield "the subject key identifier or the authority key identifier is missing"
        return
    is_own_issuer = authority.key_identifier == own.digest and certificate.issuer == certificate.subject
    if profile.self_signed and not is_own_issuer:
        yield "a root is its own issuer, and this one names another"
    if profile.is_ca and not profile.self_signed and authority.key_identifier == own.digest:
        yield "the authority key identifier is the certificate's own, so it would be taken for self-signed"


def _name_findings(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    if not list(certificate.subject) or not list(certificate.issuer):
        yield "the subject or the issuer is empty"
    named = extension_of(certificate, x509.SubjectAlternativeName) is not None
    if profile.usage is Usage.SERVER and not named:
        yield "a server needs a subject alternative name, since clients look at nothing else"
