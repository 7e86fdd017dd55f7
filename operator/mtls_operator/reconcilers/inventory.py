"""The server certificates of this cluster in the cloud: each once, shared, and gone when nobody needs it.

An upload is deleted only when it carries our cluster's tag, no listener of ours wants it, and no load
balancer in any region served uses it. That is asked in the moment of the deletion, while nobody can
begin to want it. Called by the MutualTLSListener reconciler and by the collector of orphans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator import errors
from mtls_operator.core.cloud import CertificateKind
from mtls_operator.core.inventory import Kept, chosen, is_copy, server_certificates
from mtls_operator.reconcilers.claims import Claims

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import (
        CertId,
        CertificateOwner,
        CloudCertificate,
        Fingerprint,
        Listener,
    )
    from mtls_operator.ports import CertificateStore, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the certificate service has for a listener.

    Attributes:
        uploads: the upload to use for each certificate of this cluster.
        unused: uploads that this listener used or made, and that nobody needs any more.
    """

    uploads: Mapping[Fingerprint, CertId]
    unused: tuple[CertId, ...]


class Inventory:
    """Looks at uploads, makes them and takes them out again."""

    def __init__(self, view: View, store: CertificateStore) -> None:
        self._view = view
        self._store = store
        self._claims = Claims()
        self._made: set[Fingerprint] = set()
        self._refused: set[CertId] = set()

    async def claim(self, ref: ObjectRef, wanted: frozenset[Fingerprint]) -> None:
        """Let a listener want these certificates and no others; to be called before it looks at the cloud."""
        await self._claims.claim(ref, wanted)

    def claimed(self) -> frozenset[Fingerprint]:
        """Return what any listener wants."""
        return self._claims.claimed()

    def saw(self, ref: ObjectRef) -> None:
        """Note that a pass over a listener has been made, even one that failed."""
        self._claims.saw(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Drop everything about a listener that is gone."""
        self._claims.forget(ref)

    def knows_all_claims(self) -> bool:
        """Tell whether each listener has had its say since the operator started.

        Before that nothing is deleted: another listener may want it, and would have to upload it again.
        """
        return self._claims.are_complete(self._view.listeners())

    async def look(
        self, resource: MutualTLSListener, listener: Listener | None, wanted: Collection[Fingerprint]
    ) -> Holdings:
        """Return what there is for a listener that wants these certificates; it need not have claimed them.

        Raises:
            CloudError: the cloud could not be asked.
        """
        uploads, bound = await self._store.inventory(), server_certificates(listener)
        self._claims.remember(resource.ref, (u.fingerprint for u in uploads if u.id in bound))
        return Holdings(
            uploads=chosen(uploads, bound),
            unused=tuple(
                [
                    u.id
                    for u in self._leftovers(resource, uploads, bound, wanted)
                    if not await self._is_used(u)
                ]
            ),
        )

    def _leftovers(
        self,
        resource: MutualTLSListener,
        uploads: Iterable[CloudCertificate],
        bound: Collection[CertId],
        wanted: Collection[Fingerprint],
    ) -> list[CloudCertificate]:
        """Return what a listener used or made, and no listener wants."""
        if not self.knows_all_claims():
            return []
        spared, claimed = {*bound, *self._refused}, self.claimed().union(wanted)
        return [
            upload
            for upload in uploads
            if self._concerns(upload, resource) and upload.fingerprint not in claimed
            if upload.id not in spared
        ]

    def _concerns(self, upload: CloudCertificate, resource: MutualTLSListener) -> bool:
        if upload.kind is not CertificateKind.SERVER:
            return False
        shown = {domain.certificate_id for domain in resource.status.domains}
        return (
            upload.owner.uid == resource.metadata.uid
            or upload.fingerprint in self._claims.had(resource.ref)
            or upload.id in shown
        )

    async def _is_used(self, upload: CloudCertificate) -> bool:
        return bool(await self._store.users(upload.id))

    async def upload(
        self, *, chain: str, key: str, alias: str, owner: CertificateOwner, fingerprint: Fingerprint
    ) -> None:
        """Upload a server certificate, unless another listener has done so meanwhile.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        async with self._claims.alone(fingerprint):
            # A look at the list is worth its call only when there can be something new.
            if fingerprint in self._made and fingerprint in chosen(await self._store.inventory(), ()):
                return
            await self._store.upload(
                CertificateKind.SERVER,
                chain=chain,
                key=key,
                alias=alias,
                owner=owner,
                fingerprint=fingerprint,
                tags={},
            )
            self._made.add(fingerprint)

    async def delete(self, certificate: CertId) -> Kept | None:
        """Delete an upload of ours that nobody wants or uses; return why it stays, None when it is gone.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        known = await self._find(certificate)
        if known is None:
            return None
        async with self._claims.alone(known.fingerprint):
            why = await self._why_kept(known) or await self._delete(known)
        return Kept(certificate=certificate, why=why) if why else None

    async def _find(self, certificate: CertId) -> CloudCertificate | None:
        """Return an upload that carries our cluster's tag."""
        return next((u for u in await self._store.inventory() if u.id == certificate), None)

    async def _why_kept(self, upload: CloudCertificate) -> str:
        claimants = self._claims.claimants(upload.fingerprint)
        if claimants and not is_copy(upload, await self._store.inventory()):
            return f"MutualTLSListener {', '.join(map(str, claimants))} shows it, too"
        users = await self._store.users(upload.id)
        return f"load balancer {', '.join(users)} uses it" if users else ""

    async def _delete(self, upload: CloudCertificate) -> str:
        """Delete an upload; return why the cloud will not, empty when it did."""
        try:
            await self._store.delete(upload.id)
        except errors.InUse as error:
            # It knows users that we cannot see. The collector asks again, a pass does not.
            self._refused.add(upload.id)
            return f"the cloud says that something uses it ({error})"
        self._refused.discard(upload.id)
        self._made.discard(upload.fingerprint)
        return ""

    async def take_out(self, resource: MutualTLSListener) -> tuple[Kept, ...]:
        """Delete what a listener that is gone from the cloud used or made; return what has to stay.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        self._claims.withdraw(resource.ref)
        concerned = [u.id for u in await self._store.inventory() if self._concerns(u, resource)]
        kept = [await self.delete(certificate) for certificate in concerned]
        return tuple(one for one in kept if one is not None)
