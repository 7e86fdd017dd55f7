"""Deleting an object undoes what it did, on both sides, in the right order."""

import pytest
from cluster.tenant import NewTenant, Tenant
from eventually import eventually

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
AUTHORITY = "CertificateAuthority"


def _ready_listener(tenant: Tenant, drain: str = "0s") -> None:
    tenant.authority()
    tenant.listener(drainPeriod=drain)
    tenant.wait_ready(KIND, "api")


def _writes(tenant: Tenant, mark: int) -> list[str]:
    return [write.split()[0] for write in tenant.world.cloud.writes(mark)]


def _gone(tenant: Tenant) -> bool:
    return tenant.world.kube.find("Namespace", "", tenant.namespace) is None


def test_a_listener_takes_its_cloud_objects_and_secrets_with_it(tenant: Tenant) -> None:
    _ready_listener(tenant)
    assert sorted(tenant.world.cloud.uploads(tenant.namespace).values()) == ["CA", "SVR"]
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")
    assert tenant.world.cloud.listeners(tenant.balancer) == []
    assert list(tenant.world.cloud.uploads(tenant.namespace).values()) == ["CA"]
    tenant.wait_gone("Secret", "api-server")


def test_an_authoritys_upload_stays_while_another_listener_uses_it(tenant: Tenant) -> None:
    _ready_listener(tenant)
    tenant.listener("other", port=9443)
    tenant.wait_ready(KIND, "other")
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")
    tenant.provoke_pass(AUTHORITY, "clients")
    (left,) = tenant.world.cloud.listeners(tenant.balancer)
    assert left["Port"] == 9443
    assert left["Certificate"]["CertCaId"] in tenant.world.cloud.uploads(tenant.namespace)


def test_an_authority_that_a_listener_admits_is_held_up(tenant: Tenant) -> None:
    _ready_listener(tenant)
    tenant.delete(AUTHORITY, "clients")
    said = tenant.wait_reason(AUTHORITY, "clients", "InUse")
    assert f"still admitted by MutualTLSListener {tenant.namespace}/api" in said
    assert tenant.secret("clients-ca-key") is not None
    tenant.delete(KIND, "api")
    tenant.wait_gone(AUTHORITY, "clients")
    assert tenant.secret("clients-ca-key") is None
    assert tenant.world.kube.find("ConfigMap", tenant.namespace, "clients-ca") is None
    assert tenant.world.cloud.uploads(tenant.namespace) == {}


def test_retained_objects_stay(tenant: Tenant) -> None:
    tenant.authority(deletionPolicy="Retain")
    tenant.listener(deletionPolicy="Retain")
    tenant.wait_ready(KIND, "api")
    listeners, uploads = (
        tenant.world.cloud.listeners(tenant.balancer),
        tenant.world.cloud.uploads(tenant.namespace),
    )
    key = tenant.secret("clients-ca-key")
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")
    tenant.delete(AUTHORITY, "clients")
    tenant.wait_gone(AUTHORITY, "clients")
    assert tenant.world.cloud.listeners(tenant.balancer) == listeners
    assert tenant.world.cloud.uploads(tenant.namespace) == uploads
    assert tenant.secret("clients-ca-key") == key
    _remove_by_hand(tenant)


def _remove_by_hand(tenant: Tenant) -> None:
    cloud = tenant.world.cloud
    for listener in cloud.listeners(tenant.balancer):
        cloud.change("DeleteListener", LoadBalancerId=tenant.balancer, ListenerId=listener["ListenerId"])
    for certificate in cloud.uploads(tenant.namespace):
        cloud.call("ssl", "DeleteCertificate", CertificateId=certificate)


def test_a_deletion_while_the_operator_is_down_is_finished_later(tenant: Tenant) -> None:
    _ready_listener(tenant)
    tenant.world.operator.stop()
    tenant.delete(KIND, "api")
    tenant.delete(AUTHORITY, "clients")
    assert len(tenant.world.cloud.listeners(tenant.balancer)) == 1
    tenant.world.operator.start()
    tenant.wait_gone(KIND, "api")
    tenant.wait_gone(AUTHORITY, "clients")
    assert tenant.world.cloud.listeners(tenant.balancer) == []
    assert tenant.world.cloud.uploads(tenant.namespace) == {}


@pytest.mark.parametrize("writes", [1, 3, 5])
def test_what_is_deleted_while_it_is_made_leaves_nothing_behind(tenant: Tenant, writes: int) -> None:
    tenant.authority()
    mark = tenant.world.cloud.mark()
    tenant.listener()
    eventually(lambda: len(tenant.world.cloud.writes(mark)) >= writes, what=f"{writes} writes were made")
    tenant.delete(KIND, "api")
    tenant.delete(AUTHORITY, "clients")
    tenant.wait_gone(KIND, "api")
    tenant.wait_gone(AUTHORITY, "clients")
    assert tenant.world.cloud.listeners(tenant.balancer) == []
    assert tenant.world.cloud.uploads(tenant.namespace) == {}


