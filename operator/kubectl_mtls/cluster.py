"""The few objects that the commands read and write, as types. The only way to the API server.

I/O through the port `Api`. A write names the uid of what was read, so that it never reaches another
object of the same name.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from kubectl_mtls.errors import Refusal
from kubectl_mtls.nodes import read_node, read_service
from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import GROUP, LEDGER_LABEL, VERSION, Kind, ObjectRef
from mtls_operator.core.cluster import ConfigMap, Owner, Secret
from mtls_operator.core.ledger import is_shard_of
from mtls_operator.core.reasons import Reason
from mtls_operator.core.server_cert import authorities
from mtls_operator.errors import KubeAlreadyExists, KubeConflict, KubeNotFound, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_mtls.ports import Api, Body
    from mtls_operator.api.client_cert import RevocationReason
    from mtls_operator.api.model import Json
    from mtls_operator.api.resource import Resource
    from mtls_operator.core.cluster import Node, Service

R = TypeVar("R", CertificateAuthority, ClientCert, MutualTLSListener)


class Cluster:
    """What the commands know of a cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def authority(self, ref: ObjectRef) -> CertificateAuthority:
        """Return an authority; raises Refusal when there is none."""
        return CertificateAuthority.parse(self._ours(Kind.CERTIFICATE_AUTHORITY, ref))

    def client_cert(self, ref: ObjectRef) -> ClientCert:
        """Return a ClientCert; raises Refusal when there is none."""
        return ClientCert.parse(self._ours(Kind.CLIENT_CERT, ref))

    def client_certs_of(self, authority: ObjectRef) -> Iterator[ClientCert]:
        """Yield the ClientCerts of all namespaces that ask an authority."""
        return (one for one in self._all(ClientCert) if one.ca() == authority)

    def client_certs_in(self, namespace: str) -> Iterator[ClientCert]:
        """Yield the ClientCerts of one namespace."""
        return self._all(ClientCert, namespace)

    def listener(self, ref: ObjectRef) -> MutualTLSListener:
        """Return a listener; raises Refusal when there is none."""
        return MutualTLSListener.parse(self._ours(Kind.MUTUAL_TLS_LISTENER, ref))

    def secret(self, ref: ObjectRef) -> Secret:
        """Return a Secret; raises Refusal when there is none."""
        try:
            return _read_secret(self._api.get(_core("secrets", ref.namespace, ref.name)))
        except KubeNotFound:
            raise Refusal(f"Secret {ref} is not there. Name one by --secret.") from None

    def authorities(self) -> Iterator[CertificateAuthority]:
        """Yield the authorities of all namespaces."""
        return self._all(CertificateAuthority)

    def nodes(self) -> Iterator[Node]:
        """Yield every node."""
        return (read_node(body) for body in self._api.list("/api/v1/nodes"))

    def services(self, namespace: str) -> Iterator[Service]:
        """Yield the Services of a namespace."""
        return (read_service(body) for body in self._api.list(_core("services", namespace)))

    def listeners(self) -> Iterator[MutualTLSListener]:
        """Yield the listeners of all namespaces; a draft is none."""
        return (one for one in self._all(MutualTLSListener) if not one.metadata.is_draft)

    def drift_events(self, listener: MutualTLSListener) -> Iterator[tuple[str, str]]:
        """Yield the events that say what somebody changed in the cloud: uid and text.

        Those of the listener, and of the authorities in its namespace that it depends on.
        """
        namespace = listener.metadata.namespace
        about = {one.name for one in authorities(listener) if one.namespace == namespace}
        for event in self._api.list(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"):
            regarding = _child(event, "regarding")
            is_ours = regarding.get("uid") == listener.metadata.uid or (
                regarding.get("kind") == Kind.CERTIFICATE_AUTHORITY and regarding.get("name") in about
            )
            if is_ours and event.get("reason") == Reason.DRIFT_FOUND:
                yield str(_child(event, "metadata").get("uid", "")), str(event.get("note", ""))

    def create_draft(self, draft: ObjectRef, body: Json) -> None:
        """Create a draft; raises KubeInvalid when its spec would be refused."""
        self._api.create(_ours(Kind.MUTUAL_TLS_LISTENER, ObjectRef(draft.namespace, "")).rstrip("/"), body)

    def delete_draft(self, draft: ObjectRef) -> None:
        """Delete a draft; one that was never made is fine."""
        try:
            self._api.delete(_ours(Kind.MUTUAL_TLS_LISTENER, draft))
        except KubeNotFound:
            return

    def ledger(self, authority: ObjectRef) -> Iterator[ConfigMap]:
        """Yield the shards of an authority's ledger, page by page."""
        path = _core("configmaps", authority.namespace)
        found = (_read_config_map(body) for body in self._api.list(path, f"{LEDGER_LABEL}=true"))
        return (shard for shard in found if is_shard_of(authority, shard))

    def config_map(self, ref: ObjectRef) -> ConfigMap | None:
        """Return a ConfigMap, None when there is none."""
        try:
            return _read_config_map(self._api.get(_core("configmaps", ref.namespace, ref.name)))
        except KubeNotFound:
            return None

    def put_entries(self, config_map: ConfigMap) -> None:
        """Add entries to a ConfigMap, which is created where it is missing; other entries stay.

        The change comes first: a role can allow it for one ConfigMap, but a creation only for all.

        Raises:
            KubeError: it was not written, or nobody knows.
        """
        at, labels = config_map.ref, dict(config_map.labels)
        patch: Json = {"metadata": {"labels": labels}, "data": dict(config_map.data)}
        try:
            self._api.merge(_core("configmaps", at.namespace, at.name), patch)
        except KubeNotFound:
            self._create(config_map)

    def _create(self, config_map: ConfigMap) -> None:
        at, labels = config_map.ref, dict(config_map.labels)
        body: Json = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": at.name, "namespace": at.namespace, "labels": labels},
            "data": dict(config_map.data),
        }
        try:
            self._api.create(_core("configmaps", at.namespace), body)
        except KubeAlreadyExists:
            raise Refusal(
                f"ConfigMap {at} was made by somebody else meanwhile. Run the command again."
            ) from None

    def annotate(self, resource: Resource, name: str, value: str) -> None:
        """Set an annotation of exactly this object.

        Raises:
            Refusal: another object of that name is there now.
            KubeError: it was not written, or nobody knows.
        """
        self._merge(resource, {"metadata": {"annotations": {name: value}}})

    def revoke(self, request: ClientCert, reason: RevocationReason) -> None:
        """Revoke exactly this ClientCert; raises as `annotate`."""
        self._merge(request, {"spec": {"revoked": {"reason": reason.value}}})

    def _merge(self, resource: Resource, patch: Mapping[str, Mapping[str, Json]]) -> None:
        guarded: Json = {**patch, "metadata": {**patch.get("metadata", {}), "uid": resource.metadata.uid}}
        try:
            self._api.merge(_ours(resource.kind, resource.ref), guarded)
        except KubeConflict:
            raise Refusal(
                f"{resource.kind} {resource.ref} is another object than the one that was read. "
                "Nothing was changed. Run the command again."
            ) from None

    def _ours(self, kind: Kind, ref: ObjectRef) -> Body:
        try:
            return self._api.get(_ours(kind, ref))
        except KubeNotFound:
            raise Refusal(
                f"{kind} {ref} is not there. See which there are: kubectl get {kind.plural} -A"
            ) from None

    def _all(self, kind: type[R], namespace: str = "") -> Iterator[R]:
        """Yield what can be read; an object that the operator cannot read it does not serve either."""
        within = f"namespaces/{namespace}/" if namespace else ""
        for body in self._api.list(f"/apis/{GROUP}/{VERSION}/{within}{kind.kind.plural}"):
            try:
                yield kind.parse(body)
            except SpecError:
                continue


