"""Which upload serves whom, and which serves nobody any more.

Within a cluster an upload is identified by its kind and its fingerprint, which covers the whole chain:
listeners that show the same server certificate share one. The tags say who uploaded it, for people; they
give that object no right over it. A root belongs to its authority, and is known by its fingerprint as well.

Pure. Called by the parts of a pass that look at uploads, by the collector of orphans, and by the adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cloud import CertificateKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mtls_operator.core.cloud import (
        CertId,
        CertificateOwner,
        CloudCertificate,
        Fingerprint,
        Listener,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An upload that could not be deleted, and why, as the end of a sentence."""

    certificate: CertId
    why: str

    def __str__(self) -> str:
        return f"certificate {self.certificate} stays in the cloud: {self.why}"


def chosen(uploads: Iterable[CloudCertificate], bound: Collection[CertId]) -> dict[Fingerprint, CertId]:
    """Return the upload to use for each server certificate.

    Where there are copies, one that the listener shows stays; else all listeners take the same one.
    """
    found: dict[Fingerprint, CertId] = {}
    servers = [upload for upload in uploads if upload.kind is CertificateKind.SERVER]
    for upload in sorted(servers, key=lambda upload: (upload.id not in bound, upload.id)):
        found.setdefault(upload.fingerprint, upload.id)
    return found


def is_copy(upload: CloudCertificate, uploads: Iterable[CloudCertificate]) -> bool:
    """Tell whether an equal upload comes before this one, so that nobody takes this one up anew."""
    same = (upload.kind, upload.fingerprint)
    if upload.kind is CertificateKind.CA:
        uploads = (other for other in uploads if is_of_authority(other, upload.owner))
    return any((other.kind, other.fingerprint) == same and other.id < upload.id for other in uploads)


def is_of_authority(upload: CloudCertificate, owner: CertificateOwner) -> bool:
    """Tell whether a root was uploaded for the authority of this name, in this life or before a restore."""
    theirs = upload.owner
    return upload.kind is CertificateKind.CA and (theirs.cluster, theirs.namespace, theirs.name) == (
        owner.cluster,
        owner.namespace,
        owner.name,
    )


def can_serve(
    upload: CloudCertificate, kind: CertificateKind, owner: CertificateOwner, fingerprint: Fingerprint
) -> bool:
    """Tell whether an upload may be used instead of another one of the same certificate.

    Args:
        upload: what there is.
        kind: what is needed.
        owner: for whom.
        fingerprint: over the whole chain.
    """
    if (upload.kind, upload.fingerprint, upload.owner.cluster) != (kind, fingerprint, owner.cluster):
        return False
    return kind is CertificateKind.SERVER or is_of_authority(upload, owner)


def is_orphan(
    upload: CloudCertificate,
    uploads: Iterable[CloudCertificate],
    *,
    claimed: Collection[Fingerprint],
    authorities: Collection[ObjectRef],
) -> bool:
    """Tell whether nothing in the cluster wants an upload; who uses it in the cloud is another question.

    Args:
        upload: one of this cluster.
        uploads: all of this cluster.
        claimed: the server certificates that a listener wants.
        authorities: those that exist, and those that are gone and have left their roots on purpose.
    """
    if is_copy(upload, uploads):
        return True
    if upload.kind is CertificateKind.SERVER:
        return upload.fingerprint not in claimed
    return ObjectRef(upload.owner.namespace, upload.owner.name) not in authorities


def server_certificates(listener: Listener | None) -> frozenset[CertId]:
    """Return the server certificates that a listener or its domains show."""
    if listener is None:
        return frozenset()
    bindings = [listener.tls, *(rule.tls for rule in listener.rules)]
    return frozenset(certificate for tls in bindings if tls is not None for certificate in tls.server)
