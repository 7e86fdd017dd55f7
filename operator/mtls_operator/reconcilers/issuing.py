"""Make a key and have it certified: an RSA key off the event loop, since it takes up to a second.

The certificate is recorded in the ledger before it is returned: nothing is handed out of which no
record exists. Called by the ClientCert and MutualTLSListener reconcilers.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.core.ledger import Entry
from mtls_operator.pki.inspect import inspect_certificate
from mtls_operator.pki.issue import issue_leaf
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key
from mtls_operator.pki.verify import verify_leaf

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from mtls_operator.api.resource import Resource
    from mtls_operator.core.leaf import StoredLeaf, WantedLeaf
    from mtls_operator.pki.keys import PrivateKey, PublicKey
    from mtls_operator.ports import Clock, Wake
    from mtls_operator.reconcilers.ledger import Ledger
    from mtls_operator.reconcilers.signers import Signer


_COUNT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a certificate is issued for, as the ledger keeps it.

    Attributes:
        requester: the object whose manifest asks for it.
        secret: the Secret that it goes to.
        why: what led to it.
    """

    requester: Resource
    secret: str
    why: str


class Issuing:
    """Issues leaves and records them."""

    def __init__(self, ledger: Ledger, clock: Clock, wake: Wake) -> None:
        self._ledger = ledger
        self._clock = clock
        self._wake = wake

    async def issue(
        self, wanted: WantedLeaf, signer: Signer, stored: StoredLeaf | None, purpose: Purpose
    ) -> tuple[tuple[x509.Certificate, ...], PrivateKey]:
        """Return a new chain, leaf first, and its key.

        The stored key is used again when the manifest says so and it is still of the wanted kind.

        Raises:
            NotReady: the authority is being deleted.
            PkiError: the request breaks a rule of the profile.
            SpecError: the ledger is damaged.
        """
        signer.require_may_issue()
        key = _kept_key(wanted, stored) or await _new_key(wanted.key)
        return await self.certify(wanted, key.public_key(), signer, purpose), key

    async def certify(
        self, wanted: WantedLeaf, public_key: PublicKey, signer: Signer, purpose: Purpose
    ) -> tuple[x509.Certificate, ...]:
        """Return a new chain, leaf first, for a public key.

        Raises:
            NotReady: the authority is being deleted.
            PkiError: the request breaks a rule of the profile.
            SpecError: the ledger is damaged.
        """
        signer.require_may_issue()
        now = self._clock.now()
        chain = _certify(wanted, public_key, signer, now)
        await self._record(_entry(chain[0], signer, purpose, now), signer)
        return chain

    async def _record(self, entry: Entry, signer: Signer) -> None:
        await self._ledger.commit(signer.authority, entry)
        if entry.is_probe:
            return
        # It counts what is issued; a burst leads to one pass.
        await self._wake(signer.authority.key, _COUNT_SECONDS)


def _entry(certificate: x509.Certificate, signer: Signer, purpose: Purpose, now: datetime) -> Entry:
    facts, requester = inspect_certificate(certificate), purpose.requester
    return Entry(
        serial=facts.serial_number,
        kind=requester.kind,
        namespace=requester.metadata.namespace,
        name=requester.metadata.name,
        uid=requester.metadata.uid,
        secret=purpose.secret,
        common_name=facts.subject.common_name if facts.subject else "",
        generation=signer.generation,
        not_before=facts.not_before,
        not_after=facts.not_after,
        issued_at=now,
        why=purpose.why,
    )


async def _new_key(spec: KeySpec) -> PrivateKey:
    """Make a key; an RSA key off the event loop. An ECDSA key takes less than the way there and back."""
    if spec.algorithm is KeyAlgorithm.RSA:
        return await asyncio.to_thread(generate_key, spec)
    return generate_key(spec)


def _kept_key(wanted: WantedLeaf, stored: StoredLeaf | None) -> PrivateKey | None:
    key = stored.key if stored is not None and wanted.keep_key else None
    return key if key is not None and KeySpec.of(key) == wanted.key else None


def _certify(
    wanted: WantedLeaf, public_key: PublicKey, signer: Signer, now: datetime
) -> tuple[x509.Certificate, ...]:
    """Sign; with an RSA-4096 root this takes five milliseconds, with others one or two."""
    certificate = issue_leaf(
        profile=wanted.profile,
        subject=wanted.subject,
        names=wanted.names,
        public_key=public_key,
        issuer=signer.issuer,
        duration=wanted.duration,
        now=now,
        distribution_points=signer.distribution_points,
    )
    chain = (certificate, *signer.tail)
    if wanted.profile.usage is not None:
        # What does not verify is never handed out, whatever made it so.
        verify_leaf(chain, (signer.issuer.certificate,), now, wanted.profile.usage)
    return chain