def _ours(kind: Kind, ref: ObjectRef) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{ref.namespace}/{kind.plural}/{ref.name}"


def _core(plural: str, namespace: str, name: str = "") -> str:
    collection = f"/api/v1/namespaces/{namespace}/{plural}"
    return f"{collection}/{name}" if name else collection


def _read_config_map(body: Body) -> ConfigMap:
    metadata = _child(body, "metadata")
    return ConfigMap(
        ref=ObjectRef(str(metadata.get("namespace", "")), str(metadata.get("name", ""))),
        data=_texts(body, "data"),
        labels=_texts(metadata, "labels"),
        annotations=_texts(metadata, "annotations"),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
    )


def _read_secret(body: Body) -> Secret:
    metadata = _child(body, "metadata")
    owners = metadata.get("ownerReferences")
    first = owners[0] if isinstance(owners, list) and owners and isinstance(owners[0], Mapping) else None
    return Secret(
        ref=ObjectRef(str(metadata.get("namespace", "")), str(metadata.get("name", ""))),
        type=str(body.get("type", "")),
        data={name: b64decode(value) for name, value in _texts(body, "data").items()},
        owner=Owner(kind=str(first["kind"]), name=str(first["name"]), uid=str(first["uid"]))
        if first
        else None,
    )


def _child(body: Body, name: str) -> Body:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _texts(body: Body, name: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in _child(body, name).items()}