def test_a_listener_is_drained_before_it_goes_with_one_call_for_each_step(tenant: Tenant) -> None:
    _ready_listener(tenant, drain="2s")
    mark = tenant.world.cloud.mark()
    tenant.delete(KIND, "api")
    said = tenant.wait_reason(KIND, "api", "Deleting")
    assert said == "its targets have weight 0 for 2s, to finish what they have; then it is deleted"
    assert set(tenant.world.cloud.weights(tenant.balancer).values()) == {0}
    tenant.wait_gone(KIND, "api")
    assert _writes(tenant, mark) == ["BatchModifyTargetWeight", "DeleteListener", "DeleteCertificate"]


def test_a_listener_whose_load_balancer_is_gone_goes_as_well(tenant: Tenant) -> None:
    _ready_listener(tenant, drain="30s")
    cloud = tenant.world.cloud
    cloud.change("DeleteLoadBalancer", LoadBalancerIds=[tenant.balancer])
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")
    assert list(cloud.uploads(tenant.namespace).values()) == ["CA"]
    tenant.world.environment.simulator.create_load_balancer(
        identifier=tenant.balancer, vip=tenant.address, tags={}
    )


def test_without_credentials_the_way_out_is_said_and_works(tenant: Tenant) -> None:
    _ready_listener(tenant)
    operator = tenant.world.operator
    operator.stop()
    tenant.delete(KIND, "api")
    operator.start(secret_key="wrong" * 8)
    said = tenant.wait_reason(KIND, "api", "CloudAccessDenied")
    assert "Restore the operator's credentials or their policy" in said
    assert f"set spec.deletionPolicy of {KIND} {tenant.namespace}/api to Retain" in said
    tenant.change(KIND, "api", {"spec": {"deletionPolicy": "Retain"}})
    tenant.wait_gone(KIND, "api")
    (left,) = tenant.world.cloud.listeners(tenant.balancer)
    assert left["ListenerId"] in said
    operator.ensure_usual()
    _remove_by_hand(tenant)


def test_an_authority_goes_as_soon_as_the_listener_that_it_waited_for_has_gone(tenant: Tenant) -> None:
    _ready_listener(tenant)
    tenant.delete(AUTHORITY, "clients")
    tenant.wait_reason(AUTHORITY, "clients", "InUse")
    mark = tenant.world.cloud.mark()
    tenant.delete(KIND, "api")
    # It would look again by itself only after half a minute.
    tenant.wait_gone(AUTHORITY, "clients", within=10)
    assert _writes(tenant, mark) == ["DeleteListener", "DeleteCertificate", "DeleteCertificate"]


def test_an_authority_is_not_held_up_by_client_certificates_that_go_too(tenant: Tenant) -> None:
    tenant.authority()
    for name in ("payments", "reports"):
        tenant.client_cert(name, revokeOnDelete=True)
        tenant.wait_ready("ClientCert", name)
    tenant.delete(AUTHORITY, "clients")
    for name in ("payments", "reports"):
        tenant.delete("ClientCert", name)
    tenant.wait_gone(AUTHORITY, "clients", within=10)
    for name in ("payments", "reports"):
        tenant.wait_gone("ClientCert", name, within=10)


def test_a_namespace_goes_with_everything_in_it_within_a_minute(tenant: Tenant) -> None:
    _ready_listener(tenant, drain="5s")
    tenant.client_cert(revokeOnDelete=True)
    tenant.wait_ready("ClientCert", "payments")
    tenant.world.kube.delete("Namespace", "", tenant.namespace)
    eventually(lambda: _gone(tenant), within=60, what="the namespace is gone")
    assert tenant.world.cloud.listeners(tenant.balancer) == []
    assert tenant.world.cloud.uploads(tenant.namespace) == {}


def test_a_namespace_goes_although_its_authority_is_in_another(new_tenant: NewTenant) -> None:
    platform, team = new_tenant(), new_tenant()
    platform.authority(
        access={"listeners": {"namespaces": {"from": "All"}}},
        serverCertPolicy={"allowedDNSNames": ["*.acme.example"]},
    )
    team.listener(tls={"caRef": {"name": "clients", "namespace": platform.namespace}})
    team.wait_ready(KIND, "api")
    team.world.kube.delete("Namespace", "", team.namespace)
    eventually(lambda: _gone(team), within=60, what="the namespace is gone")
    assert team.world.cloud.listeners(team.balancer) == []
