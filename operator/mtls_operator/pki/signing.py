"""How a certificate comes to be: put together, linted, signed.

Pure but for the random source: `now` is an argument. Signing with an RSA-2048 key takes 0.6 ms.
Called by `pki.issue` (leaves), `pki.roots` (CA certificates) and `pki.crl` only.

Every certificate is first signed with a throwaway key and linted (`pki.lint`); only what is clean is
signed with the real one, so a bad certificate never exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import extension_of
from mtls_operator.pki.keys import CURVES, KeySpec, PrivateKey, PublicKey, same_key
from mtls_operator.pki.lint import lint_certificate
from mtls_operator.pki.names import SubjectAltNames, common_name_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from mtls_operator.pki.profiles import Profile

BACKDATE: Final = timedelta(minutes=5)  # for clients whose clock is behind ours

# RFC 5758 and the CA/Browser Forum's pairing: a hash as strong as the curve. RSA signs with SHA-256.
_CURVE_HASHES: Final[dict[int, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    256: hashes.SHA256(),
    384: hashes.SHA384(),
    521: hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """A CA certificate and its key, which fits.

    Raises:
        PkiError: the key belongs to another certificate, or the certificate is no CA.
    """

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if not same_key(self.certificate, self.key):
            raise PkiError(f"the private key does not belong to the certificate of {self.common_name!r}")
        if not _is_ca(self.certificate):
            raise PkiError(
                f"the certificate of {self.common_name!r} is no CA: basicConstraints CA:TRUE is missing"
            )

    @property
    def common_name(self) -> str:
        """The common name of the CA."""
        return common_name_of(self.certificate.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What is to be signed, whoever signs it."""

    profile: Profile
    subject: x509.Name
    names: SubjectAltNames = field(default_factory=SubjectAltNames)
    public_key: PublicKey
    subject_key_id: bytes
    issuer_name: x509.Name
    authority_key_id: bytes
    not_before: datetime
    not_after: datetime
    distribution_points: tuple[str, ...] = ()


def sign(template: Template, key: PrivateKey) -> x509.Certificate:
    """Lint what would be signed, then sign it.

    The throwaway signature is made with P-256 whatever the real key is: a fresh RSA key would cost
    a hundred times the signature itself, and the lint looks at everything but the signature.

    Raises:
        PkiError: the lint finds something, or the template's key is of a kind that no profile takes.
    """
    builder = _builder(template)
    findings = lint_certificate(
        builder.sign(ec.generate_private_key(CURVES[256]), hashes.SHA256()), template.profile
    )
    if findings:
        raise PkiError(
            f"the {template.profile.name} certificate would break the rules: {'; '.join(findings)}"
        )
    return builder.sign(key, hash_for(key))


def _builder(template: Template) -> x509.CertificateBuilder:
    profile = template.profile
    key_spec = KeySpec.of(template.public_key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(template.subject)
        .issuer_name(template.issuer_name)
        .public_key(template.public_key)
        .serial_number(x509.random_serial_number())  # 159 bits
        .not_valid_before(template.not_before)
        .not_valid_after(template.not_after)
        .add_extension(profile.basic_constraints(), critical=True)
        .add_extension(profile.key_usage(key_spec.algorithm), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(template.subject_key_id), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(template.authority_key_id, None, None), critical=False)
    )
    if extended := profile.extended_key_usage():
        builder = builder.add_extension(extended, critical=False)
    if template.names:
        builder = builder.add_extension(template.names.to_x509(), critical=False)
    if template.distribution_points:
        builder = builder.add_extension(_one_point(template.distribution_points), critical=False)
    return builder


def _one_point(uris: tuple[str, ...]) -> x509.CRLDistributionPoints:
    """Return one point with all addresses: the same list by several ways, says RFC 5280 section 4.2.1.13."""
    addresses = [x509.UniformResourceIdentifier(uri) for uri in uris]
    return x509.CRLDistributionPoints([x509.DistributionPoint(addresses, None, None, None)])


def hash_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """Return the hash that signatures of this key are made with."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVE_HASHES[KeySpec.of(key).size]
    return hashes.SHA256()


def key_id_of(key: CertificatePublicKeyTypes) -> bytes:
    """Return the identifier that a key gets in a certificate of ours: SHA-1, RFC 5280 section 4.2.1.2 (1)."""
    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def subject_key_id(certificate: x509.Certificate) -> bytes:
    """Return a certificate's subject key identifier; computed from its key when it has none."""
    stated = extension_of(certificate, x509.SubjectKeyIdentifier)
    return stated.digest if stated else key_id_of(certificate.public_key())


def check_valid(certificate: x509.Certificate, now: datetime) -> None:
    """Refuse a CA that has expired or is not valid yet.

    Raises:
        PkiError: it is not valid now; the sentence names it, and the time.
    """
    name = common_name_of(certificate.subject)
    if now < certificate.not_valid_before_utc:
        raise PkiError(f"the CA {name!r} is not valid before {certificate.not_valid_before_utc.isoformat()}")
    if now >= certificate.not_valid_after_utc:
        raise PkiError(
            f"the CA {name!r} expired at {certificate.not_valid_after_utc.isoformat()}; rotate it first"
        )


def check_duration(profile: Profile, duration: timedelta) -> None:
    """Refuse a validity that the profile does not allow.

    Raises:
        PkiError: it is shorter than a second or longer than the profile's longest.
    """
    if duration < timedelta(seconds=1):
        raise PkiError(f"the duration {duration} is shorter than a second")
    if duration > profile.max_duration:
        raise PkiError(
            f"the duration of {duration.days} days is too long for a {profile.name} certificate; "
            f"at most {profile.max_duration.days} days"
        )


def start_of(now: datetime, *signers: x509.Certificate) -> datetime:
    """Return when what is signed now begins: five minutes ago, but not before any of its signers."""
    return max([_whole_seconds(now) - BACKDATE, *(signer.not_valid_before_utc for signer in signers)])


def end_of(duration: timedelta, now: datetime) -> datetime:
    """Return when what is signed now ends after this duration, in whole seconds."""
    return _whole_seconds(now + duration)


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _whole_seconds(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise ValueError("now must be an aware time")
    return now.replace(microsecond=0)
