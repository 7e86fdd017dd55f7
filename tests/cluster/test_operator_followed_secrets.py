"""Secrets of people that a manifest refers to: followed at once with the label, at the next pass without."""

import base64

import pytest
from cluster.kube_api import Manifest
from cluster.tenant import Tenant
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from eventually import eventually

pytestmark = pytest.mark.cluster

LABEL = {"mtls.clb-operator.dev/watch": "true"}
OTHER = {"mtls.clb-operator.dev/watch": "no"}


def _client_with(tenant: Tenant, name: str, labels: dict[str, str]) -> Manifest:
    tenant.create_password(f"{name}-pw", "first", **labels)
    tenant.client_cert(name, pkcs12={"passwordSecretRef": {"name": f"{name}-pw"}})
    tenant.wait_ready("ClientCert", name)
    return tenant.get("Secret", name)


def _set_password(tenant: Tenant, name: str, password: str) -> None:
    tenant.change("Secret", f"{name}-pw", {"stringData": {"password": password}})


def _password(tenant: Tenant, name: str) -> str:
    return base64.b64decode(tenant.get("Secret", name)["data"]["client.p12-password"]).decode()


def _wait_password(tenant: Tenant, name: str, password: str) -> None:
    eventually(
        lambda: _password(tenant, name),
        until=lambda found: found == password,
        within=5,
        what=f"client.p12 of {name} has the password {password!r}",
    )


def test_a_new_password_rebuilds_the_bundle_at_once_and_nothing_else(tenant: Tenant) -> None:
    tenant.authority()
    before = _client_with(tenant, "payments", LABEL)
    status, mark = tenant.get("ClientCert", "payments")["status"], tenant.world.audit.mark()
    _set_password(tenant, "payments", "second")
    _wait_password(tenant, "payments", "second")
    after = tenant.get("Secret", "payments")
    changed = {name for name, value in after["data"].items() if before["data"][name] != value}
    assert changed == {"client.p12", "client.p12-password"}
    assert load_key_and_certificates(base64.b64decode(after["data"]["client.p12"]), b"second")[0]
    tenant.provoke_pass("ClientCert", "payments")
    assert tenant.get("ClientCert", "payments")["status"] == status
    assert tenant.world.audit.writes(mark, tenant.namespace) == [
        f"update secrets {tenant.namespace}/payments"
    ]


@pytest.mark.parametrize("labels", [{}, OTHER], ids=["no label", "the label with another value"])
def test_without_the_label_a_new_password_waits_for_the_next_pass(
    tenant: Tenant, labels: dict[str, str]
) -> None:
    tenant.authority()
    _client_with(tenant, "unfollowed", labels)
    _client_with(tenant, "followed", LABEL)
    mark = tenant.world.audit.mark()
    _set_password(tenant, "unfollowed", "second")
    _set_password(tenant, "followed", "second")
    _wait_password(tenant, "followed", "second")
    assert tenant.passes("ClientCert", "unfollowed", mark) == 0
    assert _password(tenant, "unfollowed") == "first"
    tenant.poke("ClientCert", "unfollowed")
    _wait_password(tenant, "unfollowed", "second")


def test_a_password_that_comes_later_is_taken_up_at_once(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert(pkcs12={"passwordSecretRef": {"name": "payments-pw"}})
    tenant.wait_reason("ClientCert", "payments", "SecretNotFound")
    tenant.create_password("payments-pw", "first", **LABEL)
    tenant.wait_ready("ClientCert", "payments", within=5)
