"""What the operator writes on the objects it makes, to know them again.

Pure. A ClientCert's or listener's Secret has an owner reference, so Kubernetes removes it with its
owner. An authority's key has none: after a restore from a backup its owner has another uid, and the
garbage collector would delete the one thing that cannot be made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import GROUP, MANAGED_LABEL, OWNER_KIND_LABEL, OWNER_UID_LABEL, WATCH_LABEL
from mtls_operator.core.cloud import CertificateOwner
from mtls_operator.core.cluster import Owner

if TYPE_CHECKING:
    from mtls_operator.api.resource import Resource
    from mtls_operator.core.cluster import ConfigMap, Secret

OWNER_ANNOTATION: Final = f"{GROUP}/owner"
"""The owner's name, where an owner reference would be wrong."""


def owner_of(resource: Resource) -> Owner:
    """Return the owner reference for what an object makes."""
    return Owner(kind=resource.kind.value, name=resource.metadata.name, uid=resource.metadata.uid)


def owned_labels(resource: Resource) -> dict[str, str]:
    """Return the labels of what an object makes."""
    return {
        MANAGED_LABEL: "true",
        WATCH_LABEL: "true",
        OWNER_KIND_LABEL: resource.kind.value,
        OWNER_UID_LABEL: resource.metadata.uid,
    }


def authority_labels(resource: Resource) -> dict[str, str]:
    """Return the labels of an authority's key and certificates: no uid, since a restore changes it."""
    return {MANAGED_LABEL: "true", WATCH_LABEL: "true", OWNER_KIND_LABEL: resource.kind.value}


def authority_annotations(resource: Resource) -> dict[str, str]:
    """Return the annotations of an authority's key and certificates."""
    return {OWNER_ANNOTATION: resource.metadata.name}


def belongs_to_authority(found: Secret | ConfigMap, resource: Resource) -> bool:
    """Tell whether an authority of this name made the object, in this life or before a restore."""
    return (
        found.labels.get(MANAGED_LABEL) == "true"
        and found.labels.get(OWNER_KIND_LABEL) == resource.kind.value
        and found.annotations.get(OWNER_ANNOTATION) == resource.metadata.name
    )


def upload_owner(resource: Resource, cluster: str) -> CertificateOwner:
    """Return what the tags of a certificate say that is uploaded for an object."""
    metadata = resource.metadata
    return CertificateOwner(
        cluster=cluster, namespace=metadata.namespace, name=metadata.name, uid=metadata.uid
    )
