"""One test's own part of the world: a namespace, a load balancer, and the objects in them.

Writes to the API server; waits for the operator. Made by the fixtures `tenant` and `new_tenant`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from cluster.audit_log import AuditLog, Mark
from cluster.cloud_console import CloudConsole
from cluster.kube_api import API_VERSION, OUR_KINDS, KubeApi, Manifest, condition, is_ready
from cluster.operator_control import OperatorControl
from eventually import eventually

from mtls_devcluster.client_files import ClientFiles, export_client
from mtls_devcluster.curl import Answer, Site, ask
from mtls_devcluster.environment import Environment

PORT: Final = 8443
DOMAIN: Final = "api.acme.example"
READY_SECONDS: Final = 30.0
_POKE: Final = "tests.example/poke"
_pokes = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all tests of the run share."""

    environment: Environment
    kube: KubeApi
    cloud: CloudConsole
    audit: AuditLog
    operator: OperatorControl
    node_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A namespace and a load balancer that only one test uses."""

    world: World
    namespace: str
    balancer: str
    address: str

    def authority(self, name: str = "clients", **spec: Any) -> Manifest:
        """Create an authority, with a key that is made in no time."""
        common = {
            "subject": {"commonName": f"{name} of {self.namespace}"},
            "privateKey": {"algorithm": "ECDSA"},
        }
        return self.create("CertificateAuthority", name, {**common, **spec})

    def client_cert(self, name: str = "payments", **spec: Any) -> Manifest:
        return self.create("ClientCert", name, {"caRef": {"name": "clients"}, **spec})

    def listener(self, name: str = "api", **spec: Any) -> Manifest:
        """Create a listener by method 1 to the session's real servers."""
        usual = {
            "loadBalancer": {"id": self.balancer, "region": self.world.environment.simulator.region},
            "port": PORT,
            "tls": {"caRef": {"name": "clients"}},
            "domains": [domain(self.world.node_port)],
            "drainPeriod": "0s",
            # Trials are requests and, at first, writes that a test about something else does not expect.
            "verification": {"enabled": False},
        }
        return self.create("MutualTLSListener", name, {**usual, **spec})

    def create(self, kind: str, name: str, spec: Manifest) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace}
        return self.world.kube.create(
            {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        )

    def secret(self, name: str) -> Manifest | None:
        return self.world.kube.find("Secret", self.namespace, name)

    def create_secret(self, name: str, content: str = "somebody else's") -> Manifest:
        """Make a Secret as a person would."""
        metadata = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"note": content}}
        return self.world.kube.create(body)

    def create_password(self, name: str, password: str, **labels: str) -> Manifest:
        """Make a Secret with a PKCS#12 password."""
        metadata = {"name": name, "namespace": self.namespace, "labels": labels}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": {"password": password},
        }
        return self.world.kube.create(body)

    def get(self, kind: str, name: str) -> Manifest:
        return self.world.kube.get(kind, self.namespace, name)

    def change(self, kind: str, name: str, patch: Manifest) -> Manifest:
        return self.world.kube.merge(kind, self.namespace, name, patch)

    def delete(self, kind: str, name: str) -> None:
        self.world.kube.delete(kind, self.namespace, name)

    def wait_gone(self, kind: str, name: str, within: float = 20) -> None:
        eventually(
            lambda: self.world.kube.find(kind, self.namespace, name) is None,
            within=within,
            what=f"{kind} {name} is gone",
        )

    def wait_ready(self, kind: str, name: str, within: float = READY_SECONDS) -> Manifest:
        return eventually(
            lambda: self.get(kind, name), until=is_ready, within=within, what=f"{kind} {name} is Ready"
        )

    def wait_reason(self, kind: str, name: str, reason: str, type_: str = "Ready") -> str:
        """Wait until a condition has a reason; return its sentence."""
        seen = eventually(
            lambda: condition(self.get(kind, name), type_) or {},
            until=lambda found: found.get("reason") == reason,
            within=READY_SECONDS,
            what=f"{type_} of {kind} {name} has the reason {reason}",
        )
        return str(seen["message"])

    def poke(self, kind: str, name: str) -> None:
        """Ask for a pass, by an annotation that means nothing to the operator."""
        self.change(kind, name, {"metadata": {"annotations": {_POKE: str(next(_pokes))}}})

    def provoke_pass(self, kind: str, name: str) -> None:
        """Return when a whole pass has been made that began after this call.

        A pass begins with a read of the object (of an authority: of its ConfigMap), and no two passes
        over one object run at once: so when another one begins, the one before has ended.
        """
        for _ in range(2):
            mark = self.world.audit.mark()
            self.poke(kind, name)
            self.wait_for_pass(kind, name, mark)

    def wait_for_pass(self, kind: str, name: str, mark: Mark) -> None:
        """Wait until a pass over an object has begun since a mark."""
        eventually(lambda: self.passes(kind, name, mark), within=20, what=f"a pass over {kind} {name}")

    def passes(self, kind: str, name: str, mark: Mark) -> int:
        """Return how often the operator began a pass over an object since a mark."""
        read = {
            "CertificateAuthority": ("configmaps", f"{name}-ca"),
            "ClientCert": ("clientcerts", name),
            "MutualTLSListener": ("mutualtlslisteners", name),
        }[kind]
        return sum(
            request.verb == "get"
            and request.namespace == self.namespace
            and read == (request.resource, request.name)
            for request in self.world.audit.by_operator(mark)
        )

    def settle(self) -> None:
        """Wait until every listener is healthy, so that nothing is left to report."""
        eventually(
            lambda: all(
                (condition(one, "BackendsHealthy") or {}).get("status") == "True"
                for one in self.world.kube.list("MutualTLSListener", self.namespace)
            ),
            within=40,
            what="every backend is healthy",
        )

    def files(self, folder: Path) -> ClientFiles:
        """Return the files of the client `payments`."""
        kubectl = self.world.environment.kubectl
        return export_client(kubectl, namespace=self.namespace, secret="payments", folder=folder)

    def ask(self, client: ClientFiles | None, trust: ClientFiles) -> Answer:
        """Ask the real servers through the listener."""
        return ask(Site(domain=DOMAIN, port=PORT, address=self.address), client=client, trust=trust)

    def delete_everything(self) -> None:
        """Ask for the deletion of every object of ours."""
        for kind in OUR_KINDS:
            for one in self.world.kube.list(kind, self.namespace):
                self.delete(kind, one["metadata"]["name"])

    def wait_empty(self, within: float = 20) -> None:
        """Wait until the operator has undone all of it."""
        eventually(
            lambda: [
                one["metadata"]["name"]
                for kind in OUR_KINDS
                for one in self.world.kube.list(kind, self.namespace)
            ],
            until=lambda left: not left,
            within=within,
            what=f"every object of {self.namespace} is gone",
        )


