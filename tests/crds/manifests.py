"""The smallest good manifest of each kind, changes to it, and what the API server says to the result."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtls_devcluster.cluster import Kubectl, KubectlError

Manifest = dict[str, Any]

API_VERSION = "mtls.clb-operator.dev/v1alpha1"
LEFT_ALONE = {"mtls.clb-operator.dev/paused": "true"}
"""An operator may be running in the same cluster, and would write a status of its own."""

AUTHORITY: Manifest = {
    "apiVersion": API_VERSION,
    "kind": "CertificateAuthority",
    "metadata": {"name": "clients", "annotations": LEFT_ALONE},
    "spec": {"subject": {"commonName": "Acme Client Root"}},
}
CLIENT_CERT: Manifest = {
    "apiVersion": API_VERSION,
    "kind": "ClientCert",
    "metadata": {"name": "payments", "annotations": LEFT_ALONE},
    "spec": {"caRef": {"name": "clients"}},
}
ROUTE: Manifest = {"path": "/", "backends": [{"nodePort": 30080}]}
DOMAIN: Manifest = {"domain": "api.acme.example", "routes": [ROUTE]}
LISTENER: Manifest = {
    "apiVersion": API_VERSION,
    "kind": "MutualTLSListener",
    "metadata": {"name": "api", "annotations": LEFT_ALONE},
    "spec": {
        "loadBalancer": {"id": "lb-1a2b3c4d", "region": "ap-guangzhou"},
        "tls": {"caRef": {"name": "clients"}},
        "domains": [DOMAIN],
    },
}


def changed(manifest: Manifest, change: Mapping[str, Any]) -> Manifest:
    """Return a manifest with a change merged in: objects go deep, None takes a field away."""
    result = dict(manifest)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = changed(result[name], value)
        else:
            result[name] = value
    return result


REGEX_DOMAIN: Manifest = changed(
    DOMAIN,
    {"domain": "~^.*[.]example$", "routes": [changed(ROUTE, {"healthCheck": {"domain": "a.example"}})]},
)


def with_spec(manifest: Manifest, **fields: Any) -> Manifest:
    return changed(manifest, {"spec": fields})


def with_domain(**fields: Any) -> Manifest:
    """Return the listener with its domain changed."""
    return with_spec(LISTENER, domains=[changed(DOMAIN, fields)])


def with_route(**fields: Any) -> Manifest:
    """Return the listener with its route changed."""
    return with_domain(routes=[changed(ROUTE, fields)])


@dataclass(frozen=True)
class CrdKubectl:
    kubectl: Kubectl
    namespace: str

    def apply(self, manifest: Manifest, *arguments: str) -> Manifest:
        """Apply a manifest as a person does and return what the API server made of it."""
        return self._apply("apply", manifest, *arguments)

    def try_out(self, manifest: Manifest) -> Manifest:
        """Return what the API server would make of a manifest, without keeping it."""
        return self._apply("create", manifest, "--dry-run=server")

    def refusal(self, manifest: Manifest) -> str:
        """Return what the API server says against a manifest, empty when it takes it."""
        try:
            self.apply(manifest, "--dry-run=server")
        except KubectlError as error:
            return error.stderr
        return ""

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        return self.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def _apply(self, verb: str, manifest: Manifest, *arguments: str) -> Manifest:
        answer = self.run(verb, "-f", "-", "-o", "json", *arguments, stdin=json.dumps(manifest))
        applied: Manifest = json.loads(answer)
        return applied
