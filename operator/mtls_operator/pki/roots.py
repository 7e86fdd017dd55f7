"""Make CA certificates: roots, their renewal for the same key, and the cross certificates of a rotation.

Pure but for the random source: `now` is an argument. Called by the reconcilers through `pki.issue`.

A rotation with a new key makes root N+1 with the name of root N, and a copy of root N+1 that root N
signed, the cross certificate. A leaf of N+1 that is sent with it verifies for whoever trusts either
root. After another rotation two of them in a row lead to N: that is why none has a path length.
RFC 5280 would not count them, since issuer and subject have one name, but Go and Python do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import extension_of, signed_by
from mtls_operator.pki.keys import PrivateKey, issuable_key, same_key
from mtls_operator.pki.names import common_name_of
from mtls_operator.pki.profiles import CROSS, ROOT
from mtls_operator.pki.signing import (
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

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from mtls_operator.pki.names import Subject


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
    return _self_sign(subject.to_x509(), key, key_id_of(key.public_key()), duration, now)


def renew_root(
    *, root: x509.Certificate, key: PrivateKey, duration: timedelta, now: datetime
) -> x509.Certificate:
    """Make a root anew for the same name and key, with another serial number and end.

    It takes the old one's place: what the old one signed verifies with it, whoever has which of the
    two, since name, key and key identifier are the same to the byte. The old one may have expired.

    Args:
        root: the root to replace.
        key: its private key.
        duration: validity from `now`; the start is five minutes earlier.
        now: an aware time.

    Raises:
        PkiError: the key is another, `root` is no root, or the duration is longer than the profile allows.
    """
    issuer = Issuer(root, key)
    _check_root(issuer.certificate)
    return _self_sign(root.subject, key, subject_key_id(root), duration, now)


def mimic_root(
    *, root: x509.Certificate, key: PrivateKey, duration: timedelta, now: datetime
) -> x509.Certificate:
    """Make a root with the name and the key identifier of another one, and a key of its own.

    Whoever verifies signatures refuses what it signs; whoever compares names alone lets it in. For trials.

    Args:
        root: whose name it bears.
        key: its private key.
        duration: validity from `now`; the start is five minutes earlier.
        now: an aware time.

    Raises:
        PkiError: the name breaks a rule of the profile, or the duration is longer than it allows.
    """
    return _self_sign(root.subject, key, subject_key_id(root), duration, now)


def _self_sign(
    name: x509.Name, key: PrivateKey, key_id: bytes, duration: timedelta, now: datetime
) -> x509.Certificate:
    check_duration(ROOT, duration)
    template = Template(
        profile=ROOT,
        subject=name,
        public_key=key.public_key(),
        subject_key_id=key_id,
        issuer_name=name,
        authority_key_id=key_id,
        not_before=start_of(now),
        not_after=end_of(duration, now),
    )
    return sign(template, key)


def cross_sign(*, root: x509.Certificate, issuer: Issuer, now: datetime) -> x509.Certificate:
    """Make a copy of a root that another root signed: a cross certificate.

    Args:
        root: the root to copy: its name, its key and its key identifier.
        issuer: the root that signs, whom verifiers know already.
        now: an aware time. The copy is valid from five minutes earlier until the first of the two
            roots ends, and never outside the validity of either.

    Raises:
        PkiError: `root` is no root or the issuer itself, one of them is not valid now, or the issuer's
            path length is 0, so that nobody would accept a CA under it.
    """
    certificate = issuer.certificate
    _check_root(root)
    check_valid(root, now)
    check_valid(certificate, now)
    _check_may_sign_a_ca(issuer, root)
    template = Template(
        profile=CROSS,
        subject=root.subject,
        public_key=issuable_key(root.public_key()),
        subject_key_id=subject_key_id(root),
        issuer_name=certificate.subject,
        authority_key_id=subject_key_id(certificate),
        not_before=start_of(now, root, certificate),
        not_after=min(root.not_valid_after_utc, certificate.not_valid_after_utc),
    )
    return sign(template, issuer.key)


def _check_root(certificate: x509.Certificate) -> None:
    """Refuse what is no self-signed CA: its copy would be one, whatever it was itself."""
    constraints = extension_of(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca or not signed_by(certificate, certificate):
        raise PkiError(f"the certificate of {common_name_of(certificate.subject)!r} is no self-signed root")


def _check_may_sign_a_ca(issuer: Issuer, root: x509.Certificate) -> None:
    if same_key(root, issuer.key):
        raise PkiError(
            f"the root {issuer.common_name!r} cannot cross-sign itself: both certificates have one key"
        )
    constraints = extension_of(issuer.certificate, x509.BasicConstraints)
    if constraints is not None and constraints.path_length == 0:
        raise PkiError(
            f"the root {issuer.common_name!r} has the path length 0: it may sign leaves, but no cross "
            "certificate; rotate with the strategy Bundle"
        )
