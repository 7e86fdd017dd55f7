"""CertificateAuthority: roots in the cluster, published, and in the cloud while a listener needs them.

A pass makes what is missing, publishes it, uploads what listeners should trust, and moves a rotation
as far as it can go. What it remembers is in the Secret, beside the key that it is about.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.subject import DeletionPolicy
from mtls_operator.core.authority_status import build_status, foreign_aspect, next_look, rotation_aspect
from mtls_operator.core.conditions import CLOUD_SYNCED, Aspect
from mtls_operator.core.deletion import without_access
from mtls_operator.core.outcome import STUCK_RETRY, Done, Stuck, Waiting, verdict
from mtls_operator.core.ownership import upload_owner
from mtls_operator.core.reasons import Reason
from mtls_operator.core.rotation import progress, refusal, since
from mtls_operator.errors import AccessDenied, CloudError, NotReady
from mtls_operator.pki.inspect import inspect_certificate
from mtls_operator.reconcilers.passes import Result
from mtls_operator.reconcilers.uploads import delete_uploads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.api.authority import AuthorityStatus, CertificateAuthority
    from mtls_operator.api.authority_rotation import RotationStatus
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import CertId, Fingerprint
    from mtls_operator.core.ledger import Entry
    from mtls_operator.core.outcome import Outcome
    from mtls_operator.ports import CertificateStore, Clock, Kube
    from mtls_operator.reconcilers.ledger import Ledger
    from mtls_operator.reconcilers.publication import Publication
    from mtls_operator.reconcilers.root_uploads import RootUploads
    from mtls_operator.reconcilers.roots import Ground, Roots
    from mtls_operator.reconcilers.rotation import Rotation, Seen
    from mtls_operator.reconcilers.signers import Signers

_CLOUD_ATTEMPTS: Final = 2
"""The cloud is asked again after a few seconds, however often it refused."""
_MOST_MOVES: Final = 12


class AuthorityBehaviour:
    """Makes roots, publishes them, keeps their uploads, replaces them."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: CertificateStore,
        signers: Signers,
        roots: Roots,
        publication: Publication,
        uploads: RootUploads,
        rotation: Rotation,
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
        self._rotation = rotation
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
        """Make and publish the roots, see to their uploads, go on with a rotation."""
        if not resource.metadata.has_finalizer:
            await self._kube.add_finalizer(resource)
        ground = await self._roots.ensure(resource)
        await self._ledger.prune(resource.ref)
        for _ in range(_MOST_MOVES):
            entries = await self._ledger.entries(resource.ref)
            ground, hindrance = await self._publication.publish(resource, ground, entries.values())
            try:
                seen = await self._look(resource, ground, entries)
            except CloudError as error:
                return self._without_cloud(resource, ground, entries, error)
            moved = await self._rotation.advance(resource, seen)
            if moved is None:
                result = self._result(resource, seen, entries)
                return replace(result, outcome=hindrance) if hindrance is not None else result
            ground = moved
        raise NotReady(Reason.ROTATING, "the rotation goes on in the next pass", timedelta(seconds=1))

    async def _look(
        self, authority: CertificateAuthority, ground: Ground, entries: Mapping[str, Entry]
    ) -> Seen:
        uploads = await self._uploads.ensure(authority, ground.lineage.admitted())
        return await self._rotation.look(authority, ground, uploads, entries)

    def _result(self, authority: CertificateAuthority, seen: Seen, entries: Mapping[str, Entry]) -> Result:
        ground, now, upload = seen.ground, self._clock.now(), seen.uploads.admitted
        rotation, refused = progress(seen.situation), refusal(seen.situation)
        status = self._status(ground, seen.uploads.by_fingerprint, rotation, entries)
        aspects = (
            *((_synced(upload),) if upload is not None else ()),
            rotation_aspect(rotation, refused),
            *foreign_aspect(ground.lineage),
        )
        facts = inspect_certificate(ground.lineage.newest.certificate)
        if now >= facts.not_after:
            message = f"the root expired at {facts.not_after:%Y-%m-%d}; what it signed is refused everywhere"
            expired = Stuck(reason=Reason.CA_EXPIRED, message=message, after=STUCK_RETRY)
            return Result(status=status, outcome=expired, aspects=aspects)
        waits = [facts.not_after - now, next_look(rotation, since(ground.lineage), now), timedelta(days=1)]
        if status.crl is not None:
            # Half of its validity before it ends: then a new list is signed.
            waits.append(status.crl.next_update - authority.spec.crl.validity / 2 - now)
        done = Done(
            message=f"{facts.distinguished_name} signs until {facts.not_after:%Y-%m-%d}",
            after=max(min(waits), timedelta(seconds=1)),
        )
        return Result(status=status, outcome=done, aspects=aspects)

    def _without_cloud(
        self,
        authority: CertificateAuthority,
        ground: Ground,
        entries: Mapping[str, Entry],
        error: CloudError,
    ) -> Result:
        """Return the result when the cloud refuses: client certificates can be issued all the same."""
        outcome = verdict(error, attempts=_CLOUD_ATTEMPTS)
        known = authority.status
        status = self._status(ground, {}, known.rotation, entries)
        if known.admitted is not None and status.admitted is not None:
            same = known.admitted.fingerprint_sha256 == status.admitted.fingerprint_sha256
            status = status.model_copy(update={"admitted": known.admitted}) if same else status
        aspects = (_not_synced(error, outcome), *foreign_aspect(ground.lineage))
        return Result(status=status, outcome=outcome, aspects=aspects)

    def _status(
        self,
        ground: Ground,
        uploads: Mapping[Fingerprint, CertId],
        rotation: RotationStatus | None,
        entries: Mapping[str, Entry],
    ) -> AuthorityStatus:
        return build_status(
            ground.lineage,
            uploads=uploads,
            rotation=rotation,
            entries=entries.values(),
            published=ground.config_map.data,
            now=self._clock.now(),
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
        hindrance = await self._delete_uploads(resource)
        if hindrance is not None:
            return Result(status=resource.status, outcome=hindrance)
        await self._roots.delete(resource)
        await self._ledger.delete(resource.ref)
        return None

    async def _delete_uploads(self, resource: CertificateAuthority) -> Waiting | Stuck | None:
        try:
            return await delete_uploads(self._store, upload_owner(resource, self._cluster))
        except AccessDenied as error:
            return without_access(resource, error, "its certificates in the cloud and its key in the cluster")


def _synced(upload: CertId) -> Aspect:
    return Aspect(CLOUD_SYNCED, holds=True, reason=Reason.SUCCEEDED, message=f"uploaded as {upload}")


def _not_synced(error: CloudError, outcome: Outcome) -> Aspect:
    reason = Reason.CLOUD_UNAVAILABLE if isinstance(outcome, Done) else outcome.reason
    return Aspect(CLOUD_SYNCED, holds=False, reason=reason, message=str(error))
