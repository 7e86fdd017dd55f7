"""`kubectl mtls` as people run it: kubectl finds it on PATH, the API server and the operator are real."""

import json
from typing import Any

import pytest
from cluster.plugin_run import mtls
from cluster.tenant import Tenant
from eventually import eventually

pytestmark = pytest.mark.cluster

ROTATE = "mtls.clb-operator.dev/rotate"


def issued(tenant: Tenant, *arguments: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(
        mtls(tenant, "issued", "--ca", "clients", "-o", "json", *arguments)
    )["entries"]
    return entries


def test_a_certificate_is_listed_before_and_after_its_object_is_gone(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    serial = tenant.wait_ready("ClientCert", "payments")["status"]["serialNumber"]
    [entry] = issued(tenant)
    assert (entry["serial"], entry["state"], entry["name"]) == (serial, "valid", "payments")
    table = mtls(tenant, "issued", "--ca", "clients", "--serial", serial[:8])
    assert f"{tenant.namespace}/payments" in table
    tenant.delete("ClientCert", "payments")
    tenant.wait_gone("ClientCert", "payments")
    assert [one["serial"] for one in issued(tenant, "--name", "payments")] == [serial]


def test_an_approval_makes_a_waiting_one_ready(tenant: Tenant) -> None:
    tenant.authority(clientCertPolicy={"approval": "Manual"})
    tenant.client_cert()
    tenant.wait_reason("ClientCert", "payments", "ApprovalPending")
    assert f"{tenant.namespace}/payments" in mtls(tenant, "approve", "--list", "--ca", "clients")
    shown = mtls(tenant, "approve", "payments", answer="y\n")
    assert f"payments.{tenant.namespace}" in shown
    tenant.wait_ready("ClientCert", "payments")
    assert "Nothing waits" in mtls(tenant, "approve", "--list", "--ca", "clients")


def test_a_denial_stops_one_that_was_approved(tenant: Tenant) -> None:
    tenant.authority(clientCertPolicy={"approval": "Manual"})
    tenant.client_cert()
    mtls(tenant, "deny", "payments", "--yes")
    tenant.wait_reason("ClientCert", "payments", "ManuallyDenied")
    assert tenant.secret("payments") is None


def test_a_revocation_is_written_and_seen_by_the_operator(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    assert "still accepts" in mtls(tenant, "revoke", "payments", "--reason", "KeyCompromise", answer="y\n")
    assert tenant.get("ClientCert", "payments")["spec"]["revoked"] == {"reason": "KeyCompromise"}
    eventually(
        lambda: [one["state"] for one in issued(tenant)],
        until=lambda states: states == ["revoked"],
        what="the ledger has the revocation",
    )


def test_a_rotation_is_asked_for_by_the_annotation(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    said = mtls(tenant, "rotate", "ca", "clients", "--evict", "--soak", "10m", "--yes")
    assert "It concerns 1 ClientCert " in said
    value = tenant.get("CertificateAuthority", "clients")["metadata"]["annotations"][ROTATE]
    assert value.startswith("evict-")
    assert value.endswith(";soak=10m")


def test_the_doors_of_a_listener_are_tried_from_here(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.listener()
    tenant.wait_ready("ClientCert", "payments")
    tenant.wait_ready("MutualTLSListener", "api")
    tenant.settle()
    assert "Enforced: " in mtls(tenant, "verify", "api")
    assert "connection refused" in mtls(tenant, "verify", "api", "--address", "127.0.0.1:1", status=3)
