"""The server certificates of a listener: issued and renewed in Secrets of ours, or kept by others.

Called by the MutualTLSListener reconciler before it looks at the listener in the cloud.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtls_operator.core import existing_cert, referenced_cert
from mtls_operator.core import server_cert as core
from mtls_operator.core.actions import Tls
from mtls_operator.core.cloud import CertId, CertificateKind, Fingerprint, InCloud
from mtls_operator.core.leaf import as_stored, read_leaf, why_issue
from mtls_operator.core.listener_status import remembered_admissions
from mtls_operator.core.policy import admits, require_access, require_server_names
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady
from mtls_operator.pki.inspect import chain_fingerprint, chain_to_pem
from mtls_operator.pki.keys import key_to_pem
from mtls_operator.pki.profiles import Usage
from mtls_operator.pki.text import normalise_pem
from mtls_operator.reconcilers.issuing import Purpose

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import CloudCertificate, Shown
    from mtls_operator.core.cluster import Secret
    from mtls_operator.core.leaf import StoredLeaf, WantedLeaf
    from mtls_operator.core.server_cert import CloudSlot, IssuedSlot, ReferencedSlot, Slot
    from mtls_operator.ports import Clock, Kube, Wake
    from mtls_operator.reconcilers.issuing import Issuing
    from mtls_operator.reconcilers.others_certs import CertificatesOfOthers, Others
    from mtls_operator.reconcilers.signers import Signer, Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is uploaded: texts as the certificate service wants them."""

    secret: str
    fingerprint: Fingerprint
    chain: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What the listener should present and whom it should admit.

    Attributes:
        by_domain: the key `""` is the listener's own where SNI is off.
        material: what to upload for each fingerprint.
        not_after: when the first of the certificates ends.
        renewal: when the first of them is due, by its end where somebody else renews it.
    """

    by_domain: dict[str, Tls]
    material: dict[Fingerprint, Material]
    not_after: datetime
    renewal: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCertificate:
    """The certificate for a slot.

    Attributes:
        material: what to upload; None for one that the cloud has already.
        due: when it has to be looked at again.
    """

    shown: Shown
    material: Material | None
    not_after: datetime
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLeaf:
    """What a Secret of ours holds and should hold.

    Attributes:
        why: the reason to issue anew, None when what is stored will do.
    """

    secret: Secret | None
    wanted: WantedLeaf
    stored: StoredLeaf | None
    signer: Signer
    why: str | None


class PassAuthorities:
    """The authorities of one pass: each is read once, however many domains share it."""

    def __init__(self, signers: Signers, namespace: str) -> None:
        self._signers = signers
        self._namespace = namespace
        self._found: dict[ObjectRef, CertificateAuthority] = {}
        self._loaded: dict[ObjectRef, Signer] = {}

    async def get(self, ref: ObjectRef) -> CertificateAuthority:
        """Return an authority that admits listeners of this namespace."""
        if ref not in self._found:
            authority = await self._signers.authority(ref)
            require_access(
                authority,
                authority.spec.access.listeners,
                "listeners",
                namespace=self._namespace,
                labels=self._signers.labels_of(self._namespace),
            )
            self._found[ref] = authority
        return self._found[ref]

    async def signer(self, authority: CertificateAuthority) -> Signer:
        """Return the authority with its key."""
        if authority.ref not in self._loaded:
            self._loaded[authority.ref] = await self._signers.load(authority, Usage.SERVER)
        return self._loaded[authority.ref]


class ServerCertificates:
    """Issues and renews server certificates, and takes those that others keep."""

    def __init__(
        self,
        *,
        kube: Kube,
        signers: Signers,
        issuing: Issuing,
        others: CertificatesOfOthers,
        clock: Clock,
        wake: Wake,
    ) -> None:
        """Take the ports, what signs, and what reads the certificates of others."""
        self._kube = kube
        self._others = others
        self._signers = signers
        self._issuing = issuing
        self._clock = clock
        self._wake = wake

    async def ensure(self, listener: MutualTLSListener, uploads: Collection[CloudCertificate]) -> Bindings:
        """Return the bindings that the manifest asks for; Secrets are written where they differ.

        Args:
            listener: the manifest.
            uploads: what the cloud has of ours, where the admitted authorities must be found.

        Raises:
            NotReady: an authority is missing or not uploaded yet, or a Secret of others is missing.
            SpecError: access or names are not allowed, or a certificate of others cannot be used.
            OwnershipError: a Secret's name is taken.
        """
        uploaded = {upload.id: upload.fingerprint for upload in uploads if upload.kind is CertificateKind.CA}
        authorities = PassAuthorities(self._signers, listener.metadata.namespace)
        others = await self._others.read(listener, uploads)
        by_domain: dict[str, Tls] = {}
        material: dict[Fingerprint, Material] = {}
        found: list[SlotCertificate] = []
        for slot in core.slots(listener):
            ca = await self._admitted(await authorities.get(slot.admits), uploaded)
            certificate = await self._certificate(listener, slot, authorities, others)
            first = by_domain[slot.domain].server if slot.domain in by_domain else ()
            by_domain[slot.domain] = Tls(server=(*first, certificate.shown), ca=ca)
            if certificate.material is not None:
                material[certificate.material.fingerprint] = certificate.material
            found.append(certificate)
        return Bindings(
            by_domain=by_domain,
            material=material,
            not_after=min(certificate.not_after for certificate in found),
            renewal=min(certificate.due for certificate in found),
        )

    async def _certificate(
        self, listener: MutualTLSListener, slot: Slot, authorities: PassAuthorities, others: Others
    ) -> SlotCertificate:
        if isinstance(slot, core.IssuedSlot):
            wanted, stored = await self._issued(listener, slot, authorities)
            return stored_certificate(slot.secret, stored, stored.renewal_time(wanted))
        return kept(slot, others)

    async def _admitted(
        self, authority: CertificateAuthority, uploaded: Mapping[CertId, Fingerprint]
    ) -> CertId:
        """Return the cloud's id of the authority whose clients are admitted."""
        ca = admitted_upload(authority, uploaded)
        if ca is None:
            # Its own pass uploads; one that was deleted in the console would else wait for the resync.
            await self._wake(authority.key)
            raise NotReady(
                Reason.AUTHORITY_NOT_READY,
                f"the certificate of CertificateAuthority {authority.ref} is not in the cloud yet; "
                "its own status says why",
            )
        return ca

    async def admissions(self, listener: MutualTLSListener) -> dict[str, CertId]:
        """Return whom the listener has to admit as far as that is known, by domain.

        What its authority says now, where that admits the listener's namespace, else what the status
        remembers. Nothing is written: it serves to close a door when the rest of the manifest cannot be
        done.
        """
        found = remembered_admissions(listener)
        for slot in core.slots(listener):
            ca = await self._allowed(listener, slot.admits)
            if ca is not None:
                found[slot.domain] = ca
        return found

    async def _allowed(self, listener: MutualTLSListener, ref: ObjectRef) -> CertId | None:
        authority, namespace = await self._kube.get_authority(ref), listener.metadata.namespace
        admitted = authority.status.admitted if authority is not None else None
        if authority is None or admitted is None or admitted.cloud_certificate_id is None:
            return None
        access, labels = authority.spec.access.listeners, self._signers.labels_of(namespace)
        is_allowed = admits(access, home=ref.namespace, namespace=namespace, labels=labels)
        return CertId(admitted.cloud_certificate_id) if is_allowed else None

    async def _issued(
        self, listener: MutualTLSListener, slot: IssuedSlot, authorities: PassAuthorities
    ) -> tuple[WantedLeaf, StoredLeaf]:
        judged = await self.judge(listener, slot, authorities)
        if judged.stored is not None and judged.why is None:
            return judged.wanted, judged.stored
        return judged.wanted, await self._issue(listener, slot, judged)

    async def judge(
        self, listener: MutualTLSListener, slot: IssuedSlot, authorities: PassAuthorities
    ) -> JudgedLeaf:
        """Return what a slot has and should have; nothing is written.

        Raises:
            NotReady: the authority that signs is missing or has no root yet.
            SpecError: access or names are not allowed.
            OwnershipError: the Secret's name is taken.
        """
        authority = await authorities.get(slot.issuer)
        require_server_names(authority, slot.names, namespace=listener.metadata.namespace)
        signer = await authorities.signer(authority)
        secret = await self._kube.get_secret(slot.secret)
        core.require_own_secret(listener, secret)
        wanted = core.wanted_server_leaf(listener, slot)
        stored = read_leaf(secret) if secret is not None else None
        why = why_issue(wanted, stored, signer.issuer.certificate, self._clock.now())
        return JudgedLeaf(secret=secret, wanted=wanted, stored=stored, signer=signer, why=why)

    async def _issue(self, listener: MutualTLSListener, slot: IssuedSlot, judged: JudgedLeaf) -> StoredLeaf:
        wanted, previous, signer = judged.wanted, judged.secret, judged.signer
        purpose = Purpose(requester=listener, secret=slot.secret.name, why=judged.why or "it is damaged")
        chain, key = await self._issuing.issue(wanted, signer, judged.stored, purpose)
        rendered = core.render_server_secret(
            listener,
            slot,
            previous,
            leaf=wanted,
            chain=chain,
            key=key,
            roots=signer.roots,
        )
        write = self._kube.update_secret if previous is not None else self._kube.create_secret
        await write(rendered)
        return as_stored(chain, key, wanted.renew_token)


