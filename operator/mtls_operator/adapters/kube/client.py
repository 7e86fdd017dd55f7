"""The Kube port over the API server.

Status is written by server-side apply and only when it changed; Secrets and ConfigMaps are created
by POST and replaced with uid and resourceVersion, so that nobody else's is ever overwritten.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from mtls_operator import errors
from mtls_operator.adapters.kube import paths, shapes
from mtls_operator.adapters.kube.api import APPLY, JSON_PATCH, MERGE_PATCH, METADATA_OF_LIST, METADATA_ONLY
from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import API_VERSION, FINALIZER, WATCH_LABEL, Kind
from mtls_operator.core.cluster import ConfigMap, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtls_operator.adapters.kube.api import Api
    from mtls_operator.adapters.kube.echoes import Echoes
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.api.model import Json
    from mtls_operator.api.resource import Resource, Status
    from mtls_operator.core.cluster import Namespace

Written = TypeVar("Written", Secret, ConfigMap)

FIELD_MANAGER: Final = "clb-mtls-operator"
_APPLY: Final = {"fieldManager": FIELD_MANAGER, "force": "true"}
_WRITE: Final = {"fieldManager": FIELD_MANAGER}


class KubeClient:
    """Reads and writes at the API server."""

    def __init__(self, api: Api, echoes: Echoes) -> None:
        self._api = api
        self._echoes = echoes

    async def get_authority(self, ref: ObjectRef) -> CertificateAuthority | None:
        """Return the object, None when there is none."""
        body = await self._api.get(paths.ours(Kind.CERTIFICATE_AUTHORITY, ref))
        return CertificateAuthority.parse(body) if body is not None else None

    async def get_client_cert(self, ref: ObjectRef) -> ClientCert | None:
        """Return the object, None when there is none."""
        body = await self._api.get(paths.ours(Kind.CLIENT_CERT, ref))
        return ClientCert.parse(body) if body is not None else None

    async def get_listener(self, ref: ObjectRef) -> MutualTLSListener | None:
        """Return the object, None when there is none."""
        body = await self._api.get(paths.ours(Kind.MUTUAL_TLS_LISTENER, ref))
        return MutualTLSListener.parse(body) if body is not None else None

    async def get_namespace(self, name: str) -> Namespace | None:
        """Return the namespace as it is now, None when there is none."""
        body = await self._api.get(f"{paths.all_core('namespaces')}/{name}")
        return shapes.read_namespace(body) if body is not None else None

    async def get_secret(self, ref: ObjectRef) -> Secret | None:
        """Return the Secret, None when there is none."""
        body = await self._api.get(paths.core("secrets", ref.namespace, ref.name))
        return shapes.read_secret(body) if body is not None else None

    async def list_secrets(self, namespace: str, labels: Mapping[str, str]) -> Sequence[Secret]:
        """Return the Secrets of a namespace that carry these labels, without type and content."""
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
        path = paths.core("secrets", namespace)
        reply = await self._api.call("GET", path, query=query, accept=METADATA_OF_LIST)
        return tuple(shapes.read_secret(item) for item in shapes.items_of(reply))

    async def create_secret(self, secret: Secret) -> Secret:
        """Create it; raises KubeAlreadyExists when somebody was faster."""
        path = paths.core("secrets", secret.ref.namespace)
        return await self._store("POST", path, secret)

    async def update_secret(self, secret: Secret) -> Secret:
        """Replace it; raises KubeConflict unless uid and resourceVersion are still those given."""
        path = paths.core("secrets", secret.ref.namespace, secret.ref.name)
        return await self._store("PUT", path, secret)

    async def _store(self, method: str, path: str, secret: Secret) -> Secret:
        """Write a Secret and return it with its version; its content need not travel back."""
        body = shapes.write_secret(secret)
        reply = await self._api.call(method, path, query=_WRITE, body=body, accept=METADATA_ONLY)
        known = shapes.read_secret(reply)
        return self._written(replace(secret, uid=known.uid, resource_version=known.resource_version))

    async def delete_secret(self, secret: Secret) -> None:
        """Delete exactly this one; one that is gone already is fine."""
        await self._delete(paths.core("secrets", secret.ref.namespace, secret.ref.name), secret.uid)

    async def get_config_map(self, ref: ObjectRef) -> ConfigMap | None:
        """Return the ConfigMap, None when there is none."""
        body = await self._api.get(paths.core("configmaps", ref.namespace, ref.name))
        return shapes.read_config_map(body) if body is not None else None

    async def create_config_map(self, config_map: ConfigMap) -> ConfigMap:
        """Create it; raises KubeAlreadyExists when somebody was faster."""
        path = paths.core("configmaps", config_map.ref.namespace)
        body = await self._api.call("POST", path, query=_WRITE, body=shapes.write_config_map(config_map))
        return self._written(shapes.read_config_map(body))

    async def update_config_map(self, config_map: ConfigMap) -> ConfigMap:
        """Replace it; raises KubeConflict unless uid and resourceVersion are still those given."""
        path = paths.core("configmaps", config_map.ref.namespace, config_map.ref.name)
        body = await self._api.call("PUT", path, query=_WRITE, body=shapes.write_config_map(config_map))
        return self._written(shapes.read_config_map(body))

    async def list_config_maps(self, namespace: str, label: str) -> Sequence[ConfigMap]:
        """Return the ConfigMaps of a namespace that carry a label with the value `true`."""
        query = {"labelSelector": f"{label}=true"}
        reply = await self._api.call("GET", paths.core("configmaps", namespace), query=query)
        return tuple(shapes.read_config_map(item) for item in shapes.items_of(reply))

    async def merge_config_map(self, config_map: ConfigMap, data: Mapping[str, str | None]) -> ConfigMap:
        """Add, replace or (None) remove entries, whatever `config_map.data` holds; the others stay.

        Only what is new goes over the wire, and of the answer only the metadata: a shard of the ledger
        has some 200 KB. Returns it with its new version and the data as given; raises KubeConflict
        unless uid and resourceVersion are still those given.
        """
        path = paths.core("configmaps", config_map.ref.namespace, config_map.ref.name)
        metadata = {"uid": config_map.uid, "resourceVersion": config_map.resource_version}
        reply = await self._api.call(
            "PATCH",
            path,
            query=_WRITE,
            body={"metadata": metadata, "data": dict(data)},
            content_type=MERGE_PATCH,
            accept=METADATA_ONLY,
        )
        return replace(config_map, resource_version=shapes.read_config_map(reply).resource_version)

    async def delete_config_map(self, config_map: ConfigMap) -> None:
        """Delete exactly this one; one that is gone already is fine."""
        path = paths.core("configmaps", config_map.ref.namespace, config_map.ref.name)
        await self._delete(path, config_map.uid)

    def _written(self, found: Written) -> Written:
        """Expect the event of a write only where events are watched: the ledger's shards have none."""
        if found.labels.get(WATCH_LABEL) == "true":
            self._echoes.expect(found)
        return found

    async def _delete(self, path: str, uid: str) -> None:
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        try:
            await self._api.call("DELETE", path, body=body)
        except errors.KubeNotFound:
            return

    async def add_finalizer(self, resource: Resource) -> None:
        """Hold the object until our effects are undone; returns when the API server has it.

        The uid in the body makes it the object that was read, not a new one of the same name.
        """
        metadata = {
            "name": resource.metadata.name,
            "namespace": resource.metadata.namespace,
            "uid": resource.metadata.uid,
            "finalizers": [FINALIZER],
        }
        body = {"apiVersion": API_VERSION, "kind": resource.kind.value, "metadata": metadata}
        path = paths.ours(resource.kind, resource.ref)
        await self._api.call("PATCH", path, query=_APPLY, body=body, content_type=APPLY, accept=METADATA_ONLY)

    async def remove_finalizer(self, resource: Resource) -> None:
        """Let the object go; an object that is gone already is fine."""
        left = [name for name in resource.metadata.finalizers if name != FINALIZER]
        patch: Json = [
            {"op": "test", "path": "/metadata/uid", "value": resource.metadata.uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": resource.metadata.resource_version},
            {"op": "replace", "path": "/metadata/finalizers", "value": left},
        ]
        path = paths.ours(resource.kind, resource.ref)
        try:
            await self._api.call("PATCH", path, query=_WRITE, body=patch, content_type=JSON_PATCH)
        except errors.KubeNotFound:
            return
        except errors.KubeInvalid as error:
            # A JSON patch whose test fails is 422: somebody wrote in between. Read again and retry.
            raise errors.KubeConflict(str(error)) from None

    async def apply_status(self, resource: Resource, status: Status) -> None:
        """Write the whole status."""
        body = {
            "apiVersion": API_VERSION,
            "kind": resource.kind.value,
            "metadata": {"name": resource.metadata.name, "namespace": resource.metadata.namespace},
            "status": status.render(),
        }
        path = f"{paths.ours(resource.kind, resource.ref)}/status"
        await self._api.call("PATCH", path, query=_APPLY, body=body, content_type=APPLY, accept=METADATA_ONLY)
