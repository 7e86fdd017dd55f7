"""What a Service decides, by its node ports and its endpoints; and what the account's quotas leave of it."""

from typing import Any

import pytest
from cluster.kube_api import Manifest, condition
from cluster.tenant import DOMAIN, Tenant
from eventually import eventually

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
FIRST, SECOND = "ins-rs000001", "ins-rs000002"


def service(tenant: Tenant, **spec: Any) -> int:
    """Make a Service without Pods; return its node port."""
    ports = [{"name": "http", "port": 80}]
    made = tenant.world.kube.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": tenant.namespace},
            "spec": {"type": "NodePort", "ports": ports, **spec},
        }
    )
    return int(made["spec"]["ports"][0]["nodePort"])


def listener(tenant: Tenant, port: str | int = "http") -> None:
    """Make a listener to the Service; nothing answers there, so health is not asked for."""
    backends = [{"service": {"name": "web", "port": port}}]
    route = {"path": "/", "healthCheck": {"enabled": False}, "backends": backends}
    tenant.authority()
    tenant.listener(drainPeriod="1s", domains=[{"domain": DOMAIN, "routes": [route]}])


def endpoints(tenant: Tenant, name: str, *nodes: str, ready: bool = True) -> Manifest:
    """Return the slice that a controller would make for Pods on these nodes."""
    found = [
        {"addresses": [f"10.0.0.{number}"], "nodeName": node, "conditions": {"ready": ready}}
        for number, node in enumerate(nodes, 1)
    ]
    metadata = {
        "name": name,
        "namespace": tenant.namespace,
        "labels": {"kubernetes.io/service-name": "web"},
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": "IPv4",
        "endpoints": found,
        "ports": [{"name": "http", "port": 8080}],
    }


def wait_for(tenant: Tenant, *targets: tuple[str, int]) -> None:
    """Wait until exactly these instances are bound with these ports."""

    def bound() -> set[tuple[str, int]]:
        return {(one["InstanceId"], one["Port"]) for one in tenant.world.cloud.targets(tenant.balancer)}

    eventually(bound, until=lambda found: found == set(targets), what=f"{targets} are bound")


def test_under_policy_local_the_nodes_with_a_ready_endpoint_serve(tenant: Tenant) -> None:
    kube = tenant.world.kube
    port = service(tenant, externalTrafficPolicy="Local")
    listener(tenant)
    said = tenant.wait_reason(KIND, "api", "NoEligibleNode")
    assert f"Service {tenant.namespace}/web has externalTrafficPolicy Local" in said
    kube.create(endpoints(tenant, "web-1", "node-1"))
    tenant.wait_ready(KIND, "api")
    wait_for(tenant, (FIRST, port))
    kube.create(endpoints(tenant, "web-2", "node-2"))
    wait_for(tenant, (FIRST, port), (SECOND, port))
    unready = endpoints(tenant, "web-1", "node-1", ready=False)
    kube.merge("EndpointSlice", tenant.namespace, "web-1", {"endpoints": unready["endpoints"]})
    wait_for(tenant, (SECOND, port))
    kube.delete("EndpointSlice", tenant.namespace, "web-2")
    said = tenant.wait_reason(KIND, "api", "NoEligibleNode")
    assert "what was bound stays bound" in said
    tenant.provoke_pass(KIND, "api")
    wait_for(tenant, (SECOND, port))
    tenant.change("Service", "web", {"spec": {"externalTrafficPolicy": "Cluster"}})
    wait_for(tenant, (FIRST, port), (SECOND, port))


@pytest.mark.parametrize("port", ["http", 80], ids=["by name", "by number"])
def test_a_service_that_changes_its_node_port_goes_and_comes_back(tenant: Tenant, port: str | int) -> None:
    first = service(tenant)
    listener(tenant, port)
    tenant.wait_ready(KIND, "api")
    wait_for(tenant, (FIRST, first), (SECOND, first))
    tenant.delete("Service", "web")
    said = tenant.wait_reason(KIND, "api", "ServiceNotFound")
    assert "what was bound stays bound" in said
    wait_for(tenant, (FIRST, first), (SECOND, first))
    mark = tenant.world.cloud.mark()
    second = service(tenant)
    assert second != first
    wait_for(tenant, (FIRST, second), (SECOND, second))
    tenant.wait_ready(KIND, "api")
    writes = [call["action"] for call in tenant.world.cloud.calls(mark) if call["write"]]
    assert writes == ["BatchRegisterTargets", "BatchModifyTargetWeight", "BatchDeregisterTargets"]


def test_above_the_quota_of_targets_a_stable_part_serves(tenant: Tenant) -> None:
    """The operator remembers quotas for ten minutes, so each limit is read by a new one."""
    cloud, operator = tenant.world.cloud, tenant.world.operator
    port = service(tenant)
    try:
        cloud.set_quota("TOTAL_TARGET_BIND_QUOTA", 1)
        operator.stop()
        operator.start()
        listener(tenant)
        tenant.wait_ready(KIND, "api")
        said = tenant.wait_reason(KIND, "api", "TargetQuotaExceeded", "BackendsHealthy")
        assert f"1 of 2 eligible targets serve {DOMAIN}/" in said
        (chosen,) = cloud.targets(tenant.balancer)
        tenant.provoke_pass(KIND, "api")
        wait_for(tenant, (chosen["InstanceId"], port))
        assert (condition(tenant.get(KIND, "api"), "Ready") or {})["status"] == "True"
    finally:
        cloud.set_quota("TOTAL_TARGET_BIND_QUOTA", 100)
        operator.stop()
        operator.start()
    wait_for(tenant, (FIRST, port), (SECOND, port))


def test_too_many_rules_are_refused_before_anything_is_made(tenant: Tenant) -> None:
    routes = [{"path": f"/{number}", "backends": [{"nodePort": 30080}]} for number in range(26)]
    tenant.authority()
    domains = [{"domain": f"{name}.acme.example", "routes": routes} for name in ("a", "b")]
    tenant.listener(domains=domains)
    said = tenant.wait_reason(KIND, "api", "CloudQuotaExceeded")
    assert "50 forwarding rules" in said
    assert tenant.world.cloud.listeners(tenant.balancer) == []
