"""Revoke what was issued for a ClientCert: in the ledger, from which its authority makes the list.

Called by the ClientCert reconciler. Neither policy nor approval nor the authority's key is asked:
whoever may write the manifest may always give up its certificates.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mtls_operator.api.client_cert import RevocationReason
from mtls_operator.core.conditions import REVOKED
from mtls_operator.core.reasons import Reason
from mtls_operator.core.revoked import describe_revocation
from mtls_operator.errors import NotReady, OperatorError
from mtls_operator.reconcilers.passes import Result

if TYPE_CHECKING:
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.ports import Clock, Kube, Wake
    from mtls_operator.reconcilers.ledger import Ledger


class Revocation:
    """Carries out revocations."""

    def __init__(self, kube: Kube, ledger: Ledger, clock: Clock, wake: Wake) -> None:
        self._kube = kube
        self._ledger = ledger
        self._clock = clock
        self._wake = wake

    async def carry_out(self, cert: ClientCert) -> Result:
        """Revoke every unexpired certificate of an object; its Secret is left as it is.

        Raises:
            NotReady: there is no such authority.
            SpecError: the ledger is damaged.
        """
        ref, reason = cert.ca(), _reason(cert)
        authority = await self._kube.get_authority(ref)
        if authority is None:
            raise NotReady(
                Reason.AUTHORITY_NOT_FOUND,
                f"CertificateAuthority {ref} does not exist, so there is no list to revoke on; "
                "nothing is issued meanwhile.",
            )
        newly = await self._ledger.revoke(ref, cert.metadata.uid, reason)
        told = cert.status.condition(REVOKED)
        # An answer that was lost may have hidden the first time from us.
        if newly or told is None:
            await self._wake(authority.key)
        entries = (await self._ledger.entries(ref)).values()
        mine = (entry for entry in entries if entry.uid == cert.metadata.uid and entry.is_client)
        outcome, aspect = describe_revocation(ref, reason, mine, self._clock.now())
        status = cert.status.model_copy(update={"renewal_time": None})
        return Result(status=status, outcome=outcome, aspects=(aspect,))

    async def at_deletion(self, cert: ClientCert) -> None:
        """Revoke what an object leaves behind, as far as its authority is there to be told.

        Raises:
            KubeError: it is not recorded, or nobody knows.
            SpecError: the ledger is damaged.
        """
        authority = await self._kube.get_authority(cert.ca())
        if authority is None:
            return
        # One that is being deleted takes its ledger with it: nobody waits for that.
        ignored = (OperatorError,) if authority.metadata.is_deleting else ()
        with contextlib.suppress(*ignored):
            await self._ledger.revoke(cert.ca(), cert.metadata.uid, _reason(cert))
            await self._wake(authority.key)


def _reason(cert: ClientCert) -> str:
    """The manifest's reason, else the one for what is deleted."""
    revoked = cert.spec.revoked
    return (revoked.reason if revoked is not None else RevocationReason.CESSATION_OF_OPERATION).value
