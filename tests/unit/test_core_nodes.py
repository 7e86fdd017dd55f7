"""Which nodes serve, and where."""

from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, node, service

from mtls_operator.api.listener import Backend
from mtls_operator.core.cloud import Endpoint
from mtls_operator.core.cluster import Node, ServicePort
from mtls_operator.core.nodes import (
    EXCLUDE_LABEL,
    UNREADY_GRACE,
    endpoint_of,
    instance_id,
    is_eligible,
    node_port,
    targets,
)
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
JUST_LOST = NOW - UNREADY_GRACE + timedelta(seconds=1)

ELIGIBILITY: list[tuple[str, dict[str, Any], dict[str, str], bool]] = [
    ("a ready node serves", {}, {}, True),
    ("a node that is not ready does not", {"ready": False}, {}, False),
    ("a node unheard of for less than the grace serves", {"ready": None, "ready_since": JUST_LOST}, {}, True),
    (
        "a node unheard of for the whole grace does not",
        {"ready": None, "ready_since": NOW - UNREADY_GRACE},
        {},
        False,
    ),
    ("a node without a Ready condition does not", {"ready": None, "ready_since": None}, {}, False),
    (
        "a node with the exclude label does not, whatever its value",
        {"labels": {EXCLUDE_LABEL: ""}},
        {},
        False,
    ),
    (
        "a node that the autoscaler removes does not",
        {"taints": frozenset({"ToBeDeletedByClusterAutoscaler"})},
        {},
        False,
    ),
    ("a node that karpenter removes does not", {"taints": frozenset({"karpenter.sh/disrupted"})}, {}, False),
    (
        "a cordoned node stays, as in TKE",
        {"taints": frozenset({"node.kubernetes.io/unschedulable"})},
        {},
        True,
    ),
    ("a node that is being deleted does not", {"deleting": True}, {}, False),
    ("a super node does not", {"labels": {"node.kubernetes.io/instance-type": "eklet"}}, {}, False),
    ("a node of the selected pool serves", {"labels": {"pool": "edge"}}, {"pool": "edge"}, True),
    ("a node of another pool does not", {"labels": {"pool": "core"}}, {"pool": "edge"}, False),
    ("a node without the selected label does not", {}, {"pool": "edge"}, False),
    ("a control-plane node does not", {"labels": {CONTROL_PLANE: ""}}, {}, False),
    ("an old master does not", {"labels": {"node-role.kubernetes.io/master": ""}}, {}, False),
    (
        "a control-plane node that is selected serves",
        {"labels": {CONTROL_PLANE: ""}},
        {CONTROL_PLANE: ""},
        True,
    ),
    (
        "a control-plane node that another label selects does not",
        {"labels": {CONTROL_PLANE: "", "pool": "edge"}},
        {"pool": "edge"},
        False,
    ),
]


@pytest.mark.parametrize(
    ("fields", "selector", "expected"), [row[1:] for row in ELIGIBILITY], ids=[row[0] for row in ELIGIBILITY]
)
def test_eligibility(fields: dict[str, Any], selector: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    assert is_eligible(node(1, **fields), selector, NOW) is expected


ENDPOINTS = [
    ("an instance, old spelling", node(provider_id="qcloud:///100003/ins-1a2b3c4d"), "ins-1a2b3c4d:30080"),
    (
        "an instance, new spelling",
        node(provider_id="tencentcloud:///ap-guangzhou-3/ins-1a2b3c4d"),
        "ins-1a2b3c4d:30080",
    ),
    (
        "a native node by its address",
        node(provider_id="tencentcloud://kn-abc123", internal_ip="10.0.0.9"),
        "10.0.0.9:30080",
    ),
    (
        "a native node without address is out of reach",
        node(provider_id="tencentcloud://kn-abc123", internal_ip=""),
        None,
    ),
    ("a node of another cloud is out of reach", node(provider_id="aws:///eu-1/i-0abc"), None),
    ("a node that no cloud knows is out of reach", node(provider_id=""), None),
]


@pytest.mark.parametrize(
    ("found", "expected"), [row[1:] for row in ENDPOINTS], ids=[row[0] for row in ENDPOINTS]
)
def test_endpoints(found: Node, expected: str | None) -> None:
    endpoint = endpoint_of(found, 30080)
    assert (str(endpoint) if endpoint else None) == expected


def test_only_ids_of_instances_are_taken() -> None:
    assert instance_id("qcloud:///100003/eklet-subnet-1") == ""


TWO_PORTS = service(
    "web", ServicePort(name="http", port=80, node_port=30080), ServicePort(name="admin", port=81, node_port=0)
)


def backend(name: str = "web", port: int | str = "http") -> Backend:
    return Backend.model_validate({"service": {"name": name, "port": port}})


@pytest.mark.parametrize("port", ["http", 80], ids=["by name", "by number"])
def test_a_services_port(port: int | str) -> None:
    assert node_port(backend(port=port), {"web": TWO_PORTS}, "edge") == 30080


def test_a_port_given_directly_needs_no_service() -> None:
    assert node_port(Backend.model_validate({"nodePort": 31000}), {}, "edge") == 31000


REFUSALS = [
    (
        "a Service that does not exist",
        backend("gone"),
        Reason.SERVICE_NOT_FOUND,
        "Service edge/gone does not exist",
    ),
    ("a Service of another type", backend("inner"), Reason.SERVICE_HAS_NO_NODE_PORT, "is of type ClusterIP"),
    (
        "a port that it does not have",
        backend(port="https"),
        Reason.SERVICE_HAS_NO_NODE_PORT,
        r"no port https with a nodePort; it has http \(80\), admin \(81\)",
    ),
    ("a port without a node port", backend(port="admin"), Reason.SERVICE_HAS_NO_NODE_PORT, "no port admin"),
    (
        "a node port where the Service's is asked",
        backend(port=30080),
        Reason.SERVICE_HAS_NO_NODE_PORT,
        "no port 30080",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "reason", "sentence"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_a_backend_that_cannot_be_reached(wanted: Backend, reason: Reason, sentence: str) -> None:
    services = {"web": TWO_PORTS, "inner": service("inner", type_="ClusterIP")}
    with pytest.raises(NotReady, match=sentence) as caught:
        node_port(wanted, services, "edge")
    assert caught.value.reason == reason


def test_targets_are_sorted_whatever_the_order_of_nodes() -> None:
    wanted = [Backend.model_validate({"nodePort": 30080})]
    forwards = targets(wanted, [node(1), node(2)], {}, namespace="edge")
    assert forwards == targets(wanted, [node(2), node(1)], {}, namespace="edge")
    assert [str(t.endpoint) for t in forwards] == ["ins-00000001:30080", "ins-00000002:30080"]


def test_each_backend_has_its_weight_on_every_node_that_can_be_reached() -> None:
    wanted = [
        Backend.model_validate({"nodePort": 30080, "weight": 20}),
        Backend.model_validate({"nodePort": 30081, "weight": 0}),
    ]
    found = targets(wanted, [node(1), node(2, provider_id="")], {}, namespace="edge")
    assert {(t.endpoint, t.weight) for t in found} == {
        (Endpoint(instance_id="ins-00000001", port=30080), 20),
        (Endpoint(instance_id="ins-00000001", port=30081), 0),
    }
