"""What the plugin's commands run against: an API server in memory, a clock, and click's runner."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from builders import NOW
from click.testing import CliRunner, Result

from kubectl_mtls.cloud import FoundListener, Place
from kubectl_mtls.errors import Refusal
from kubectl_mtls.http import Connection
from kubectl_mtls.main import cli
from kubectl_mtls.session import Outside
from mtls_operator import errors
from mtls_operator.api.meta import GROUP, VERSION, Kind
from mtls_operator.api.model import Json
from mtls_operator.core.verification import Observation, Silent
from mtls_operator.probing.prober import Knock, Prober

Manifest = dict[str, Any]


def path_of(kind: str, namespace: str, name: str) -> str:
    if kind == "Node":
        return f"/api/v1/nodes/{name}"
    if kind in {"ConfigMap", "Secret", "Service"}:
        return f"/api/v1/namespaces/{namespace}/{kind.lower()}s/{name}"
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{Kind(kind).plural}/{name}"


class FakeApi:
    """The plugin's Api port: JSON merge patches, uids and labels as the API server has them.

    Attributes:
        objects: by path.
        refused: the collections in which RBAC allows neither a list nor a creation.
        writes: what was written, as verb and path.
        after_get: called with the path of each object that was read.
    """

    def __init__(self, *manifests: Manifest) -> None:
        self.objects: dict[str, Manifest] = {}
        self.refused: set[str] = set()
        self.writes: list[str] = []
        self.after_get: Callable[[str], None] = lambda _: None
        for manifest in manifests:
            self.put(manifest)

    def put(self, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        body = {**manifest, "metadata": {"uid": f"uid-{metadata['name']}", **metadata}}
        self.objects[path_of(manifest["kind"], metadata.get("namespace", ""), metadata["name"])] = body

    def find(self, kind: str, namespace: str, name: str) -> Manifest:
        return self.objects[path_of(kind, namespace, name)]

    def get(self, path: str) -> Manifest:
        if path not in self.objects:
            raise errors.KubeNotFound("the Kubernetes API refused: not found")
        found = self.objects[path]
        self.after_get(path)
        return found

    def list(self, path: str, label: str = "") -> Iterator[Manifest]:
        if path in self.refused:
            raise errors.KubeForbidden(f"the Kubernetes API refused: cannot list {path}")
        everywhere, plural = path.rpartition("/")[::2]
        for at, body in list(self.objects.items()):
            is_there = at.startswith(everywhere) and at.split("/")[-2] == plural
            if is_there and _carries(body, label):
                yield body

    def create(self, path: str, body: Json) -> Manifest:
        assert isinstance(body, dict)
        if path in self.refused:
            raise errors.KubeForbidden(f"the Kubernetes API refused: cannot create in {path}")
        metadata: Manifest = dict(body["metadata"])
        at = f"{path}/{metadata['name']}"
        if at in self.objects:
            raise errors.KubeAlreadyExists("the Kubernetes API refused: already exists")
        self.writes.append(f"create {at}")
        self.objects[at] = {**body, "metadata": {"uid": f"uid-{metadata['name']}", **metadata}}
        return self.objects[at]

    def merge(self, path: str, patch: Json) -> Manifest:
        assert isinstance(patch, dict)
        if path not in self.objects:
            raise errors.KubeNotFound("the Kubernetes API refused: not found")
        found = self.objects[path]
        uid = patch.get("metadata", {}).get("uid", found["metadata"]["uid"])
        if uid != found["metadata"]["uid"]:
            raise errors.KubeConflict("the Kubernetes API refused: the UID in the precondition differs")
        self.writes.append(f"merge {path}")
        self.objects[path] = merged(found, patch)
        return self.objects[path]

    def delete(self, path: str) -> None:
        if path not in self.objects:
            raise errors.KubeNotFound("the Kubernetes API refused: not found")
        self.writes.append(f"delete {path}")
        del self.objects[path]


def _carries(body: Manifest, label: str) -> bool:
    name, _, value = label.partition("=")
    return not label or body["metadata"].get("labels", {}).get(name) == value


def merged(body: Manifest, patch: Manifest) -> Manifest:
    """RFC 7386."""
    result = dict(body)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[name] = value
    return result


@dataclass
class FakeClock:
    """Time passes in sleep alone; meanwhile the next thing happens to the cluster."""

    time: datetime = NOW
    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        assert self.meanwhile, "the command waits for something that never comes"
        self.meanwhile.pop(0)()


class Nobody:
    """The Prober port where there is no load balancer."""

    async def knock(self, knock: Knock) -> Observation:
        return Silent(why=f"nobody is at {knock.address}")


def nowhere(place: Place) -> FoundListener:
    """A cloud that has nothing."""
    raise Refusal(f"the cloud knows no load balancer {place.balancer}")


def run(
    api: FakeApi,
    *arguments: str,
    answer: str = "",
    clock: FakeClock | None = None,
    prober: Prober | None = None,
    look: Callable[[Place], FoundListener] = nowhere,
) -> Result:
    """Run `kubectl mtls` in the namespace `edge`; without an answer, nobody is there to give one."""
    outside = Outside(
        connect=lambda _kubeconfig, _context: Connection(api=api, namespace="edge"),
        look=look,
        clock=clock or FakeClock(),
        prober=prober or Nobody(),
    )
    return CliRunner().invoke(cli, arguments, obj=outside, input=answer, prog_name="kubectl mtls")
