"""The API server, asked as its administrator without starting kubectl for every look.

I/O: HTTPS. Used by the cluster tests, which look at objects many times a second.
"""

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from mtls_devcluster.cluster import Cluster

Manifest = dict[str, Any]

OURS: Final = "/apis/mtls.clb-operator.dev/v1alpha1"
API_VERSION: Final = "mtls.clb-operator.dev/v1alpha1"
_CORE: Final = "/api/v1"
_PLURALS: Final = {
    "CertificateAuthority": (OURS, "certificateauthorities"),
    "ClientCert": (OURS, "clientcerts"),
    "MutualTLSListener": (OURS, "mutualtlslisteners"),
    "Secret": (_CORE, "secrets"),
    "ConfigMap": (_CORE, "configmaps"),
    "Service": (_CORE, "services"),
    "Namespace": (_CORE, "namespaces"),
    "Node": (_CORE, "nodes"),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices"),
    "Event": ("/apis/events.k8s.io/v1", "events"),
}
OUR_KINDS: Final = ("MutualTLSListener", "ClientCert", "CertificateAuthority")


class KubeApi:
    """Plain calls; a refusal is an httpx.HTTPStatusError with the server's sentence."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._http = httpx.Client(
            base_url=cluster.server, verify=_context(cluster.kubeconfig), trust_env=False, timeout=20
        )

    def asynchronous(self) -> httpx.AsyncClient:
        """Return a client for many calls at once; the caller closes it."""
        cluster = self._cluster
        return httpx.AsyncClient(
            base_url=cluster.server, verify=_context(cluster.kubeconfig), trust_env=False, timeout=60
        )

    def close(self) -> None:
        self._http.close()

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object, None when there is none."""
        reply = self._http.get(_path(kind, namespace, name))
        return None if reply.status_code == httpx.codes.NOT_FOUND else _read(reply)

    def get(self, kind: str, namespace: str, name: str) -> Manifest:
        return _read(self._http.get(_path(kind, namespace, name)))

    def list(self, kind: str, namespace: str = "") -> list[Manifest]:
        items: list[Manifest] = _read(self._http.get(_path(kind, namespace)))["items"]
        return [{**item, "kind": kind} for item in items]

    def create(self, manifest: Manifest) -> Manifest:
        path = _path(manifest["kind"], manifest["metadata"].get("namespace", ""))
        return _read(self._http.post(path, json=manifest))

    def merge(self, kind: str, namespace: str, name: str, patch: Manifest) -> Manifest:
        """Change an object by a JSON merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return _read(self._http.patch(_path(kind, namespace, name), json=patch, headers=headers))

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Ask for the deletion; one that is gone already is fine."""
        reply = self._http.delete(_path(kind, namespace, name))
        if reply.status_code != httpx.codes.NOT_FOUND:
            _read(reply)


def _path(kind: str, namespace: str, name: str = "") -> str:
    root, plural = _PLURALS[kind]
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{plural}" + (f"/{name}" if name else "")


def _read(reply: httpx.Response) -> Manifest:
    body: Manifest = reply.json()
    if reply.is_error:
        raise httpx.HTTPStatusError(str(body.get("message")), request=reply.request, response=reply)
    return body


def _context(kubeconfig: Path) -> ssl.SSLContext:
    content = yaml.safe_load(kubeconfig.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "tls.crt", Path(folder) / "tls.key"
        certificate.write_bytes(base64.b64decode(user["client-certificate-data"]))
        key.write_bytes(base64.b64decode(user["client-key-data"]))
        context.load_cert_chain(certificate, key)
    return context


def condition(resource: Manifest, type_: str) -> Manifest | None:
    """Return a condition of an object, None when it has none of this type."""
    found = resource.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == type_), None)


def is_ready(resource: Manifest) -> bool:
    """Whether Ready is true for the manifest as it is now."""
    ready = condition(resource, "Ready")
    generation = resource["metadata"]["generation"]
    return ready is not None and ready["status"] == "True" and ready["observedGeneration"] == generation
