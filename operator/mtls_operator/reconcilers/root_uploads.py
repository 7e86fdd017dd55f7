"""The roots of an authority in the cloud: uploaded while listeners admit them, taken out afterwards.

Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtls_operator.api.authority import UploadPolicy
from mtls_operator.core.cloud import CertificateKind, Fingerprint
from mtls_operator.core.inventory import is_of_authority
from mtls_operator.core.lineage import bundle_fingerprint
from mtls_operator.core.ownership import upload_owner
from mtls_operator.core.policy import admits
from mtls_operator.core.reasons import Reason
from mtls_operator.core.server_cert import admitted
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.text import normalise_pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.cloud import CertId, CloudCertificate
    from mtls_operator.core.lineage import Generation
    from mtls_operator.ports import CertificateStore, Recorder, View
    from mtls_operator.reconcilers.signers import Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """What the cloud has of an authority.

    Attributes:
        admitted: the upload that listeners should bind, None while none of them needs one.
        others: our uploads of roots that no listener should bind any more.
        by_fingerprint: every upload of ours.
    """

    admitted: CertId | None
    others: tuple[CertId, ...] = ()
    by_fingerprint: Mapping[Fingerprint, CertId] = field(default_factory=dict)


class RootUploads:
    """Uploads roots and takes them out again."""

    def __init__(
        self, view: View, store: CertificateStore, signers: Signers, recorder: Recorder, *, cluster: str
    ) -> None:
        self._view = view
        self._recorder = recorder
        self._store = store
        self._signers = signers
        self._cluster = cluster

    def listeners(self, authority: CertificateAuthority) -> list[MutualTLSListener]:
        """Return the listeners that admit this authority's certificates and may do so.

        One that is planned only and not in the cloud admits nobody.
        """
        access, home = authority.spec.access.listeners, authority.metadata.namespace
        return [
            listener
            for listener in self._view.listeners()
            if authority.ref in admitted(listener)
            and (listener.status.listener_id or not listener.metadata.is_plan_only)
            and admits(
                access,
                home=home,
                namespace=listener.metadata.namespace,
                labels=self._signers.labels_of(listener.metadata.namespace),
            )
        ]

    async def ensure(self, authority: CertificateAuthority, roots: tuple[Generation, ...]) -> Uploads:
        """Upload what listeners admit now, when one does.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        if authority.spec.cloud.upload is UploadPolicy.NEVER:
            return Uploads(admitted=None)
        fingerprint = Fingerprint(bundle_fingerprint(roots))
        ours = await self._ours(authority)
        others = tuple(upload.id for upload in ours if upload.fingerprint != fingerprint)
        known = min((upload.id for upload in ours if upload.fingerprint == fingerprint), default=None)
        # An upload that was needed once stays until the authority goes, or its root is replaced.
        if known is None and self.listeners(authority):
            known = await self._upload(authority, roots, fingerprint)
            await self._say_if_lost(authority, fingerprint, known)
        uploads = {upload.fingerprint: upload.id for upload in ours}
        uploads |= {fingerprint: known} if known is not None else {}
        return Uploads(admitted=known, others=others, by_fingerprint=uploads)

    async def _say_if_lost(
        self, authority: CertificateAuthority, fingerprint: Fingerprint, made: CertId
    ) -> None:
        """Say it when the upload stands in for one that somebody deleted."""
        before = authority.status.admitted
        if before is None or not before.cloud_certificate_id or before.fingerprint_sha256 != fingerprint:
            return
        message = (
            f"changed in the cloud and put right: its certificate {before.cloud_certificate_id} is gone; "
            f"uploaded again as {made}"
        )
        await self._recorder.warning(authority, Reason.DRIFT_FOUND, message)

    async def _ours(self, authority: CertificateAuthority) -> list[CloudCertificate]:
        owner = upload_owner(authority, self._cluster)
        return [upload for upload in await self._store.inventory() if is_of_authority(upload, owner)]

    async def _upload(
        self, authority: CertificateAuthority, roots: tuple[Generation, ...], fingerprint: Fingerprint
    ) -> CertId:
        chain = chain_to_pem(root.certificate for root in roots).decode()
        return await self._store.upload(
            CertificateKind.CA,
            chain=normalise_pem(chain),
            key="",
            alias=authority.spec.cloud.alias or f"{authority.ref}",
            owner=upload_owner(authority, self._cluster),
            fingerprint=fingerprint,
            tags=authority.spec.cloud.tags,
        )

    async def drain(self, uploads: Uploads) -> tuple[str, ...]:
        """Delete what no listener should bind any more; return the load balancers that still use some.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        users: list[str] = []
        for upload in uploads.others:
            found = await self._store.users(upload)
            if found:
                users += found
            else:
                await self._store.delete(upload)
        return tuple(dict.fromkeys(users))
