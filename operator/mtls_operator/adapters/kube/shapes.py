"""From API objects to our values and back. Pure; the only place that knows their JSON.

Readers take what the API server, a watch or a list sent; absent members read as empty.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import API_VERSION, PAUSED_ANNOTATION, ObjectRef
from mtls_operator.core.cluster import (
    ConfigMap,
    EndpointSlice,
    Namespace,
    Node,
    Offer,
    Owner,
    Request,
    Secret,
    Service,
    ServicePort,
)

if TYPE_CHECKING:
    from mtls_operator.api.model import Json

Body = Mapping[str, object]

_SERVICE_LABEL: Final = "kubernetes.io/service-name"
"""Names the Service of an EndpointSlice (API: discovery.k8s.io/v1)."""


def _child(body: Body, *path: str) -> Body:
    value: object = body
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _items(body: Body, key: str) -> tuple[Body, ...]:
    value = body.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(item for item in value if isinstance(item, Mapping))


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _number(body: Body, key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) else 0


def _texts(body: Body) -> dict[str, str]:
    return {str(key): str(value) for key, value in body.items()}


def ref_of(body: Body) -> ObjectRef:
    """Return where an object is."""
    metadata = _child(body, "metadata")
    return ObjectRef(_text(metadata, "namespace"), _text(metadata, "name"))


def items_of(body: Body) -> tuple[Body, ...]:
    """Return the objects of a list."""
    return _items(body, "items")


def version_of(body: Body) -> int:
    """Return the resourceVersion as a number; comparable since Kubernetes says so (KEP-5504)."""
    text = _text(_child(body, "metadata"), "resourceVersion")
    return int(text) if text.isdecimal() else 0


def uid_of(body: Body) -> str:
    """Return an object's uid."""
    return _text(_child(body, "metadata"), "uid")


def labels_of(body: Body) -> dict[str, str]:
    """Return an object's labels."""
    return _texts(_child(body, "metadata", "labels"))


def annotations_of(body: Body) -> dict[str, str]:
    """Return an object's annotations."""
    return _texts(_child(body, "metadata", "annotations"))


def owner_of(body: Body) -> Owner | None:
    """Return the controller among an object's owners, when it is one of our kinds."""
    for owner in _items(_child(body, "metadata"), "ownerReferences"):
        if owner.get("controller") and owner.get("apiVersion") == API_VERSION:
            return Owner(kind=_text(owner, "kind"), name=_text(owner, "name"), uid=_text(owner, "uid"))
    return None


def interest_of(body: Body) -> object:
    """Return what of an object of ours a pass depends on: everything but its status.

    The generation stands for the spec.
    """
    metadata = _child(body, "metadata")
    return (
        _text(metadata, "uid"),
        _number(metadata, "generation"),
        _text(metadata, "deletionTimestamp"),
        str(metadata.get("finalizers")),
        tuple(sorted(annotations_of(body).items())),
    )


def is_settled(body: Body) -> bool:
    """Tell whether the last pass over an object of ours saw its manifest as it is, and came to an end.

    What is stuck has come to one: only a person's change, or a consequence, makes another of it.
    """
    metadata = _child(body, "metadata")
    conditions = {_text(one, "type"): one for one in _items(_child(body, "status"), "conditions")}
    ready = conditions.get("Ready")
    if ready is None or "Reconciling" in conditions or _text(metadata, "deletionTimestamp"):
        return False
    return _number(ready, "observedGeneration") == _number(metadata, "generation")


def read_offer(body: Body) -> Offer:
    """Read a CertificateAuthority as others see it."""
    metadata, status = _child(body, "metadata"), _child(body, "status")
    admitted, source = _child(status, "admitted"), _child(body, "spec", "source")
    secrets = (_text(_child(source, member), "name") for member in ("secretRef", "nextSecretRef"))
    return Offer(
        uid=_text(metadata, "uid"),
        generation=_number(metadata, "generation"),
        active=_text(_child(status, "active"), "fingerprintSHA256"),
        retiring=tuple(_text(root, "fingerprintSHA256") for root in _items(status, "retiring")),
        admitted=_text(admitted, "fingerprintSHA256"),
        upload=_text(admitted, "cloudCertificateId"),
        phase=_text(_child(status, "rotation"), "phase"),
        deleting="deletionTimestamp" in metadata,
        source_secrets=frozenset(ObjectRef(_text(metadata, "namespace"), name) for name in secrets if name),
    )


def read_request(body: Body) -> Request:
    """Read a ClientCert as others see it."""
    metadata, spec = _child(body, "metadata"), _child(body, "spec")
    ref, authority = ref_of(body), _child(spec, "caRef")
    return Request(
        ref=ref,
        authority=ObjectRef(_text(authority, "namespace") or ref.namespace, _text(authority, "name")),
        uid=_text(metadata, "uid"),
        created=_text(metadata, "creationTimestamp"),
        revoked="revoked" in spec,
        paused=annotations_of(body).get(PAUSED_ANNOTATION) == "true",
        deleting="deletionTimestamp" in metadata,
        stalled=_needs_a_person(body),
        password_secret=_text(_child(spec, "pkcs12", "passwordSecretRef"), "name"),
    )


