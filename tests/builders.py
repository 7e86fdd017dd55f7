"""Manifests and cluster values with everything filled in that a test does not care about."""

from datetime import UTC, datetime
from typing import Any

from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cloud import HealthCheck
from mtls_operator.core.cluster import Node, Service, ServicePort
from mtls_operator.core.server_cert import CloudSlot, IssuedSlot, ReferencedSlot, slots

Manifest = dict[str, Any]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FAST_KEY = {"algorithm": "ECDSA"}


def _manifest(kind: str, name: str, namespace: str, spec: Manifest, annotations: Manifest | None) -> Manifest:
    return {
        "apiVersion": "mtls.clb-operator.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
        "spec": spec,
    }


def authority_manifest(
    name: str = "clients", *, namespace: str = "edge", annotations: Manifest | None = None, **spec: Any
) -> Manifest:
    wanted = {"subject": {"commonName": f"Root {name}"}, "privateKey": FAST_KEY, **spec}
    return _manifest("CertificateAuthority", name, namespace, wanted, annotations)


def client_cert_manifest(
    name: str = "payments", *, namespace: str = "edge", annotations: Manifest | None = None, **spec: Any
) -> Manifest:
    return _manifest("ClientCert", name, namespace, {"caRef": {"name": "clients"}, **spec}, annotations)


def route_manifest(path: str = "/", node_port: int = 30080, **fields: Any) -> Manifest:
    return {"path": path, "backends": [{"nodePort": node_port}], **fields}


def domain_manifest(domain: str = "api.acme.example", *routes: Manifest, **fields: Any) -> Manifest:
    return {"domain": domain, "routes": list(routes or (route_manifest(),)), **fields}


def listener_manifest(
    name: str = "api",
    *domains: Manifest,
    namespace: str = "edge",
    ca: str = "clients",
    annotations: Manifest | None = None,
    **spec: Any,
) -> Manifest:
    wanted = {
        "loadBalancer": {"id": "lb-1a2b3c4d", "region": "ap-guangzhou"},
        "tls": {"caRef": {"name": ca}, "serverCertificate": {"issue": {"privateKey": FAST_KEY}}},
        "domains": list(domains or (domain_manifest(),)),
        **spec,
    }
    return _manifest("MutualTLSListener", name, namespace, wanted, annotations)


def authority(name: str = "clients", **fields: Any) -> CertificateAuthority:
    return CertificateAuthority.parse(_with_uid(authority_manifest(name, **fields)))


def client_cert(name: str = "payments", **fields: Any) -> ClientCert:
    return ClientCert.parse(_with_uid(client_cert_manifest(name, **fields)))


def listener(name: str = "api", *domains: Manifest, **fields: Any) -> MutualTLSListener:
    return MutualTLSListener.parse(_with_uid(listener_manifest(name, *domains, **fields)))


def slots_with_secrets(listener: MutualTLSListener) -> list[IssuedSlot | ReferencedSlot]:
    """Return the places for server certificates that are kept in the cluster."""
    return [slot for slot in slots(listener) if not isinstance(slot, CloudSlot)]


def _with_uid(manifest: Manifest) -> Manifest:
    metadata = {**manifest["metadata"], "uid": f"uid-{manifest['metadata']['name']}"}
    return {**manifest, "metadata": metadata}


def health_check(**fields: Any) -> HealthCheck:
    """Return a rule's health check with the cloud's own times."""
    known: dict[str, Any] = {
        "enabled": True,
        "domain": "",
        "path": "/",
        "method": "HEAD",
        "interval": 5,
        "timeout": 2,
        "healthy_threshold": 3,
        "unhealthy_threshold": 3,
        "codes": frozenset({"2xx"}),
    }
    return HealthCheck(**{**known, **fields})


def node(number: int = 1, **fields: Any) -> Node:
    known: dict[str, Any] = {
        "name": f"node-{number}",
        "uid": f"uid-node-{number}",
        "provider_id": f"qcloud:///100003/ins-{number:08d}",
        "internal_ip": f"10.0.0.{number}",
        "labels": {},
        "taints": frozenset(),
        "ready": True,
        "ready_since": NOW,
    }
    return Node(**{**known, **fields})


def service(
    name: str = "web", *ports: ServicePort, type_: str = "NodePort", namespace: str = "edge"
) -> Service:
    default = (ServicePort(name="http", port=80, node_port=30080),)
    return Service(ref=ObjectRef(namespace, name), type=type_, ports=ports or default)
