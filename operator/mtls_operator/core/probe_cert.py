"""The operator's own client certificates, by which it tries a listener's doors.

    good      signed by the authority for ten minutes, recorded in its ledger like every other
    foreign   signed by a CA that is made for it, with the authority's name and another key
    expired   signed by the authority for a time that is over

Pure but for the random source. The expired one is not in the ledger: an entry stays until its
certificate has ended, and this one has ended before it exists. None of them is stored or handed to
anybody; who presents one proves by the handshake that it has the key. Called by `reconcilers.probes`,
and by `kubectl mtls verify` for the foreign one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.leaf import WantedLeaf
from mtls_operator.core.trials import Credentials
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.issue import Issuer, issue_leaf, mimic_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, key_to_pem
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509

    from mtls_operator.pki.keys import PrivateKey

LIFETIME: Final = timedelta(minutes=10)
LEFT: Final = timedelta(minutes=1)
"""A good certificate is shown while at least this is left of it: a round of trials takes seconds."""
WHY: Final = "the operator tries the doors of listeners with it"
_KEY: Final = KeySpec(KeyAlgorithm.ECDSA, 256)
_PAST: Final = timedelta(days=1)
_SUBJECT: Final = Subject(
    "clb-mtls-operator probe",
    organizations=("clb-mtls-operator",),
    organizational_units=("verification of listeners",),
)


def wanted_probe() -> WantedLeaf:
    """Return what the good certificate should be."""
    return WantedLeaf(
        profile=CLIENT,
        subject=_SUBJECT,
        names=SubjectAltNames(),
        key=_KEY,
        duration=LIFETIME,
        renew_before=LEFT,
        keep_key=False,
        renew_token="",
        seed="",
    )


def credentials_of(chain: Sequence[x509.Certificate], key: PrivateKey) -> Credentials:
    """Return a certificate as what can be shown."""
    return Credentials(chain=chain_to_pem(chain), key=key_to_pem(key))


def foreign(root: x509.Certificate, now: datetime) -> Credentials:
    """Return a certificate that differs from a good one in the key that signed it alone.

    Raises:
        PkiError: the root's name cannot be borne by a certificate of ours.
    """
    key = generate_key(_KEY)
    return _issued(Issuer(mimic_root(root=root, key=key, duration=LIFETIME, now=now), key), now, LIFETIME)


def expired(issuer: Issuer, now: datetime) -> Credentials:
    """Return a certificate of the authority that has ended, as long ago as its root allows.

    Raises:
        PkiError: the root is not valid yet.
    """
    then = max(now - _PAST, issuer.certificate.not_valid_before_utc)
    return _issued(issuer, then, timedelta(seconds=1))


def _issued(issuer: Issuer, when: datetime, duration: timedelta) -> Credentials:
    key = generate_key(_KEY)
    leaf = issue_leaf(
        profile=CLIENT,
        subject=_SUBJECT,
        names=SubjectAltNames(),
        public_key=key.public_key(),
        issuer=issuer,
        duration=duration,
        now=when,
    )
    return credentials_of((leaf,), key)
