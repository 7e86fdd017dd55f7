"""Nodes that come, go, fall silent and are replaced are bound and unbound; the last ones stay."""

import dataclasses
import datetime as dt
import json
import secrets
from collections.abc import Iterator
from itertools import count

import pytest
from cluster.kube_api import Manifest, condition
from cluster.tenant import Tenant, World
from eventually import eventually

from mtls_devcluster.nodes import Node, create_node
from mtls_operator.core.nodes import EXCLUDE_LABEL as EXCLUDE
from mtls_operator.core.nodes import UNREADY_GRACE

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
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


def _ready_node(world: World, name: str, address: str) -> Manifest:
    """Let the cloud know an instance on which nothing answers; return a node that is ready from the start."""
    instance = f"ins-{secrets.token_hex(4)}"
    world.environment.simulator.create_instance(identifier=instance, address=address)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"providerID": f"qcloud:///100003/{instance}"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


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


def _set_ready(world: World, node: Node, status: str, *, seconds_ago: float = 0) -> None:
    """Say what a node controller says of a kubelet, and since when."""
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds_ago)  # noqa: TID251 - as above
    moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {"type": "Ready", "status": status, "lastHeartbeatTime": moment, "lastTransitionTime": moment}
    patch = json.dumps({"status": {"conditions": [ready]}})
    kubectl = world.environment.kubectl
    kubectl("patch", "node", node.name, "--subresource=status", "--type=strategic", "--patch", patch)


def test_a_silent_kubelet_is_trusted_for_a_while_and_drained_then(tenant: Tenant, node: Node) -> None:
    """No event ends the grace: the operator has to come back by itself."""
    world = tenant.world
    tenant.authority()
    tenant.listener(drainPeriod="1h")
    _join(world, node)
    tenant.wait_ready(KIND, "api")
    usual = {"ins-rs000001": 10, "ins-rs000002": 10}
    _wait_for_weights(tenant, {**usual, node.instance: 10})
    tenant.provoke_pass(KIND, "api")
    mark = world.cloud.mark()
    _set_ready(world, node, "Unknown")
    tenant.provoke_pass(KIND, "api")
    _set_ready(world, node, "True")
    tenant.provoke_pass(KIND, "api")
    assert world.cloud.writes(mark) == []
    _set_ready(world, node, "Unknown", seconds_ago=UNREADY_GRACE.total_seconds() - 6)
    tenant.provoke_pass(KIND, "api")
    assert world.cloud.writes(mark) == []
    _wait_for_weights(tenant, {**usual, node.instance: 0})
    _set_ready(world, node, "True")
    _wait_for_weights(tenant, {**usual, node.instance: 10})
    # The deletion of the listener drains, too.
    tenant.change(KIND, "api", {"spec": {"drainPeriod": "0s"}})


def test_a_node_replaced_under_its_name_is_another_target(tenant: Tenant, node: Node) -> None:
    tenant.authority()
    tenant.listener(drainPeriod="1s")
    _join(tenant.world, node)
    tenant.wait_ready(KIND, "api")
    usual = {"ins-rs000001": 10, "ins-rs000002": 10}
    _wait_for_weights(tenant, {**usual, node.instance: 10})
    tenant.world.kube.delete("Node", "", node.name)
    successor = dataclasses.replace(node, instance=f"ins-{secrets.token_hex(4)}")
    _join(tenant.world, successor)
    _wait_for_weights(tenant, {**usual, successor.instance: 10})


def _label_all(world: World, names: list[str], pool: str | None) -> None:
    for name in names:
        world.kube.merge("Node", "", name, {"metadata": {"labels": {POOL: pool}}})


def _wait_for_number(tenant: Tenant, number: int) -> None:
    eventually(
        lambda: len(tenant.world.cloud.weights(tenant.balancer)),
        until=lambda found: found == number,
        what=f"{number} are bound",
    )


def test_a_burst_of_nodes_is_a_few_batches(tenant: Tenant) -> None:
    """Thirty nodes join a pool within moments, and leave it again."""
    world, pool = tenant.world, {POOL: tenant.namespace}
    names = [f"burst-{number}-{tenant.namespace}" for number in range(30)]
    try:
        for number, name in enumerate(names, 200):
            world.kube.create(_ready_node(world, name, world.environment.block.node(number)))
        world.kube.merge("Node", "", "node-1", {"metadata": {"labels": pool}})
        tenant.authority()
        tenant.listener(nodeSelector=pool, drainPeriod="0s")
        tenant.wait_ready(KIND, "api")
        mark = world.cloud.mark()
        _label_all(world, names, tenant.namespace)
        _wait_for_number(tenant, 31)
        _label_all(world, names, None)
        _wait_for_number(tenant, 1)
        batches = [call["action"] for call in world.cloud.calls(mark) if call["write"]]
        assert len(batches) <= 4, batches
    finally:
        world.kube.merge("Node", "", "node-1", {"metadata": {"labels": {POOL: None}}})
        for name in names:
            world.kube.delete("Node", "", name)


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
