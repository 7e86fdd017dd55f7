"""A listener that cannot be made says why, and is made when the cause is gone."""

import dataclasses
import secrets

import pytest
from cluster.kube_api import condition
from cluster.tenant import PORT, NewTenant, Tenant, domain
from eventually import eventually

from mtls_devcluster.environment import NAMESPACES_TAG

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
REGION = "ap-guangzhou"


def _service(tenant: Tenant, type_: str) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    spec = {"type": type_, "selector": {"app": "web"}, "ports": ports}
    metadata = {"name": "web", "namespace": tenant.namespace}
    tenant.world.kube.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def _to_service(tenant: Tenant) -> list[dict[str, object]]:
    route = domain(tenant.world.node_port)
    route["routes"][0]["backends"] = [{"service": {"name": "web", "port": "http"}}]
    return [route]


def test_a_load_balancer_that_does_not_exist(tenant: Tenant) -> None:
    tenant.authority()
    tenant.listener(loadBalancer={"id": "lb-notthere", "region": REGION})
    said = tenant.wait_reason(KIND, "api", "LoadBalancerNotFound")
    assert f"no load balancer lb-notthere in region {REGION}" in said
    tenant.world.environment.simulator.create_load_balancer(
        identifier="lb-notthere",
        vip=tenant.address.rpartition(".")[0] + ".250",
        tags={NAMESPACES_TAG: tenant.namespace},
    )
    tenant.poke(KIND, "api")
    tenant.wait_ready(KIND, "api")


def test_a_load_balancer_that_is_not_tagged_for_the_namespace(tenant: Tenant) -> None:
    tenant.world.cloud.tag_load_balancer(tenant.balancer, NAMESPACES_TAG, "others")
    tenant.authority()
    tenant.listener()
    said = tenant.wait_reason(KIND, "api", "LoadBalancerNotAllowed")
    assert f"its tag {NAMESPACES_TAG} is 'others'" in said
    assert f"Set the tag to a list of namespaces that contains {tenant.namespace}" in said
    assert tenant.world.cloud.listeners(tenant.balancer) == []
    tenant.world.cloud.tag_load_balancer(tenant.balancer, NAMESPACES_TAG, f"others {tenant.namespace}")
    tenant.poke(KIND, "api")
    tenant.wait_ready(KIND, "api")


def test_a_region_that_is_not_served(tenant: Tenant) -> None:
    """There are no instances in the other region, so no node is selected here."""
    elsewhere = dataclasses.replace(tenant.world.environment.simulator, region="ap-shanghai")
    balancer, vip = f"lb-{secrets.token_hex(4)}", f"{tenant.address.rpartition('.')[0]}.251"
    elsewhere.create_load_balancer(identifier=balancer, vip=vip, tags={NAMESPACES_TAG: tenant.namespace})
    tenant.authority()
    tenant.listener(loadBalancer={"id": balancer, "region": "ap-shanghai"}, nodeSelector={"no": "node"})
    said = tenant.wait_reason(KIND, "api", "RegionNotServed")
    assert f"the operator serves {REGION}, not ap-shanghai" in said
    assert "cloud.regions" in said
    operator = tenant.world.operator
    operator.stop()
    operator.start(regions=[REGION, "ap-shanghai"])
    tenant.wait_reason(KIND, "api", "NoEligibleNode")
    assert tenant.get(KIND, "api")["status"]["listenerId"]
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")


def test_a_port_that_somebody_elses_listener_has(tenant: Tenant) -> None:
    cloud = tenant.world.cloud
    fields = {
        "LoadBalancerId": tenant.balancer,
        "Ports": [PORT],
        "Protocol": "HTTP",
        "ListenerNames": ["theirs"],
    }
    theirs = cloud.change("CreateListener", **fields)["ListenerIds"][0]
    before = cloud.listeners(tenant.balancer)
    tenant.authority()
    tenant.listener()
    said = tenant.wait_reason(KIND, "api", "PortTaken")
    assert f"port {PORT} of load balancer {tenant.balancer}" in said
    assert f"{theirs} (theirs), which is not ours" in said
    tenant.provoke_pass(KIND, "api")
    assert cloud.listeners(tenant.balancer) == before
    cloud.change("DeleteListener", LoadBalancerId=tenant.balancer, ListenerId=theirs)
    tenant.poke(KIND, "api")
    tenant.wait_ready(KIND, "api")


