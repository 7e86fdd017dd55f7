"""What somebody changes behind the operator's back is put right; an authority's key is the exception.

What somebody changes in the console is in `test_operator_drift`, but for an open door under traffic.
"""

from pathlib import Path

import pytest
from cluster.prober import Prober
from cluster.tenant import Tenant
from eventually import eventually

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
AUTHORITY = "CertificateAuthority"


@pytest.fixture
def listener(tenant: Tenant) -> str:
    """A ready listener's id in the cloud."""
    tenant.authority()
    tenant.client_cert()
    tenant.listener()
    status = tenant.wait_ready(KIND, "api")["status"]
    return str(status["listenerId"])


def test_a_lost_authority_key_is_not_made_anew(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    copy = tenant.get("Secret", "clients-ca-key")
    published = tenant.get("ConfigMap", "clients-ca")["data"]
    tenant.delete("Secret", "clients-ca-key")
    said = tenant.wait_reason(AUTHORITY, "clients", "CAKeyMissing", "Stalled")
    assert f"Secret {tenant.namespace}/clients-ca-key, is gone. Restore it from a backup" in said
    tenant.provoke_pass(AUTHORITY, "clients")
    assert tenant.secret("clients-ca-key") is None
    kept = {name: copy["metadata"][name] for name in ("name", "namespace", "labels", "annotations")}
    tenant.world.kube.create({**copy, "kind": "Secret", "apiVersion": "v1", "metadata": kept})
    tenant.wait_ready(AUTHORITY, "clients")
    assert tenant.get("ConfigMap", "clients-ca")["data"] == published


def test_a_listener_that_somebody_opened_is_closed_again(
    tenant: Tenant, listener: str, tmp_path: Path
) -> None:
    """Without a certificate one is served only between the tampering and the repair."""
    tenant.wait_ready("ClientCert", "payments")
    own = tenant.files(tmp_path)
    eventually(lambda: tenant.ask(own, own).is_served, what="the listener serves its client")
    cloud = tenant.world.cloud
    (before,) = cloud.listeners(tenant.balancer)
    one_way = {"SSLMode": "UNIDIRECTIONAL", "CertId": before["Certificate"]["CertId"]}
    with Prober(tenant.address, trust=own) as prober:
        prober.wait_for_verdicts(3)
        assert prober.served_since(0) == 0
        cloud.change(
            "ModifyListener", LoadBalancerId=tenant.balancer, ListenerId=listener, Certificate=one_way
        )
        eventually(lambda: prober.served_since(0), what="the open door is seen")
        tenant.provoke_pass(KIND, "api")
        repaired = prober.count
        prober.wait_for_verdicts(5)
        assert prober.served_since(repaired + 1) == 0
    (after,) = cloud.listeners(tenant.balancer)
    assert after["Certificate"] == before["Certificate"]
    assert tenant.ask(own, own).is_served


def test_a_damaged_server_certificate_is_replaced(tenant: Tenant, listener: str) -> None:
    cloud = tenant.world.cloud
    (before,) = cloud.listeners(tenant.balancer)
    tenant.change("Secret", "api-server", {"data": {"tls.crt": "ZGFtYWdlZA=="}})
    eventually(
        lambda: cloud.listeners(tenant.balancer)[0]["Certificate"]["CertId"],
        until=lambda bound: bound != before["Certificate"]["CertId"],
        what="another server certificate is bound",
    )
    eventually(
        lambda: sorted(cloud.uploads(tenant.namespace).values()),
        until=lambda kinds: kinds == ["CA", "SVR"],
        what="the earlier upload is gone",
    )
