"""Make certificates: roots, and leaves for servers and clients.

Pure but for the random source: `now` is an argument. Signing with an RSA-2048 key takes 0.6 ms.
Called by the reconcilers through the PKI port and by `kubectl mtls`.

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
from mtls_operator.pki.names import Subject, SubjectAltNames, common_name_of
from mtls_operator.pki.profiles import ROOT, Profile

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

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


@dataclass(frozen=True, slots=True)
class _Template:
    """What is to be signed, whoever signs it."""

    profile: Profile
    subject: x509.Name
    names: SubjectAltNames
    public_key: PublicKey
    issuer_name: x509.Name
    authority_key_id: bytes
    not_before: datetime
    not_after: datetime


def issue_root(*, subject: Subject, key: PrivateKey, duration: timedelta, now: datetime) -> x509.Certificate:
    """Make a self-signed root.

    Args:
        subject: whom it names; every leaf's common name has to differ from its.
        key: its private key.
        duration: validity from `now`; the start is five minutes earlier.
        now: an aware time.

    Raises:
        PkiError: the duration is longer than the profile allows, or the key is of a kind that is not.
    """
    _check_duration(ROOT, duration)
    name = subject.to_x509()
    template = _Template(
        profile=ROOT,
        subject=name,
        names=SubjectAltNames(),
        public_key=key.public_key(),
        issuer_name=name,
        authority_key_id=_key_digest(key.public_key()),
        not_before=_whole_seconds(now) - BACKDATE,
        not_after=_end(duration, now),
    )
    return _sign(template, key)


def issue_leaf(
    *,
    profile: Profile,
    subject: Subject,
    names: SubjectAltNames,
    public_key: PublicKey,
    issuer: Issuer,
    duration: timedelta,
    now: datetime,
) -> x509.Certificate:
    """Make a certificate for a server or a client.

    Args:
        profile: SERVER or CLIENT.
        subject: whom it names.
        names: its alternative names; a server has at least one.
        public_key: the key it is for.
        issuer: who signs.
        duration: validity from `now`, cut at the issuer's end (`capped_not_after`).
        now: an aware time.

    Raises:
        PkiError: the request breaks a rule; the sentence says which, and the value.
    """
    _check_request(profile, subject, names, issuer)
    _check_duration(profile, duration)
    certificate = issuer.certificate
    template = _Template(
        profile=profile,
        subject=subject.to_x509(),
        names=names,
        public_key=public_key,
        issuer_name=certificate.subject,
        authority_key_id=subject_key_id(certificate),
        not_before=max(_whole_seconds(now) - BACKDATE, certificate.not_valid_before_utc),
        not_after=capped_not_after(duration=duration, issuer=certificate, now=now),
    )
    return _sign(template, issuer.key)


def capped_not_after(*, duration: timedelta, issuer: x509.Certificate, now: datetime) -> datetime:
    """Return when a leaf issued now ends: after `duration`, or with its issuer when that is sooner.

    Raises:
        PkiError: the issuer is not valid now.
    """
    name = common_name_of(issuer.subject)
    if now < issuer.not_valid_before_utc:
        raise PkiError(f"the CA {name!r} is not valid before {issuer.not_valid_before_utc.isoformat()}")
    if now >= issuer.not_valid_after_utc:
        raise PkiError(
            f"the CA {name!r} expired at {issuer.not_valid_after_utc.isoformat()}; rotate it first"
        )
    return min(_end(duration, now), issuer.not_valid_after_utc)


def is_capped(*, duration: timedelta, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether a leaf issued now would be cut at its issuer's end: the CA is then due for rotation."""
    return issuer.not_valid_after_utc < _end(duration, now)


def subject_key_id(certificate: x509.Certificate) -> bytes:
    """Return a certificate's subject key identifier; computed from its key when it has none."""
    stated = extension_of(certificate, x509.SubjectKeyIdentifier)
    return stated.digest if stated else _key_digest(certificate.public_key())


def _check_request(profile: Profile, subject: Subject, names: SubjectAltNames, issuer: Issuer) -> None:
    if profile.is_ca:
        raise PkiError(f"a leaf cannot have the profile {profile.name}")
    # The guide's note: with equal names, verifiers take the leaf for self-signed.
    if subject.common_name.casefold() == issuer.common_name.casefold():
        raise PkiError(
            f"the common name {subject.common_name!r} is that of the CA; give the certificate another one"
        )
    if names.wildcards and not profile.wildcards:
        raise PkiError(
            f"the DNS name {names.wildcards[0]!r} is a wildcard; a {profile.name} certificate has none"
        )


def _check_duration(profile: Profile, duration: timedelta) -> None:
    if duration < timedelta(seconds=1):
        raise PkiError(f"the duration {duration} is shorter than a second")
    if duration > profile.max_duration:
        raise PkiError(
            f"the duration of {duration.days} days is too long for a {profile.name} certificate; "
            f"at most {profile.max_duration.days} days"
        )


def _sign(template: _Template, key: PrivateKey) -> x509.Certificate:
    """Lint what would be signed, then sign it.

    The throwaway signature is made with P-256 whatever the real key is: a fresh RSA key would cost
    a hundred times the signature itself, and the lint looks at everything but the signature.
    """
    builder = _builder(template)
    findings = lint_certificate(
        builder.sign(ec.generate_private_key(CURVES[256]), hashes.SHA256()), template.profile
    )
    if findings:
        raise PkiError(
            f"the {template.profile.name} certificate would break the rules: {'; '.join(findings)}"
        )
    return builder.sign(key, _hash_for(key))


def _builder(template: _Template) -> x509.CertificateBuilder:
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
        .add_extension(x509.SubjectKeyIdentifier(_key_digest(template.public_key)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(template.authority_key_id, None, None), critical=False)
    )
    if extended := profile.extended_key_usage():
        builder = builder.add_extension(extended, critical=False)
    if template.names:
        builder = builder.add_extension(template.names.to_x509(), critical=False)
    return builder


def _key_digest(key: CertificatePublicKeyTypes) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def _hash_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVE_HASHES[KeySpec.of(key).size]
    return hashes.SHA256()


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _end(duration: timedelta, now: datetime) -> datetime:
    return _whole_seconds(now + duration)


def _whole_seconds(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise ValueError("now must be an aware time")
    return now.replace(microsecond=0)