def test_a_service_that_does_not_exist_yet(tenant: Tenant) -> None:
    tenant.authority()
    tenant.listener(domains=_to_service(tenant))
    said = tenant.wait_reason(KIND, "api", "ServiceNotFound")
    assert f"Service {tenant.namespace}/web does not exist" in said
    _service(tenant, "NodePort")
    tenant.wait_ready(KIND, "api")


def test_a_service_without_a_node_port(tenant: Tenant) -> None:
    _service(tenant, "ClusterIP")
    tenant.authority()
    tenant.listener(domains=_to_service(tenant))
    said = tenant.wait_reason(KIND, "api", "ServiceHasNoNodePort")
    assert f"Service {tenant.namespace}/web is of type ClusterIP" in said
    assert "Set its type to NodePort" in said
    tenant.change("Service", "web", {"spec": {"type": "NodePort"}})
    tenant.wait_ready(KIND, "api")
    port = tenant.get("Service", "web")["spec"]["ports"][0]["nodePort"]
    assert {target["Port"] for target in tenant.world.cloud.targets(tenant.balancer)} == {port}


def test_no_node_that_the_selector_wants(tenant: Tenant) -> None:
    label = f"pool-{tenant.namespace}"
    tenant.authority()
    tenant.listener(nodeSelector={label: "edge"})
    said = tenant.wait_reason(KIND, "api", "NoEligibleNode")
    assert "no node can serve api.acme.example/" in said
    assert "spec.nodeSelector" in said
    kube = tenant.world.kube
    kube.merge("Node", "", "node-2", {"metadata": {"labels": {label: "edge"}}})
    try:
        tenant.wait_ready(KIND, "api")
        assert list(tenant.world.cloud.weights(tenant.balancer)) == ["ins-rs000002"]
    finally:
        kube.merge("Node", "", "node-2", {"metadata": {"labels": {label: None}}})


def test_a_secret_that_has_the_server_certificates_name(tenant: Tenant) -> None:
    theirs = tenant.create_secret("api-server")
    tenant.authority()
    tenant.listener()
    said = tenant.wait_reason(KIND, "api", "SecretNameTaken")
    assert f"Secret {tenant.namespace}/api-server" in said
    tenant.provoke_pass(KIND, "api")
    assert tenant.get("Secret", "api-server") == theirs
    assert tenant.world.cloud.listeners(tenant.balancer) == []
    tenant.delete("Secret", "api-server")
    tenant.poke(KIND, "api")
    tenant.wait_ready(KIND, "api")


def test_an_authority_that_does_not_admit_the_listeners_namespace(
    new_tenant: NewTenant,
) -> None:
    platform, team = new_tenant(), new_tenant()
    platform.authority()
    team.listener(tls={"caRef": {"name": "clients", "namespace": platform.namespace}})
    said = team.wait_reason(KIND, "api", "NamespaceNotAllowed")
    assert "access.listeners.namespaces is Same" in said
    patch = {
        "access": {"listeners": {"namespaces": {"from": "All"}}},
        "serverCertPolicy": {"allowedDNSNames": ["*.acme.example"]},
    }
    platform.change("CertificateAuthority", "clients", {"spec": patch})
    team.wait_ready(KIND, "api")


def test_wrong_credentials_name_the_action_and_what_support_asks_for(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.wait_ready("ClientCert", "payments")
    issued = tenant.get("Secret", "payments")
    operator = tenant.world.operator
    operator.stop()
    operator.start(secret_key="wrong" * 8)
    tenant.listener()
    said = tenant.wait_reason(KIND, "api", "CloudAccessDenied")
    assert "DescribeLoadBalancers failed with AuthFailure" in said
    request = said.partition("RequestId ")[2]
    assert request in [call["request_id"] for call in tenant.world.cloud.calls()]
    authority = tenant.get("CertificateAuthority", "clients")
    eventually(
        lambda: condition(tenant.get("CertificateAuthority", "clients"), "CloudSynced"),
        until=lambda found: found is not None and found["reason"] == "CloudAccessDenied",
        what="the authority says that it cannot be uploaded",
    )
    assert authority["status"]["active"]["fingerprintSHA256"]
    assert tenant.get("Secret", "payments") == issued
    operator.stop()
    operator.start()
    tenant.wait_ready(KIND, "api")
    assert tenant.get("Secret", "payments") == issued
