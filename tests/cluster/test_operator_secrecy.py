"""No private key and no password is anywhere but in Secrets."""

import base64
import json

import pytest
from cluster.kube_api import OUR_KINDS
from cluster.tenant import Tenant, both_methods

pytestmark = pytest.mark.cluster

DAMAGED = base64.b64encode(b"-----BEGIN PRIVATE KEY-----\ndamaged\n-----END PRIVATE KEY-----\n").decode()


def test_keys_and_passwords_stay_in_their_secrets(tenant: Tenant) -> None:
    """After issuing, repairing, failing and refusing."""
    both_methods(tenant)
    tenant.client_cert("refused", subject={"commonName": "not.allowed"})
    tenant.wait_reason("ClientCert", "refused", "NameNotAllowed")
    confidential = _confidential(tenant)
    tenant.change("Secret", "payments", {"data": {"tls.key": DAMAGED}})
    tenant.change("Secret", "api-server", {"data": {"tls.key": DAMAGED}})
    tenant.change("Secret", "clients-ca-key", {"data": {"g1.key": DAMAGED}})
    tenant.wait_reason("CertificateAuthority", "clients", "CAKeyDamaged")
    for kind, name in (("ClientCert", "payments"), ("MutualTLSListener", "api")):
        tenant.provoke_pass(kind, name)
    tenant.world.operator.stop()
    tenant.world.operator.start(secret_key="wrong" * 8)
    tenant.wait_reason("MutualTLSListener", "shared", "CloudAccessDenied")
    confidential |= _confidential(tenant)
    assert len(confidential) >= 8
    for place, text in _places(tenant).items():
        assert text, place
        found = [hint for hint, secret in confidential.items() if secret in text]
        assert found == [], f"in {place}"


def _confidential(tenant: Tenant) -> dict[str, str]:
    """Return what must not show, by where it belongs: passwords, and a line of every key in both writings."""
    found = {"a PEM block": "PRIVATE KEY", "a PEM block in base64": "UFJJVkFURSBLRV"}
    found["the cloud's key"] = tenant.world.environment.simulator.secret_key
    for secret in tenant.world.kube.list("Secret", tenant.namespace):
        for name, value in secret.get("data", {}).items():
            where, text = f"{secret['metadata']['name']} {name}", base64.b64decode(value)
            if name.endswith("password"):
                found[where] = text.decode()
            elif name.endswith(".key"):
                found[where] = text.decode().splitlines()[1]
                found[f"{where} in base64"] = value[60:120]
    return found


def _places(tenant: Tenant) -> dict[str, str]:
    world = tenant.world
    objects = [one for kind in OUR_KINDS for one in world.kube.list(kind)]
    return {
        "the operator's log": world.operator.logs(),
        "our objects": json.dumps(objects),
        "the Secrets' metadata": json.dumps([one["metadata"] for one in world.kube.list("Secret")]),
        "the ConfigMaps": json.dumps(world.kube.list("ConfigMap")),
        "the events": json.dumps(world.kube.list("Event")),
        "the cloud's log of calls": json.dumps(world.cloud.calls()),
    }
