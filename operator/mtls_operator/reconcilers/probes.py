"""The certificates by which the operator tries doors: one set for each authority, in memory, reused.

A good one is issued like any other certificate, into the ledger first. It serves every listener that
admits the authority until a minute before its end, so that an authority's ledger gets one entry in ten
minutes however many listeners there are. Called by `reconcilers.verification`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.core import probe_cert
from mtls_operator.core.trials import Shows
from mtls_operator.pki.inspect import fingerprint_of
from mtls_operator.pki.profiles import Usage
from mtls_operator.probing.rounds import Keyring
from mtls_operator.reconcilers.issuing import Purpose

if TYPE_CHECKING:
    from datetime import datetime

    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.ports import Clock
    from mtls_operator.reconcilers.issuing import Issuing
    from mtls_operator.reconcilers.signers import Signer, Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A set of certificates, what it was signed by, and until when it is shown."""

    keyring: Keyring
    signed_by: tuple[str, ...]
    until: datetime


class Probes:
    """Issues certificates for trials."""

    def __init__(self, signers: Signers, issuing: Issuing, clock: Clock) -> None:
        self._signers = signers
        self._issuing = issuing
        self._clock = clock
        self._held: dict[ObjectRef, _Held] = {}
        self._locks: dict[ObjectRef, asyncio.Lock] = {}

    async def keyring(self, authority: ObjectRef) -> Keyring:
        """Return what clients of an authority, and those who pretend to be, can show.

        During a rotation it is signed by the root that signs ClientCerts, with the same chain, so that
        it is admitted wherever theirs are.

        Raises:
            NotReady: the authority cannot sign now.
            SpecError: its key or its ledger is damaged.
            KubeError: the certificate could not be recorded.
            PkiError: its name leaves no room for certificates of ours.
        """
        async with self._locks.setdefault(authority, asyncio.Lock()):
            signer = await self._signers.load(await self._signers.authority(authority), Usage.CLIENT)
            held, now = self._held.get(authority), self._clock.now()
            if held is None or held.signed_by != _identity(signer) or now > held.until:
                held = await self._issue(signer)
                current = {ref: one for ref, one in self._held.items() if now <= one.until}
                self._held = {**current, authority: held}
            return held.keyring

    async def _issue(self, signer: Signer) -> _Held:
        purpose = Purpose(requester=signer.authority, secret="", why=probe_cert.WHY)
        chain, key = await self._issuing.issue(probe_cert.wanted_probe(), signer, None, purpose)
        now = self._clock.now()
        shown = {
            Shows.GOOD: probe_cert.credentials_of(chain, key),
            Shows.FOREIGN: probe_cert.foreign(signer.issuer.certificate, now),
            Shows.EXPIRED: probe_cert.expired(signer.issuer, now),
        }
        return _Held(
            keyring=Keyring(shown=shown),
            signed_by=_identity(signer),
            until=chain[0].not_valid_after_utc - probe_cert.LEFT,
        )


def _identity(signer: Signer) -> tuple[str, ...]:
    """Return what a certificate's chain depends on."""
    above = (signer.issuer.certificate, *signer.tail)
    return (signer.authority.metadata.uid, *(fingerprint_of(certificate) for certificate in above))
