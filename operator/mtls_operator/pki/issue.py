"""Make certificates: leaves for servers and clients here, CA certificates in `pki.roots`.

Pure but for the random source: `now` is an argument. Called by the reconcilers through the PKI port
and by `kubectl mtls`, which find everything that makes a certificate under this one name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.roots import cross_sign, issue_root, mimic_root, renew_root
from mtls_operator.pki.signing import (
    BACKDATE,
    Issuer,
    Template,
    check_duration,
    check_valid,
    end_of,
    key_id_of,
    sign,
    start_of,
    subject_key_id,
)
from mtls_operator.pki.syntax import canonical_uri

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from cryptography import x509

    from mtls_operator.pki.keys import PublicKey
    from mtls_operator.pki.names import Subject, SubjectAltNames
    from mtls_operator.pki.profiles import Profile

__all__ = [
    "BACKDATE",
    "Issuer",
    "capped_not_after",
    "cross_sign",
    "is_capped",
    "issue_leaf",
    "issue_root",
    "mimic_root",
    "renew_root",
    "subject_key_id",
]


def issue_leaf(
    *,
    profile: Profile,
    subject: Subject,
    names: SubjectAltNames,
    public_key: PublicKey,
    issuer: Issuer,
    duration: timedelta,
    now: datetime,
    distribution_points: tuple[str, ...] = (),
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
        distribution_points: http or https addresses of the issuer's revocation list, each of the same
            list; none for a certificate that names none.

    Raises:
        PkiError: the request breaks a rule; the sentence says which, and the value.
    """
    _check_request(profile, subject, names, issuer)
    check_duration(profile, duration)
    certificate = issuer.certificate
    template = Template(
        profile=profile,
        subject=subject.to_x509(),
        names=names,
        public_key=public_key,
        subject_key_id=key_id_of(public_key),
        issuer_name=certificate.subject,
        authority_key_id=subject_key_id(certificate),
        not_before=start_of(now, certificate),
        not_after=capped_not_after(duration=duration, issuer=certificate, now=now),
        distribution_points=tuple(_web_address(uri) for uri in distribution_points),
    )
    return sign(template, issuer.key)


def capped_not_after(*, duration: timedelta, issuer: x509.Certificate, now: datetime) -> datetime:
    """Return when a leaf issued now ends: after `duration`, or with its issuer when that is sooner.

    Raises:
        PkiError: the issuer is not valid now.
    """
    check_valid(issuer, now)
    return min(end_of(duration, now), issuer.not_valid_after_utc)


def is_capped(*, duration: timedelta, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether a leaf issued now would be cut at its issuer's end: the CA is then due for rotation."""
    return issuer.not_valid_after_utc < end_of(duration, now)


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


def _web_address(uri: str) -> str:
    if urlsplit(canonical_uri(uri)).scheme not in ("http", "https"):
        raise PkiError(f"the distribution point {uri!r} is no http or https address")
    return uri
