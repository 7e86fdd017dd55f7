"""CertificateAuthority: a root in the cluster, and its certificate in the cloud while a listener needs it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.authority import AuthorityStatus, RootGeneration, UploadPolicy
from mtls_operator.api.subject import DeletionPolicy
from mtls_operator.core import authority as core
from mtls_operator.core.authority import Step
from mtls_operator.core.cloud import CertId, CertificateKind, Fingerprint
from mtls_operator.core.cluster import ConfigMap, Secret
from mtls_operator.core.conditions import CLOUD_SYNCED, Aspect
from mtls_operator.core.outcome import Done, Stuck, Waiting, verdict
from mtls_operator.core.ownership import (
    authority_annotations,
    authority_labels,
    belongs_to_authority,
    upload_owner,
)
from mtls_operator.core.policy import admits
from mtls_operator.core.reasons import Reason
from mtls_operator.core.server_cert import admitted
from mtls_operator.errors import CloudError
from mtls_operator.pki.inspect import chain_to_pem, inspect_certificate
from mtls_operator.pki.issue import Issuer, issue_root
from mtls_operator.pki.keys import generate_key, key_to_pem
from mtls_operator.pki.text import normalise_pem
from mtls_operator.reconcilers.passes import Result
from mtls_operator.reconcilers.uploads import delete_uploads

if TYPE_CHECKING:
    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.outcome import Outcome
    from mtls_operator.ports import CertificateStore, Clock, Kube, View
    from mtls_operator.reconcilers.signers import Signers

FIRST_GENERATION: Final = 1
_CLOUD_ATTEMPTS: Final = 2
"""The cloud is asked again after a few seconds, however often it refused."""


class AuthorityBehaviour:
    """Makes the root once, publishes it, and keeps its upload."""

    def __init__(
        self,
        kube: Kube,
        view: View,
        store: CertificateStore,
        signers: Signers,
        clock: Clock,
        *,
        cluster: str,
    ) -> None:
        """Take the ports and the cluster's id, which goes into the tags of what is uploaded."""
        self._kube = kube
        self._view = view
        self._store = store
        self._signers = signers
        self._clock = clock
        self._cluster = cluster

    async def read(self, ref: ObjectRef) -> CertificateAuthority | None:
        """Return the object, None when there is none."""
        return await self._kube.get_authority(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Drop the key: nothing of an authority outlives it in memory."""
        self._signers.forget(ref)

    async def converge(self, resource: CertificateAuthority) -> Result:
        """Make and publish the root, then see to its upload."""
        if not resource.metadata.has_finalizer:
            await self._kube.add_finalizer(resource)
        issuer = await self._root(resource)
        return await self._with_cloud(resource, issuer)

    async def _root(self, authority: CertificateAuthority) -> Issuer:
        """Return the root, made and published step by step; each step may be the first after a crash."""
        while True:
            secret = await self._kube.get_secret(core.key_secret(authority))
            config_map = await self._kube.get_config_map(core.trust_config_map(authority))
            step = core.next_step(authority, secret, config_map)
            if step is Step.ANNOUNCE:
                await self._kube.create_config_map(_announcement(authority))
            elif step is Step.MAKE_ROOT:
                made = await asyncio.to_thread(_new_root, authority, self._clock)
                await self._kube.create_secret(made)
            elif secret is not None:
                issuer = core.read_issuer(secret)
                if step is Step.PUBLISH and config_map is not None:
                    await self._kube.update_config_map(_published(config_map, issuer))
                return issuer

    async def _with_cloud(self, authority: CertificateAuthority, issuer: Issuer) -> Result:
        """Return the result; a cloud that refuses leaves the root usable for client certificates."""
        facts, now = inspect_certificate(issuer.certificate), self._clock.now()
        known = authority.status.active
        active = RootGeneration(
            generation=FIRST_GENERATION,
            serial_number=facts.serial_number,
            fingerprint_sha256=facts.fingerprint_sha256,
            not_before=facts.not_before,
            not_after=facts.not_after,
            cloud_certificate_id=known.cloud_certificate_id if known else None,
        )
        if now >= facts.not_after:
            message = f"the root expired at {facts.not_after:%Y-%m-%d}; what it signed is refused everywhere"
            expired = Stuck(reason=Reason.CA_EXPIRED, message=message)
            return Result(status=AuthorityStatus(active=active), outcome=expired)
        try:
            upload = await self._upload(authority, issuer)
        except CloudError as error:
            outcome = verdict(error, attempts=_CLOUD_ATTEMPTS)
            return Result(
                status=AuthorityStatus(active=active), outcome=outcome, aspects=(_not_synced(error, outcome),)
            )
        done = Done(
            message=f"{facts.distinguished_name} signs until {facts.not_after:%Y-%m-%d}",
            after=min(facts.not_after - now, timedelta(days=1)),
        )
        active = active.model_copy(update={"cloud_certificate_id": upload})
        aspects = (_synced(upload),) if upload is not None else ()
        return Result(status=AuthorityStatus(active=active), outcome=done, aspects=aspects)

    async def _upload(self, authority: CertificateAuthority, issuer: Issuer) -> CertId | None:
        """Return the upload's id; None while no listener asks for it."""
        if authority.spec.cloud.upload is UploadPolicy.NEVER:
            return None
        if not self._admitting(authority):
            # An upload that was needed once stays until the authority goes.
            known = authority.status.active
            kept = known.cloud_certificate_id if known is not None else None
            return CertId(kept) if kept else None
        fingerprint = Fingerprint(inspect_certificate(issuer.certificate).fingerprint_sha256)
        for upload in await self._store.inventory():
            if upload.kind is CertificateKind.CA and upload.fingerprint == fingerprint:
                return upload.id
        return await self._store.upload(
            CertificateKind.CA,
            chain=normalise_pem(chain_to_pem((issuer.certificate,)).decode()),
            key="",
            alias=authority.spec.cloud.alias or f"{authority.ref}",
            owner=upload_owner(authority, self._cluster),
            fingerprint=fingerprint,
            tags=authority.spec.cloud.tags,
        )

    def _admitting(self, authority: CertificateAuthority) -> list[str]:
        """Return the listeners that admit this authority's certificates and may do so."""
        access, home = authority.spec.access.listeners, authority.metadata.namespace
        return [
            str(listener.ref)
            for listener in self._view.listeners()
            if authority.ref in admitted(listener)
            and admits(
                access,
                home=home,
                namespace=listener.metadata.namespace,
                labels=self._signers.labels_of(listener.metadata.namespace),
            )
        ]

    async def tear_down(self, resource: CertificateAuthority) -> Result | None:
        """Delete the upload, then the key and what was published; held up while a listener needs them."""
        users = sorted(self._admitting(resource))
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
        await self._delete_from_cluster(resource)
        return None

    async def _delete_from_cluster(self, authority: CertificateAuthority) -> None:
        secret = await self._kube.get_secret(core.key_secret(authority))
        if secret is not None and belongs_to_authority(secret, authority):
            await self._kube.delete_secret(secret)
        config_map = await self._kube.get_config_map(core.trust_config_map(authority))
        if config_map is not None and belongs_to_authority(config_map, authority):
            await self._kube.delete_config_map(config_map)


def _synced(upload: CertId) -> Aspect:
    return Aspect(CLOUD_SYNCED, holds=True, reason=Reason.SUCCEEDED, message=f"uploaded as {upload}")


def _not_synced(error: CloudError, outcome: Outcome) -> Aspect:
    reason = Reason.CLOUD_UNAVAILABLE if isinstance(outcome, Done) else outcome.reason
    return Aspect(CLOUD_SYNCED, holds=False, reason=reason, message=str(error))


def _announcement(authority: CertificateAuthority) -> ConfigMap:
    return ConfigMap(
        ref=core.trust_config_map(authority),
        data={},
        labels=authority_labels(authority),
        annotations=authority_annotations(authority),
    )


def _published(config_map: ConfigMap, issuer: Issuer) -> ConfigMap:
    certificate = chain_to_pem((issuer.certificate,)).decode()
    return replace(config_map, data={**config_map.data, core.CA_CRT: certificate})


def _new_root(authority: CertificateAuthority, clock: Clock) -> Secret:
    """Make a key and a root; takes up to a second with RSA-4096, so it runs off the event loop."""
    key = generate_key(core.root_key(authority))
    certificate = issue_root(
        subject=core.root_subject(authority), key=key, duration=authority.spec.duration, now=clock.now()
    )
    return Secret(
        ref=core.key_secret(authority),
        type="Opaque",
        data={core.FIRST_CRT: chain_to_pem((certificate,)), core.FIRST_KEY: key_to_pem(key)},
        labels=authority_labels(authority),
        annotations=authority_annotations(authority),
    )
