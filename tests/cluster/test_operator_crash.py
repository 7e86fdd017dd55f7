"""Killed at any moment of the first convergence, the operator finishes the job when it is back."""

import pytest
from cluster.tenant import Tenant, method_2
from eventually import eventually

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5, 6, 7])
def test_nothing_is_lost_or_made_twice(tenant: Tenant, writes: int) -> None:
    """Two uploads for each domain, the listener, its rules and its targets: killed after each of them."""
    cloud, operator = tenant.world.cloud, tenant.world.operator
    for name in ("clients", "partners"):
        tenant.authority(name)
        tenant.wait_ready("CertificateAuthority", name)
    cloud.set_task_time(0.3)
    mark = cloud.mark()
    method_2(tenant)
    eventually(lambda: len(cloud.writes(mark)) >= writes, what=f"{writes} writes were made")
    operator.kill()
    operator.start()
    status = tenant.wait_ready(KIND, "shared")["status"]
    tenant.provoke_pass(KIND, "shared")
    (listener,) = cloud.listeners(tenant.balancer)
    assert listener["ListenerId"] == status["listenerId"]
    assert [rule["Domain"] for rule in listener["Rules"]] == ["a.acme.example", "b.acme.example"]
    bound = [rule["Certificate"] for rule in listener["Rules"]]
    assert {one["SSLMode"] for one in bound} == {"MUTUAL"}
    uploads = cloud.uploads(tenant.namespace)
    assert sorted(uploads.values()) == ["CA", "CA", "SVR", "SVR"]
    assert uploads.keys() == {one[member] for one in bound for member in ("CertId", "CertCaId")}
    assert len(cloud.targets(tenant.balancer)) == 4
