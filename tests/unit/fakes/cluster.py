"""The Kube, View, Clock and Recorder ports with their state in memory."""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from unit.fakes.faults import Faults

from mtls_operator import errors
from mtls_operator.adapters.kube.shapes import read_request
from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import FINALIZER, Kind, ObjectRef
from mtls_operator.api.model import render_time
from mtls_operator.api.resource import Resource, Status
from mtls_operator.core.cluster import ConfigMap, Namespace, Node, Request, Secret, Service
from mtls_operator.core.published import Published, published_in, read_published

Manifest = dict[str, Any]
Stored = TypeVar("Stored", Secret, ConfigMap)


class FakeClock:
    """Time that moves only when told."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


class FakeKube:
    """An API server: our kinds as manifests, so that everything goes through parsing."""

    def __init__(self, faults: Faults, clock: FakeClock) -> None:
        self._faults = faults
        self._clock = clock
        self._versions = count(1)
        self.objects: dict[tuple[Kind, ObjectRef], Manifest] = {}
        self.secrets: dict[ObjectRef, Secret] = {}
        self.config_maps: dict[ObjectRef, ConfigMap] = {}
        self.namespaces: dict[str, Namespace] = {}
        self._interruptions: dict[str, Callable[[], None]] = {}

    # What people do; none of it counts as a write of the operator.

    def apply(self, manifest: Manifest) -> ObjectRef:
        """Create an object or change its spec, as kubectl does."""
        kind = Kind(manifest["kind"])
        ref = ObjectRef(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        known = self.objects.get((kind, ref))
        body = copy.deepcopy(manifest)
        if known is None:
            body["metadata"] |= {"uid": f"uid-{kind.singular}-{ref.name}-{next(self._versions)}"}
            body["metadata"] |= {"generation": 1, "creationTimestamp": render_time(self._clock.now())}
        else:
            kept = known["metadata"]
            changed = known["spec"] != body["spec"]
            body["metadata"] = {
                **kept,
                "annotations": body["metadata"].get("annotations", {}),
                "generation": kept["generation"] + int(changed),
            }
            body["status"] = known.get("status", {})
        self.objects[kind, ref] = body
        self._touch(body)
        return ref

    def delete(self, kind: Kind, ref: ObjectRef) -> None:
        """Ask for a deletion; an object without finalizers goes at once."""
        body = self.objects[kind, ref]
        body["metadata"]["deletionTimestamp"] = render_time(self._clock.now())
        self._touch(body)
        self._collect(kind, ref)

    def put_secret(self, secret: Secret) -> None:
        """Write a Secret as a person does."""
        version = str(next(self._versions))
        known = self.secrets.get(secret.ref)
        uid = known.uid if known else f"uid-{version}"
        self.secrets[secret.ref] = replace(secret, uid=uid, resource_version=version)

    def interrupt(self, after: str, act: Callable[[], None]) -> None:
        """Let somebody act once, right after the operator has read something, such as `secret edge/x`."""
        self._interruptions[after] = act

    def _was_read(self, what: str) -> None:
        act = self._interruptions.pop(what, None)
        if act is not None:
            act()

    def _touch(self, body: Manifest) -> None:
        body["metadata"]["resourceVersion"] = str(next(self._versions))

    def _collect(self, kind: Kind, ref: ObjectRef) -> None:
        metadata = self.objects[kind, ref]["metadata"]
        if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
            return
        del self.objects[kind, ref]
        owned = [s for s in self.secrets.values() if s.belongs_to(metadata["uid"])]
        for secret in owned:
            del self.secrets[secret.ref]

    # The port.

    async def get_authority(self, ref: ObjectRef) -> CertificateAuthority | None:
        body = self.objects.get((Kind.CERTIFICATE_AUTHORITY, ref))
        return CertificateAuthority.parse(copy.deepcopy(body)) if body else None

    async def get_client_cert(self, ref: ObjectRef) -> ClientCert | None:
        body = copy.deepcopy(self.objects.get((Kind.CLIENT_CERT, ref)))
        self._was_read(f"client cert {ref}")
        return ClientCert.parse(body) if body else None

    async def get_listener(self, ref: ObjectRef) -> MutualTLSListener | None:
        body = self.objects.get((Kind.MUTUAL_TLS_LISTENER, ref))
        return MutualTLSListener.parse(copy.deepcopy(body)) if body else None

    async def get_namespace(self, name: str) -> Namespace | None:
        return self.namespaces.get(name)

    async def get_secret(self, ref: ObjectRef) -> Secret | None:
        found = self.secrets.get(ref)
        self._was_read(f"secret {ref}")
        return found

    async def list_secrets(self, namespace: str, labels: Mapping[str, str]) -> Sequence[Secret]:
        found = [s for s in self.secrets.values() if s.ref.namespace == namespace]
        return [replace(s, type="", data={}) for s in found if labels.items() <= s.labels.items()]

    async def create_secret(self, secret: Secret) -> Secret:
        return self._create("secret", self.secrets, secret)

    async def update_secret(self, secret: Secret) -> Secret:
        return self._update("secret", self.secrets, secret)

    async def delete_secret(self, secret: Secret) -> None:
        self._delete("secret", self.secrets, secret)

    async def get_config_map(self, ref: ObjectRef) -> ConfigMap | None:
        found = self.config_maps.get(ref)
        self._was_read(f"config map {ref}")
        return found

    async def create_config_map(self, config_map: ConfigMap) -> ConfigMap:
        return self._create("config map", self.config_maps, config_map)

    async def update_config_map(self, config_map: ConfigMap) -> ConfigMap:
        return self._update("config map", self.config_maps, config_map)

    async def list_config_maps(self, namespace: str, label: str) -> Sequence[ConfigMap]:
        found = self.config_maps.values()
        return [c for c in found if c.ref.namespace == namespace and c.labels.get(label) == "true"]

    async def merge_config_map(self, config_map: ConfigMap, data: Mapping[str, str | None]) -> ConfigMap:
        with self._faults.write(f"merge config map {config_map.ref}", cloud=False):
            known = self.config_maps.get(config_map.ref)
            if known is None:
                raise errors.KubeNotFound(f"config map {config_map.ref} is gone")
            if (known.uid, known.resource_version) != (config_map.uid, config_map.resource_version):
                raise errors.KubeConflict(f"config map {config_map.ref} changed")
            version = str(next(self._versions))
            kept = {name: value for name, value in {**known.data, **data}.items() if value is not None}
            self.config_maps[known.ref] = replace(known, data=kept, resource_version=version)
        return replace(config_map, resource_version=version)

    async def delete_config_map(self, config_map: ConfigMap) -> None:
        self._delete("config map", self.config_maps, config_map)

    def _create(self, what: str, stored: dict[ObjectRef, Stored], wanted: Stored) -> Stored:
        with self._faults.write(f"create {what} {wanted.ref}", cloud=False):
            if wanted.ref in stored:
                raise errors.KubeAlreadyExists(f"{what} {wanted.ref} exists")
            version = str(next(self._versions))
            stored[wanted.ref] = replace(wanted, uid=f"uid-{version}", resource_version=version)
        return stored[wanted.ref]

    def _update(self, what: str, stored: dict[ObjectRef, Stored], wanted: Stored) -> Stored:
        with self._faults.write(f"update {what} {wanted.ref}", cloud=False):
            known = stored.get(wanted.ref)
            if known is None:
                raise errors.KubeNotFound(f"{what} {wanted.ref} is gone")
            if (known.uid, known.resource_version) != (wanted.uid, wanted.resource_version):
                raise errors.KubeConflict(f"{what} {wanted.ref} changed")
            if getattr(known, "type", "") != getattr(wanted, "type", ""):
                raise errors.KubeInvalid(f"{what} {wanted.ref}: type: field is immutable")
            stored[wanted.ref] = replace(wanted, resource_version=str(next(self._versions)))
        return stored[wanted.ref]

    def _delete(self, what: str, stored: dict[ObjectRef, Stored], known: Stored) -> None:
        with self._faults.write(f"delete {what} {known.ref}", cloud=False):
            found = stored.get(known.ref)
            if found is not None and found.uid != known.uid:
                raise errors.KubeConflict(f"{what} {known.ref} is another one")
            stored.pop(known.ref, None)

    async def add_finalizer(self, resource: Resource) -> None:
        with self._faults.write(f"add finalizer {resource.key}", cloud=False):
            metadata = self._same(resource)["metadata"]
            metadata["finalizers"] = sorted({*metadata.get("finalizers", ()), FINALIZER})
            self._touch(self._same(resource))

    async def remove_finalizer(self, resource: Resource) -> None:
        with self._faults.write(f"remove finalizer {resource.key}", cloud=False):
            if (resource.kind, resource.ref) not in self.objects:
                return
            metadata = self._same(resource)["metadata"]
            metadata["finalizers"] = [f for f in metadata.get("finalizers", ()) if f != FINALIZER]
            self._collect(resource.kind, resource.ref)

    async def apply_status(self, resource: Resource, status: Status) -> None:
        with self._faults.write(f"apply status {resource.key}", cloud=False):
            body = self._same(resource)
            body["status"] = status.render()
            self._touch(body)

    def _same(self, resource: Resource) -> Manifest:
        body = self.objects.get((resource.kind, resource.ref))
        if body is None:
            raise errors.KubeNotFound(f"{resource.key} is gone")
        if body["metadata"]["uid"] != resource.metadata.uid:
            raise errors.KubeConflict(f"{resource.key} is another one")
        return body


class FakeView:
    """What is watched: nodes and Services put in by hand, listeners from the API server.

    Namespaces are those of the API server, but for those that are held in an old version.
    """

    def __init__(self, kube: FakeKube) -> None:
        self._kube = kube
        self.held_nodes: list[Node] = []
        self.held_services: list[Service] = []
        self.held_namespaces: dict[str, Namespace] = {}

    def nodes(self) -> Collection[Node]:
        return tuple(self.held_nodes)

    def services(self, namespace: str) -> Mapping[str, Service]:
        return {s.ref.name: s for s in self.held_services if s.ref.namespace == namespace}

    def namespace(self, name: str) -> Namespace | None:
        return self.held_namespaces.get(name) or self._kube.namespaces.get(name)

    def listeners(self) -> Collection[MutualTLSListener]:
        objects = self._kube.objects.items()
        found = [MutualTLSListener.parse(b) for (kind, _), b in objects if kind is Kind.MUTUAL_TLS_LISTENER]
        return [listener for listener in found if not listener.metadata.is_draft]

    def refs_of(self, kind: Kind) -> Collection[ObjectRef]:
        return [ref for known, ref in self._kube.objects if known is kind]

    def published(self, authority: ObjectRef) -> Published | None:
        found = self._kube.config_maps.get(published_in(authority))
        return read_published(found) if found is not None else None

    def requests_to(self, authority: ObjectRef) -> Collection[Request]:
        objects = self._kube.objects.items()
        found = [read_request(body) for (kind, _), body in objects if kind is Kind.CLIENT_CERT]
        return [request for request in found if request.authority == authority]

    def requests_within(self, authority: ObjectRef, namespace: str) -> Collection[Request]:
        return [request for request in self.requests_to(authority) if request.ref.namespace == namespace]


@dataclass(frozen=True)
class Event:
    type: str
    key: str
    reason: str
    message: str


class FakeRecorder:
    """Events in a list; each is a write to the API server."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def normal(self, resource: Resource, reason: str, message: str) -> None:
        self.events.append(Event("Normal", str(resource.key), reason, message))

    async def warning(self, resource: Resource, reason: str, message: str) -> None:
        self.events.append(Event("Warning", str(resource.key), reason, message))
