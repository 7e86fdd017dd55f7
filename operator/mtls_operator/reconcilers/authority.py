"""CertificateAuthority: roots in the cluster, published, and in the cloud while a listener needs them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.authority import AuthorityStatus
from mtls_operator.api.authority_rotation import AdmittedRoots
from mtls_operator.api.subject import DeletionPolicy
from mtls_operator.core.authority_status import root_status
from mtls_operator.core.conditions import CLOUD_SYNCED, Aspect
from mtls_operator.core.lineage import bundle_fingerprint
from mtls_operator.core.outcome import Done, Stuck, Waiting, verdict
from mtls_operator.core.ownership import upload_owner
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import CloudError
from mtls_operator.pki.inspect import inspect_certificate
from mtls_operator.reconcilers.passes import Result
from mtls_operator.reconcilers.uploads import delete_uploads

if TYPE_CHECKING:
    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import CertId
    from mtls_operator.core.outcome import Outcome
    from mtls_operator.ports import CertificateStore, Clock, Kube
    from mtls_operator.reconcilers.ledger import Ledger
    from mtls_operator.reconcilers.publication import Publication
    from mtls_operator.reconcilers.root_uploads import RootUploads
    from mtls_operator.reconcilers.roots import Ground, Roots
    from mtls_operator.reconcilers.signers import Signers

_CLOUD_ATTEMPTS: Final = 2
"""The cloud is asked again after a few seconds, however often it refused."""


class AuthorityBehaviour:
    """Makes the root once, publishes it, and keeps its upload."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: CertificateStore,
        signers: Signers,
        roots: Roots,
        publication: Publication,
        uploads: RootUploads,
        ledger: Ledger,
        clock: Clock,
        cluster: str,
    ) -> None:
        """Take the ports, the parts of a pass, and the cluster's id, which marks what is uploaded."""
        self._kube = kube
        self._store = store
        self._signers = signers
        self._roots = roots
        self._publication = publication
        self._uploads = uploads
        self._ledger = ledger
        self._clock = clock
        self._cluster = cluster

    async def read(self, ref: ObjectRef) -> CertificateAuthority | None:
        """Return the object, None when there is none."""
        return await self._kube.get_authority(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Drop keys and ledger: nothing of an authority outlives it in memory."""
        self._signers.forget(ref)
        self._ledger.forget(ref)

    async def converge(self, resource: CertificateAuthority) -> Result:
        """Make and publish the root, then see to its upload."""
        if not resource.metadata.has_finalizer:
            await self._kube.add_finalizer(resource)
        ground = await self._publication.publish(resource, await self._roots.ensure(resource))
        return await self._with_cloud(resource, ground)

    async def _with_cloud(self, authority: CertificateAuthority, ground: Ground) -> Result:
        """Return the result; a cloud that refuses leaves the root usable for client certificates."""
        newest, now = ground.lineage.newest, self._clock.now()
        facts = inspect_certificate(newest.certificate)
        known = authority.status.admitted
        status = self._status(authority, ground, known.cloud_certificate_id if known else None)
        if now >= facts.not_after:
            message = f"the root expired at {facts.not_after:%Y-%m-%d}; what it signed is refused everywhere"
            return Result(status=status, outcome=Stuck(reason=Reason.CA_EXPIRED, message=message))
        try:
            uploads = await self._uploads.ensure(authority, ground.lineage.admitted())
        except CloudError as error:
            outcome = verdict(error, attempts=_CLOUD_ATTEMPTS)
            return Result(status=status, outcome=outcome, aspects=(_not_synced(error, outcome),))
        done = Done(
            message=f"{facts.distinguished_name} signs until {facts.not_after:%Y-%m-%d}",
            after=min(facts.not_after - now, timedelta(days=1)),
        )
        aspects = (_synced(uploads.admitted),) if uploads.admitted is not None else ()
        return Result(status=self._status(authority, ground, uploads.admitted), outcome=done, aspects=aspects)

    def _status(self, authority: CertificateAuthority, ground: Ground, upload: str | None) -> AuthorityStatus:
        del authority
        admitted = ground.lineage.admitted()
        return AuthorityStatus(
            active=root_status(ground.lineage.newest, upload),
            admitted=AdmittedRoots(
                generations=tuple(g.number for g in admitted),
                fingerprint_sha256=bundle_fingerprint(admitted),
                cloud_certificate_id=upload,
            ),
        )

    async def tear_down(self, resource: CertificateAuthority) -> Result | None:
        """Delete the upload, then the key and what was published; held up while a listener needs them."""
        users = sorted(str(listener.ref) for listener in self._uploads.listeners(resource))
        if users:
            message = f"still admitted by MutualTLSListener {', '.join(users)}; delete or change these first"
            return Result(
                status=resource.status,
                outcome=Waiting(reason=Reason.IN_USE, message=message, after=timedelta(seconds=30)),
            )
        if resource.spec.deletion_policy is DeletionPolicy.RETAIN:
            return None
        still_used = await delete_uploads(self._store, upload_owner(resource, self._cluster))
        if still_used is not None:
            return Result(status=resource.status, outcome=still_used)
        await self._roots.delete(resource)
        await self._ledger.delete(resource.ref)
        return None


def _synced(upload: CertId) -> Aspect:
    return Aspect(CLOUD_SYNCED, holds=True, reason=Reason.SUCCEEDED, message=f"uploaded as {upload}")


def _not_synced(error: CloudError, outcome: Outcome) -> Aspect:
    reason = Reason.CLOUD_UNAVAILABLE if isinstance(outcome, Done) else outcome.reason
    return Aspect(CLOUD_SYNCED, holds=False, reason=reason, message=str(error))