def admitted_upload(authority: CertificateAuthority, uploaded: Mapping[CertId, Fingerprint]) -> CertId | None:
    """Return the upload that listeners bind to admit an authority's clients, None while there is none."""
    admitted = authority.status.admitted
    ca = admitted.cloud_certificate_id if admitted is not None else None
    if admitted is None or ca is None or uploaded.get(CertId(ca)) != admitted.fingerprint_sha256:
        return None
    return CertId(ca)


def kept(slot: ReferencedSlot | CloudSlot, others: Others) -> SlotCertificate:
    """Return the certificate of a slot that somebody else keeps.

    Raises:
        SpecError: it is not good for the domains.
    """
    if isinstance(slot, core.CloudSlot):
        existing = others.in_cloud[slot.certificate]
        existing_cert.require_names(existing, slot.names)
        end = existing.not_after
        return SlotCertificate(shown=InCloud(slot.certificate), material=None, not_after=end, due=end)
    stored = others.secrets[slot.secret]
    referenced_cert.require_names(slot.secret, stored, slot.names)
    return stored_certificate(slot.secret, stored, stored.facts.not_after)


def stored_certificate(secret: ObjectRef, leaf: StoredLeaf, due: datetime) -> SlotCertificate:
    """Return the certificate of a Secret."""
    material = _material(secret.name, leaf)
    return SlotCertificate(
        shown=material.fingerprint, material=material, not_after=leaf.facts.not_after, due=due
    )


def _material(secret: str, leaf: StoredLeaf) -> Material:
    """Render what was read: whatever else a Secret of others holds stays in the cluster."""
    if leaf.key is None:
        raise NotReady(Reason.PROGRESSING, f"the key in Secret {secret} is damaged; look again")
    return Material(
        secret=secret,
        fingerprint=Fingerprint(chain_fingerprint(leaf.chain)),
        chain=normalise_pem(chain_to_pem(leaf.chain).decode()),
        key=normalise_pem(key_to_pem(leaf.key).decode()),
    )