NewTenant = Callable[[], Tenant]
"""What the fixture `new_tenant` gives."""


def domain(node_port: int, name: str = DOMAIN, path: str = "/", **fields: Any) -> Manifest:
    """Return a domain with one route to a node port, whose health is known soon."""
    check = {"path": "/healthz", "method": "GET", "interval": "3s", "timeout": "2s", "healthyThreshold": 2}
    route = {"path": path, "healthCheck": check, "backends": [{"nodePort": node_port}]}
    return {"domain": name, "routes": [route], **fields}


def method_2(tenant: Tenant, **spec: Any) -> None:
    """Create a listener with two domains that admit the clients of different authorities."""
    first = domain(tenant.world.node_port, "a.acme.example", default=True)
    second = domain(tenant.world.node_port, "b.acme.example", tls={"caRef": {"name": "partners"}})
    tenant.listener("shared", port=9443, sni=True, domains=[first, second], **spec)


def both_methods(tenant: Tenant) -> None:
    """Create objects of every kind, listeners by both methods, and wait until all are Ready."""
    tenant.authority()
    tenant.authority("partners")
    tenant.client_cert()
    tenant.listener()
    method_2(tenant)
    for kind in OUR_KINDS:
        for one in tenant.world.kube.list(kind, tenant.namespace):
            tenant.wait_ready(kind, one["metadata"]["name"])
