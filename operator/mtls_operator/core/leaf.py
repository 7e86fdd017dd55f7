"""Whether a stored leaf certificate is still the wanted one, and if not, why.

Pure: the caller reads the Secret and passes `now`. Client certificates and the listeners' server
certificates are judged by the same checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import RENEW_ANNOTATION
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import Facts, inspect_certificate, load_chain, signed_by
from mtls_operator.pki.issue import BACKDATE, is_capped
from mtls_operator.pki.keys import key_from_pem, public_key_der, same_key
from mtls_operator.pki.renewal import renewal_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cryptography import x509

    from mtls_operator.core.cluster import Secret
    from mtls_operator.pki.keys import KeySpec, PrivateKey, PublicKey
    from mtls_operator.pki.names import Subject, SubjectAltNames
    from mtls_operator.pki.profiles import Profile

TLS_CRT: Final = "tls.crt"
TLS_KEY: Final = "tls.key"
CA_CRT: Final = "ca.crt"
TLS_SECRET: Final = "kubernetes.io/tls"  # noqa: S105 - a type's name
RENEWED_BY: Final = RENEW_ANNOTATION
"""Annotation of the Secret: the value of the object's annotation of that name when it was issued."""

_SLACK: Final = timedelta(minutes=10)
"""Backdating and whole seconds keep a stored lifetime from equalling the wanted one to the letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLeaf:
    """What a certificate should be.

    Attributes:
        key: the kind of its key.
        keep_key: a renewal uses the stored key again.
        renew_token: value of the object's renew annotation; a change asks for a new certificate.
        seed: what makes the renewal jitter stable, the object's uid.
        public_key: the key to certify, where somebody else has its private half; None = one is made.
    """

    profile: Profile
    subject: Subject
    names: SubjectAltNames
    key: KeySpec
    duration: timedelta
    renew_before: timedelta
    keep_key: bool
    renew_token: str
    seed: str
    public_key: PublicKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLeaf:
    """A certificate, as read from a Secret.

    Attributes:
        key: its private key; None when it is not stored, or is damaged.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey | None
    facts: Facts
    renew_token: str

    def is_cut_short(self, wanted: WantedLeaf, issuer: x509.Certificate) -> bool:
        """Tell whether it ends before its time, because its authority does."""
        return is_capped(duration=wanted.duration, issuer=issuer, now=self.facts.not_before + BACKDATE)

    def renewal_time(self, wanted: WantedLeaf) -> datetime:
        """Return when it should be replaced."""
        return renewal_time(self.facts.not_before, self.facts.not_after, wanted.renew_before, wanted.seed)


def as_stored(chain: tuple[x509.Certificate, ...], key: PrivateKey | None, renew_token: str) -> StoredLeaf:
    """Return what reading a Secret gives into which this has just been written."""
    facts = inspect_certificate(chain[0])
    return StoredLeaf(chain=chain, key=key, facts=facts, renew_token=renew_token)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """All facts that one check may use."""

    wanted: WantedLeaf
    stored: StoredLeaf
    issuer: x509.Certificate
    now: datetime


def read_leaf(secret: Secret) -> StoredLeaf | None:
    """Parse a Secret's certificate and, where there is one, its key; None without a readable certificate."""
    try:
        chain = load_chain(secret.data.get(TLS_CRT, b""))
        facts = inspect_certificate(chain[0])
    except PkiError:
        return None
    token = secret.annotations.get(RENEWED_BY, "")
    return StoredLeaf(chain=chain, key=_read_key(secret), facts=facts, renew_token=token)


def _read_key(secret: Secret) -> PrivateKey | None:
    try:
        return key_from_pem(secret.data.get(TLS_KEY, b""))
    except PkiError:
        return None


def why_issue(
    wanted: WantedLeaf, stored: StoredLeaf | None, issuer: x509.Certificate, now: datetime
) -> str | None:
    """Return why a certificate has to be issued, None when the stored one will do.

    The first reason found is given; each of them leads to the same work.
    """
    if stored is None:
        return "there is no usable certificate yet"
    case = _Case(wanted=wanted, stored=stored, issuer=issuer, now=now)
    return next((reason for check, reason in _CHECKS if check(case)), None)


def _key_unusable(case: _Case) -> bool:
    """Somebody edited the Secret by hand. A key that was never stored is not missed."""
    return case.wanted.public_key is None and case.stored.key is None


def _key_mismatch(case: _Case) -> bool:
    """Somebody edited the Secret by hand."""
    key = case.stored.key
    return case.wanted.public_key is None and key is not None and not same_key(case.stored.chain[0], key)


def _requested_key_differs(case: _Case) -> bool:
    """Facts have a key's kind only where the key is one that `public_key_der` takes."""
    wanted = case.wanted.public_key
    if wanted is None:
        return False
    certificate = case.stored.chain[0]
    return case.stored.facts.key is None or public_key_der(certificate.public_key()) != public_key_der(wanted)


def _signed_by_other_ca(case: _Case) -> bool:
    """The authority was made anew, or caRef of a listener changed."""
    return not signed_by(case.stored.chain[0], case.issuer)


def _names_differ(case: _Case) -> bool:
    facts = case.stored.facts
    return facts.subject != case.wanted.subject or facts.names != case.wanted.names


def _key_spec_differs(case: _Case) -> bool:
    return case.stored.facts.key != case.wanted.key


def _duration_differs(case: _Case) -> bool:
    """Compared with what would be issued, since a leaf is cut to its issuer's lifetime."""
    facts = case.stored.facts
    return abs(_end(case, facts.not_before) - facts.not_after) > _SLACK


def _end(case: _Case, begin: datetime) -> datetime:
    return min(begin + case.wanted.duration, case.issuer.not_valid_after_utc)


def _renewal_requested(case: _Case) -> bool:
    return bool(case.wanted.renew_token) and case.stored.renew_token != case.wanted.renew_token


def _renewal_due(case: _Case) -> bool:
    """Not for a leaf cut to its issuer's end: a new one would be cut to the same moment."""
    facts = case.stored.facts
    if case.now < case.stored.renewal_time(case.wanted):
        return False
    return _end(case, case.now) > facts.not_after


_CHECKS: Final[tuple[tuple[Callable[[_Case], bool], str], ...]] = (
    (_key_unusable, "there is no usable key"),
    (_requested_key_differs, "the request in the manifest has another key"),
    (_key_mismatch, "the stored key does not belong to the stored certificate"),
    (_signed_by_other_ca, "the stored certificate was signed by another authority"),
    (_names_differ, "the names in the manifest changed"),
    (_key_spec_differs, "the key algorithm or size in the manifest changed"),
    (_duration_differs, "the duration in the manifest changed"),
    (_renewal_requested, "the renew annotation asks for it"),
    (_renewal_due, "it is time to renew"),
)
