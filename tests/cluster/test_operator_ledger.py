"""The record of issued certificates and the lists of revoked ones, on the real API server and over HTTP."""

import base64
import json
from typing import Any

import httpx
import pytest
from cluster.kube_api import Manifest
from cluster.tenant import Tenant
from cryptography import x509
from eventually import eventually

pytestmark = pytest.mark.cluster

_GROUP = "mtls.clb-operator.dev"


def _shard(tenant: Tenant, number: int = 0) -> Manifest:
    return tenant.get("ConfigMap", f"clients-ledger-{number}")


def _entries(tenant: Tenant) -> dict[str, dict[str, Any]]:
    return {serial: json.loads(text) for serial, text in _shard(tenant)["data"].items()}


def _leaf(tenant: Tenant, name: str = "payments") -> x509.Certificate:
    secret = tenant.get("Secret", name)
    return x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))


def _served(tenant: Tenant, path: str) -> bytes:
    """Return what the operator serves; it has to come within a few seconds."""
    url = f"{tenant.world.environment.operator_crl}{path}"
    return eventually(
        lambda: httpx.get(url, trust_env=False),
        until=lambda r: r.is_success,
        within=10,
        what=f"{url} is served",
    ).content


def test_what_was_issued_can_be_read_by_hand_and_is_watched_by_nobody(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.listener()
    tenant.wait_ready("ClientCert", "payments")
    tenant.wait_ready("MutualTLSListener", "api")
    entries = _entries(tenant)
    leaf = _leaf(tenant)
    mine = entries.pop(f"{leaf.serial_number:x}")
    assert mine["kind"] == "ClientCert"
    assert (mine["namespace"], mine["name"], mine["secret"]) == (tenant.namespace, "payments", "payments")
    assert mine["uid"] == tenant.get("ClientCert", "payments")["metadata"]["uid"]
    assert mine["commonName"] == f"payments.{tenant.namespace}"
    assert mine["notAfter"] == leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [one["secret"] for one in entries.values()] == ["api-server"]
    metadata = _shard(tenant)["metadata"]
    assert metadata["labels"] == {f"{_GROUP}/ledger": "true"}
    assert metadata["annotations"] == {f"{_GROUP}/owner": "clients"}
    assert "PRIVATE" not in json.dumps(_shard(tenant))


def test_many_certificates_of_one_moment_share_writes_and_none_is_lost(tenant: Tenant) -> None:
    tenant.authority()
    tenant.wait_ready("CertificateAuthority", "clients")
    mark = tenant.world.audit.mark()
    names = [f"c{number:02}" for number in range(30)]
    for name in names:
        tenant.client_cert(name)
    for name in names:
        tenant.wait_ready("ClientCert", name)
    assert set(_entries(tenant)) == {f"{_leaf(tenant, name).serial_number:x}" for name in names}
    writes = [write for write in tenant.world.audit.writes(mark, tenant.namespace) if "-ledger-" in write]
    assert 1 <= len(writes) <= len(names)
    assert writes[0] == f"create configmaps {tenant.namespace}/clients-ledger-0"
    assert set(writes[1:]) <= {f"patch configmaps {tenant.namespace}/clients-ledger-0"}


def test_a_revoked_certificate_is_on_the_list_at_the_address_that_the_certificate_names(
    tenant: Tenant,
) -> None:
    base = tenant.world.environment.operator_crl
    path = f"/crl/{tenant.namespace}/clients"
    tenant.authority(crl={"distributionPoints": [f"{base}{path}/${{generation}}.crl"]})
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    leaf = _leaf(tenant)
    (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    assert [name.value for name in point.full_name] == [f"{base}{path}/1.crl"]
    before = x509.load_der_x509_crl(_served(tenant, f"{path}/1.crl"))
    assert list(before) == []
    tenant.change("ClientCert", "payments", {"spec": {"revoked": {"reason": "KeyCompromise"}}})
    listed = eventually(
        lambda: x509.load_der_x509_crl(_served(tenant, f"{path}/1.crl")),
        until=lambda crl: len(list(crl)) == 1,
        within=15,
        what="the served list has an entry",
    )
    assert [one.serial_number for one in listed] == [leaf.serial_number]
    assert _entries(tenant)[f"{leaf.serial_number:x}"]["revoked"]["reason"] == "KeyCompromise"
    roots = x509.load_pem_x509_certificates(_served(tenant, f"/ca/{tenant.namespace}/clients.crt"))
    assert listed.is_signature_valid(roots[0].public_key())  # type: ignore[arg-type]  # it is a P-256 key
    published = tenant.get("ConfigMap", "clients-ca")["data"]
    assert x509.load_pem_x509_crl(published["g1.crl"].encode()) == listed
    assert published["ca.crl"] == published["g1.crl"]
    assert _served(tenant, f"{path}.crl") == _served(tenant, f"{path}/1.crl")


def test_a_shard_that_is_deleted_by_hand_is_begun_anew_with_the_next_certificate(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    first = f"{_leaf(tenant).serial_number:x}"
    tenant.delete("ConfigMap", "clients-ledger-0")
    tenant.client_cert("orders")
    tenant.wait_ready("ClientCert", "orders")
    assert set(_entries(tenant)) == {f"{_leaf(tenant, 'orders').serial_number:x}"}
    tenant.provoke_pass("ClientCert", "payments")
    assert f"{_leaf(tenant).serial_number:x}" == first


def test_an_entry_that_was_damaged_by_hand_stops_the_authority_until_it_is_mended(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    serial = f"{_leaf(tenant).serial_number:x}"
    good = _shard(tenant)["data"][serial]
    tenant.change("ConfigMap", "clients-ledger-0", {"data": {serial: good[:40]}})
    tenant.client_cert("orders")
    sentence = tenant.wait_reason("ClientCert", "orders", "LedgerDamaged")
    assert f"the entry '{serial}' of ConfigMap {tenant.namespace}/clients-ledger-0" in sentence
    assert tenant.secret("orders") is None
    tenant.poke("CertificateAuthority", "clients")
    tenant.wait_reason("CertificateAuthority", "clients", "LedgerDamaged")
    tenant.change("ConfigMap", "clients-ledger-0", {"data": {serial: good}})
    tenant.poke("ClientCert", "orders")
    tenant.poke("CertificateAuthority", "clients")
    tenant.wait_ready("ClientCert", "orders")
    tenant.wait_ready("CertificateAuthority", "clients")
    assert set(_entries(tenant)) == {serial, f"{_leaf(tenant, 'orders').serial_number:x}"}


def test_a_ledger_goes_with_its_authority(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    tenant.delete("CertificateAuthority", "clients")
    tenant.wait_gone("CertificateAuthority", "clients")
    for name in ("clients-ledger-0", "clients-ca"):
        assert tenant.world.kube.find("ConfigMap", tenant.namespace, name) is None
