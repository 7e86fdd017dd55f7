"""Nodes that come and go are bound and unbound; the last ones stay."""

import datetime as dt
import json
import secrets
from collections.abc import Iterator
from itertools import count

import pytest
from cluster.kube_api import condition
from cluster.tenant import Tenant, World
from eventually import eventually

from mtls_devcluster.nodes import Node, create_node

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers"
POOL = "tests.example/pool"
_numbers = count(3)


@pytest.fixture
def node(world: World) -> Iterator[Node]:
    """What a node will be, when the test makes it; gone at the end."""
    number = next(_numbers)
    wanted = Node(
        name=f"node-{number}",
        server=f"rs-{number}",
        address=world.environment.block.node(number),
        instance=f"ins-{secrets.token_hex(4)}",
    )
    yield wanted
    world.kube.delete("Node", "", wanted.name)


def _join(world: World, node: Node, **labels: str) -> None:
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - as a kubelet would say it
    create_node(world.environment.kubectl, world.environment.simulator, node, now)
    _label(world, node, **labels)


def _label(world: World, node: Node, **labels: str | None) -> None:
    world.kube.merge("Node", "", node.name, {"metadata": {"labels": labels}})


def _wait_for_weights(tenant: Tenant, weights: dict[str, int]) -> None:
    eventually(
        lambda: tenant.world.cloud.weights(tenant.balancer),
        until=lambda found: found == weights,
        what=f"the weights are {weights}",
    )


def test_a_node_that_joins_is_bound_and_one_that_leaves_is_drained(tenant: Tenant, node: Node) -> None:
    tenant.authority()
    tenant.listener(drainPeriod="1s")
    tenant.wait_ready(KIND, "api")
    usual = {"ins-rs000001": 10, "ins-rs000002": 10}
    _join(tenant.world, node)
    _wait_for_weights(tenant, {**usual, node.instance: 10})
    tenant.provoke_pass(KIND, "api")
    mark = tenant.world.cloud.mark()
    _label(tenant.world, node, **{EXCLUDE: "true"})
    _wait_for_weights(tenant, {**usual, node.instance: 0})
    _wait_for_weights(tenant, usual)
    drained, unbound = [call for call in tenant.world.cloud.calls(mark) if call["write"]]
    assert node.instance in json.dumps(drained["params"])
    assert "Weight" in drained["action"]
    assert "Deregister" in unbound["action"]
    waited = dt.datetime.fromisoformat(unbound["at"]) - dt.datetime.fromisoformat(drained["at"])
    assert waited >= dt.timedelta(seconds=1)


def test_a_node_that_is_deleted_is_unbound(tenant: Tenant, node: Node) -> None:
    tenant.authority()
    tenant.listener(drainPeriod="0s")
    _join(tenant.world, node)
    tenant.wait_ready(KIND, "api")
    eventually(lambda: node.instance in tenant.world.cloud.weights(tenant.balancer), what="it is bound")
    tenant.world.kube.delete("Node", "", node.name)
    _wait_for_weights(tenant, {"ins-rs000001": 10, "ins-rs000002": 10})


def test_the_last_nodes_stay_bound_when_the_selection_becomes_empty(tenant: Tenant, node: Node) -> None:
    tenant.authority()
    tenant.listener(nodeSelector={POOL: tenant.namespace}, drainPeriod="0s")
    _join(tenant.world, node, **{POOL: tenant.namespace})
    tenant.wait_ready(KIND, "api")
    _wait_for_weights(tenant, {node.instance: 10})
    _label(tenant.world, node, **{POOL: None})
    said = tenant.wait_reason(KIND, "api", "NoEligibleNode")
    assert "what was bound stays bound" in said
    tenant.provoke_pass(KIND, "api")
    assert tenant.world.cloud.weights(tenant.balancer) == {node.instance: 10}
    backends = condition(tenant.get(KIND, "api"), "BackendsHealthy")
    assert backends is not None
    assert (backends["status"], backends["reason"]) == ("False", "NoEligibleNode")
