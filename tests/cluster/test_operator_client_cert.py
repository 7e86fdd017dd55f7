"""A ClientCert's Secret: made with two writes, kept, and gone with its owner."""

import base64

import pytest
from cluster.tenant import Tenant
from eventually import eventually

pytestmark = pytest.mark.cluster


def test_it_becomes_ready_with_two_writes_of_its_own_and_a_record_made_before(tenant: Tenant) -> None:
    tenant.authority()
    tenant.wait_ready("CertificateAuthority", "clients")
    mark = tenant.world.audit.mark()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    tenant.provoke_pass("ClientCert", "payments")
    writes = tenant.world.audit.writes(mark, tenant.namespace)
    # The authority's status counts what was issued, some time later.
    assert [write for write in writes if "certificateauthorities" not in write] == [
        f"create configmaps {tenant.namespace}/clients-ledger-0",
        f"create secrets {tenant.namespace}/payments",
        f"patch clientcerts/status {tenant.namespace}/payments",
    ]


def test_a_deleted_secret_is_made_again_at_once(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    before = tenant.get("Secret", "payments")["metadata"]["uid"]
    tenant.delete("Secret", "payments")
    eventually(lambda: tenant.secret("payments"), within=5, what="the Secret is there again")
    assert tenant.get("Secret", "payments")["metadata"]["uid"] != before


@pytest.mark.parametrize("member", ["tls.crt", "tls.key", "ca.crt", "client.p12"])
def test_a_damaged_secret_is_mended_at_once(tenant: Tenant, member: str) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    good = tenant.get("Secret", "payments")["data"]
    damaged = base64.b64encode(b"damaged").decode()
    tenant.change("Secret", "payments", {"data": {member: damaged}})
    mended = eventually(
        lambda: tenant.get("Secret", "payments")["data"],
        until=lambda found: found[member] != damaged,
        within=5,
        what=f"{member} is mended",
    )
    assert mended.keys() == good.keys()
    if member == "ca.crt":
        assert mended["ca.crt"] == good["ca.crt"]
        assert mended["tls.crt"] == good["tls.crt"]


def test_its_secret_goes_with_it(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    tenant.delete("ClientCert", "payments")
    tenant.wait_gone("Secret", "payments")
