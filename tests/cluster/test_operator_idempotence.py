"""When everything is in order nothing is written, to the API server or to the cloud."""

import pytest
from cluster.kube_api import OUR_KINDS
from cluster.tenant import Tenant, both_methods

pytestmark = pytest.mark.cluster


@pytest.fixture
def settled(tenant: Tenant) -> Tenant:
    """A namespace with objects of every kind, by both methods, Ready and healthy."""
    both_methods(tenant)
    tenant.settle()
    for kind, name in _objects(tenant):
        tenant.provoke_pass(kind, name)
    return tenant


def _objects(tenant: Tenant) -> list[tuple[str, str]]:
    return [
        (kind, one["metadata"]["name"])
        for kind in OUR_KINDS
        for one in tenant.world.kube.list(kind, tenant.namespace)
    ]


def test_a_second_pass_writes_nothing(settled: Tenant) -> None:
    audit, cloud = settled.world.audit, settled.world.cloud
    written, called = audit.mark(), cloud.mark()
    for kind, name in _objects(settled):
        settled.provoke_pass(kind, name)
    read = {call["action"] for call in cloud.calls(called)}
    assert read >= {"DescribeListeners", "DescribeTargets", "DescribeTargetHealth"}
    assert audit.writes(written, settled.namespace) == []
    assert cloud.writes(called) == []


def test_a_restart_writes_nothing(settled: Tenant) -> None:
    audit, cloud = settled.world.audit, settled.world.cloud
    settled.world.operator.stop()
    written, called = audit.mark(), cloud.mark()
    settled.world.operator.start()
    for kind, name in _objects(settled):
        settled.wait_for_pass(kind, name, written)
        settled.provoke_pass(kind, name)
    assert "DescribeListeners" in {call["action"] for call in cloud.calls(called)}
    assert audit.writes(written, settled.namespace) == []
    assert cloud.writes(called) == []