def _needs_a_person(body: Body) -> bool:
    """Tell whether this manifest is stalled, or awaits an approval."""
    generation = _number(_child(body, "metadata"), "generation")
    return any(
        (c.get("type"), c.get("status")) in {("Stalled", "True"), ("Approved", "False")}
        and c.get("observedGeneration") == generation
        for c in _items(_child(body, "status"), "conditions")
    )


def read_node(body: Body) -> Node:
    """Read a Node."""
    metadata, spec, status = _child(body, "metadata"), _child(body, "spec"), _child(body, "status")
    ready = next((c for c in _items(status, "conditions") if c.get("type") == "Ready"), {})
    addresses = _items(status, "addresses")
    return Node(
        name=_text(metadata, "name"),
        uid=_text(metadata, "uid"),
        provider_id=_text(spec, "providerID"),
        internal_ip=next((_text(a, "address") for a in addresses if a.get("type") == "InternalIP"), ""),
        labels=labels_of(body),
        taints=frozenset(_text(taint, "key") for taint in _items(spec, "taints")),
        ready={"True": True, "False": False}.get(_text(ready, "status")),
        ready_since=_time(_text(ready, "lastTransitionTime")),
        deleting="deletionTimestamp" in metadata,
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def read_service(body: Body) -> Service:
    """Read a Service."""
    spec = _child(body, "spec")
    ports = tuple(
        ServicePort(name=_text(p, "name"), port=_number(p, "port"), node_port=_number(p, "nodePort"))
        for p in _items(spec, "ports")
    )
    is_local = _text(spec, "externalTrafficPolicy") == "Local"
    return Service(
        ref=ref_of(body),
        type=_text(spec, "type"),
        ports=ports,
        local_nodes=frozenset() if is_local else None,
    )


def read_endpoint_slice(body: Body) -> EndpointSlice | None:
    """Read an EndpointSlice, None for one that belongs to no Service."""
    service = labels_of(body).get(_SERVICE_LABEL, "")
    if not service:
        return None
    nodes = (_text(e, "nodeName") for e in _items(body, "endpoints") if _takes_connections(e))
    return EndpointSlice(
        service=ObjectRef(ref_of(body).namespace, service), nodes=frozenset(name for name in nodes if name)
    )


def _takes_connections(endpoint: Body) -> bool:
    """Tell whether an endpoint is ready, serves and is not ending.

    Each condition may be left out: ready and serving then count as true, terminating as false
    (API: discovery.k8s.io/v1, EndpointConditions).
    """
    found = _child(endpoint, "conditions")
    return not (
        found.get("ready") is False or found.get("serving") is False or found.get("terminating") is True
    )


def read_namespace(body: Body) -> Namespace:
    """Read a Namespace."""
    metadata = _child(body, "metadata")
    return Namespace(
        name=_text(metadata, "name"), labels=labels_of(body), deleting="deletionTimestamp" in metadata
    )


def read_secret(body: Body) -> Secret:
    """Read a Secret."""
    metadata = _child(body, "metadata")
    data = {key: base64.b64decode(value) for key, value in _texts(_child(body, "data")).items()}
    return Secret(
        ref=ref_of(body),
        type=_text(body, "type"),
        data=data,
        labels=labels_of(body),
        annotations=annotations_of(body),
        owner=owner_of(body),
        uid=_text(metadata, "uid"),
        resource_version=_text(metadata, "resourceVersion"),
    )


def write_secret(secret: Secret) -> Json:
    """Render a Secret; uid and resourceVersion, when set, guard an update."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": secret.type,
        "metadata": _metadata(secret),
        "data": {key: base64.b64encode(value).decode() for key, value in secret.data.items()},
    }


def read_config_map(body: Body) -> ConfigMap:
    """Read a ConfigMap."""
    metadata = _child(body, "metadata")
    return ConfigMap(
        ref=ref_of(body),
        data=_texts(_child(body, "data")),
        labels=labels_of(body),
        annotations=annotations_of(body),
        uid=_text(metadata, "uid"),
        resource_version=_text(metadata, "resourceVersion"),
    )


def write_config_map(config_map: ConfigMap) -> Json:
    """Render a ConfigMap; uid and resourceVersion, when set, guard an update."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(config_map),
        "data": dict(config_map.data),
    }


def _metadata(found: Secret | ConfigMap) -> Json:
    metadata: dict[str, Json] = {
        "name": found.ref.name,
        "namespace": found.ref.namespace,
        "labels": dict(found.labels),
        "annotations": dict(found.annotations),
    }
    if found.uid:
        metadata |= {"uid": found.uid, "resourceVersion": found.resource_version}
    owner = found.owner if isinstance(found, Secret) else None
    if owner is not None:
        metadata["ownerReferences"] = [_owner_reference(owner)]
    return metadata


def _owner_reference(owner: Owner) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        # Deleting the owner in the foreground waits for the Secret; RBAC needs no finalizers rule for it
        # as long as this stays False.
        "blockOwnerDeletion": False,
    }
