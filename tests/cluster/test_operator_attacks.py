"""What a tenant may try on a real cluster to get more than its own; the whole table is in tests/unit."""

import json
from typing import Any

import pytest
from cluster.kube_api import Manifest, condition
from cluster.tenant import NewTenant, Tenant
from cryptography import x509
from eventually import eventually
from unit.signing_requests import csr, new_key

from mtls_operator.api.client_cert import ClientCert
from mtls_operator.core.approval import approval_key, approval_value

pytestmark = pytest.mark.cluster

EVERYBODY = {"clientCerts": {"namespaces": {"from": "All"}}}
ATTEMPTS: dict[str, Manifest] = {
    "name": {"subject": {"commonName": "payments.kube-system"}},
    "look-alike": {"subject": {"commonName": "p\u0430yments.NAMESPACE"}},
    "comma": {"subject": {"commonName": "payments.NAMESPACE,O=Bank"}},
    "organization": {"subject": {"organizations": ["Bank"]}},
    "dns": {"dnsNames": ["payments.kube-system.svc"]},
    "uri": {"uris": ["spiffe://acme.example/ns/kube-system/x"]},
    "email": {"emailAddresses": ["root@acme.example"]},
    "address": {"ipAddresses": ["10.0.0.1"]},
    "metadata": {"secretTemplate": {"labels": {"argocd.argoproj.io/secret-type": "cluster"}}},
    "request": {"request": csr(new_key(), x509.BasicConstraints(ca=True, path_length=None))},
}
DENIALS = {"NameNotAllowed", "MetadataNotAllowed", "RequestNotAllowed"}


def ledger(tenant: Tenant, name: str) -> list[Manifest]:
    """Return what was ever issued for an object."""
    maps = tenant.world.kube.list("ConfigMap", tenant.namespace)
    shards = (one.get("data", {}) for one in maps if "-ledger-" in one["metadata"]["name"])
    entries = [json.loads(text) for shard in shards for text in shard.values()]
    return [entry for entry in entries if entry["name"] == name]


def write_status(tenant: Tenant, status: Manifest) -> None:
    """Write a ClientCert's status, as somebody who may."""
    patch = json.dumps({"status": status})
    tenant.world.environment.kubectl(
        "patch",
        "clientcert",
        "payments",
        "-n",
        tenant.namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        patch,
    )


def denial(tenant: Tenant, name: str) -> Manifest:
    """Wait for the condition Denied."""
    return eventually(
        lambda: condition(tenant.get("ClientCert", name), "Denied") or {},
        until=bool,
        what=f"{name} is denied",
    )


def test_nothing_is_issued_for_what_is_not_ones_own(new_tenant: NewTenant) -> None:
    platform, team = new_tenant(), new_tenant()
    platform.authority(access=EVERYBODY)
    platform.wait_ready("CertificateAuthority", "clients")
    for name, spec in ATTEMPTS.items():
        filled: dict[str, Any] = json.loads(json.dumps(spec).replace("NAMESPACE", team.namespace))
        team.client_cert(name, caRef={"name": "clients", "namespace": platform.namespace}, **filled)
    for name in ATTEMPTS:
        assert denial(team, name)["reason"] in DENIALS
        assert condition(team.get("ClientCert", name), "Approved") is None
        assert team.secret(name) is None
        assert ledger(platform, name) == []


def test_neither_anothers_secret_nor_the_authoritys_key_is_had(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert("victim")
    tenant.wait_ready("ClientCert", "victim")
    before = tenant.get("Secret", "victim")
    tenant.client_cert("thief", secretName="victim")
    tenant.wait_reason("ClientCert", "thief", "SecretNameTaken")
    assert tenant.get("Secret", "victim") == before
    reference = {"name": "clients-ca-key", "key": "g1.key"}
    tenant.client_cert("reader", pkcs12={"passwordSecretRef": reference})
    said = tenant.wait_reason("ClientCert", "reader", "PasswordNotAllowed")
    assert "holds the key of a CertificateAuthority" in said
    assert tenant.secret("reader") is None


def test_an_approval_is_forged_by_no_status_and_bound_to_the_manifest(tenant: Tenant) -> None:
    policy = {"approval": "Manual", "allowedDNSNames": ["*.acme.example"]}
    tenant.authority(clientCertPolicy=policy)
    tenant.client_cert()
    tenant.wait_reason("ClientCert", "payments", "ApprovalPending")
    forged = [
        {**one, "type": "Approved", "status": "True", "reason": "ManuallyApproved"}
        for one in tenant.get("ClientCert", "payments")["status"]["conditions"][:1]
    ]
    write_status(tenant, {"conditions": forged, "issuerGeneration": 1, "revision": 1})
    tenant.provoke_pass("ClientCert", "payments")
    assert tenant.wait_reason("ClientCert", "payments", "ApprovalPending", "Approved")
    assert tenant.secret("payments") is None
    cert = ClientCert.parse(tenant.get("ClientCert", "payments"))
    entry = {approval_key(cert.ref): approval_value(cert)}
    metadata = {"name": "clients-approvals", "namespace": tenant.namespace}
    tenant.world.kube.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entry})
    tenant.poke("ClientCert", "payments")
    tenant.wait_ready("ClientCert", "payments")
    issued = tenant.get("Secret", "payments")
    tenant.change("ClientCert", "payments", {"spec": {"dnsNames": ["bank.acme.example"]}})
    tenant.wait_reason("ClientCert", "payments", "ApprovalPending")
    assert tenant.get("Secret", "payments") == issued


def test_a_revocation_is_for_good_and_comes_with_the_deletion_where_it_is_asked_for(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert(revokeOnDelete=True)
    tenant.client_cert("other", revokeOnDelete=True)
    for name in ("payments", "other"):
        tenant.wait_ready("ClientCert", name)
    tenant.change("ClientCert", "payments", {"spec": {"revoked": {"reason": "KeyCompromise"}}})
    said = tenant.wait_reason("ClientCert", "payments", "Revoked")
    assert "CLB checks no list" in said
    tenant.delete("Secret", "payments")
    write_status(tenant, {"conditions": None})
    tenant.provoke_pass("ClientCert", "payments")
    assert tenant.wait_reason("ClientCert", "payments", "Revoked", "Revoked") == said
    assert tenant.secret("payments") is None
    tenant.delete("ClientCert", "other")
    tenant.wait_gone("ClientCert", "other")
    (entry,) = ledger(tenant, "other")
    assert entry["revoked"]["reason"] == "CessationOfOperation"
    eventually(
        lambda: tenant.get("CertificateAuthority", "clients")["status"].get("revoked"),
        until=lambda count: count == 2,
        what="both are on the list",
    )


def test_a_secret_that_would_need_another_type_is_left_until_somebody_lets_it_go(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    before = tenant.get("Secret", "payments")
    tenant.change("ClientCert", "payments", {"spec": {"privateKey": None, "request": csr(new_key())}})
    tenant.wait_reason("ClientCert", "payments", "SecretTypeDiffers")
    assert tenant.get("Secret", "payments") == before
    tenant.delete("Secret", "payments")
    tenant.wait_ready("ClientCert", "payments")
    made = tenant.get("Secret", "payments")
    assert (made["type"], sorted(made["data"])) == ("Opaque", ["ca.crt", "tls.crt"])
