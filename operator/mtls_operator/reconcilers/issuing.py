"""Make a key and have it certified, off the event loop: an RSA key takes 50 to 100 milliseconds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mtls_operator.pki.issue import issue_leaf
from mtls_operator.pki.keys import KeySpec, generate_key
from mtls_operator.pki.verify import verify_leaf

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from mtls_operator.core.leaf import StoredLeaf, WantedLeaf
    from mtls_operator.pki.issue import Issuer
    from mtls_operator.pki.keys import PrivateKey


async def issue(
    wanted: WantedLeaf, issuer: Issuer, stored: StoredLeaf | None, now: datetime
) -> tuple[tuple[x509.Certificate, ...], PrivateKey]:
    """Return a new chain, leaf first, and its key.

    The stored key is used again when the manifest says so and it is still of the wanted kind.

    Raises:
        PkiError: the request breaks a rule of the profile.
    """
    return await asyncio.to_thread(_issue, wanted, issuer, stored, now)


def _issue(
    wanted: WantedLeaf, issuer: Issuer, stored: StoredLeaf | None, now: datetime
) -> tuple[tuple[x509.Certificate, ...], PrivateKey]:
    keep = wanted.keep_key and stored is not None and KeySpec.of(stored.key) == wanted.key
    key = stored.key if keep and stored is not None else generate_key(wanted.key)
    certificate = issue_leaf(
        profile=wanted.profile,
        subject=wanted.subject,
        names=wanted.names,
        public_key=key.public_key(),
        issuer=issuer,
        duration=wanted.duration,
        now=now,
    )
    if wanted.profile.usage is not None:
        # What does not verify is never handed out, whatever made it so.
        verify_leaf((certificate,), (issuer.certificate,), now, wanted.profile.usage)
    return (certificate,), key
