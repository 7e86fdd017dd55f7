"""REST paths of the objects that the operator reads and writes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.meta import GROUP, VERSION, Kind

if TYPE_CHECKING:
    from mtls_operator.api.meta import ObjectRef


def ours(kind: Kind, ref: ObjectRef) -> str:
    """Return the path of an object of ours."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{ref.namespace}/{kind.plural}/{ref.name}"


def all_of_ours(kind: Kind) -> str:
    """Return the path that lists a kind of ours in all namespaces."""
    return f"/apis/{GROUP}/{VERSION}/{kind.plural}"


def core(plural: str, namespace: str, name: str = "") -> str:
    """Return the path of a namespaced core object, or of its collection."""
    collection = f"/api/v1/namespaces/{namespace}/{plural}"
    return f"{collection}/{name}" if name else collection


def all_core(plural: str) -> str:
    """Return the path that lists a core resource in the whole cluster."""
    return f"/api/v1/{plural}"


def all_endpoint_slices() -> str:
    """Return the path that lists the EndpointSlices of the whole cluster."""
    return "/apis/discovery.k8s.io/v1/endpointslices"


def events(namespace: str) -> str:
    """Return the path of a namespace's events."""
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
