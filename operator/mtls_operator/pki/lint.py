"""Structural checks of a certificate against its profile.

Pure. Called by `pki.issue` before the real key signs. The rules are RFC 5280's and those that
CLB's nginx, browsers and Python's verifier enforce; the test suite holds the result against pkilint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509

from mtls_operator.pki.keys import KeySpec
from mtls_operator.pki.profiles import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtls_operator.pki.profiles import Profile

MIN_SERIAL_BITS: Final = 64
MAX_SERIAL_BITS: Final = 159
_CRITICAL: Final = frozenset({x509.BasicConstraints.oid, x509.KeyUsage.oid})


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
        x509.SubjectKeyIdentifier.oid: x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()),
    }
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
    allowed = {*wanted, x509.AuthorityKeyIdentifier.oid, x509.SubjectAlternativeName.oid}
    for oid in present.keys() - allowed:
        yield f"the extension {oid.dotted_string} is none of the profile's"
    if x509.AuthorityKeyIdentifier.oid not in present:
        yield "the authority key identifier is missing"


def _name_findings(certificate: x509.Certificate, profile: Profile) -> Iterator[str]:
    if not list(certificate.subject) or not list(certificate.issuer):
        yield "the subject or the issuer is empty"
    named = any(extension.oid == x509.SubjectAlternativeName.oid for extension in certificate.extensions)
    if profile.usage is Usage.SERVER and not named:
        yield "a server needs a subject alternative name, since clients look at nothing else"
    if profile.is_ca and named:
        yield "a CA has no subject alternative name"
