"""Which nodes serve, and where."""

from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, node

from mtls_operator.core.cluster import Node
from mtls_operator.core.nodes import (
    EXCLUDE_LABEL,
    UNREADY_GRACE,
    concerns,
    endpoint_of,
    instance_id,
    is_eligible,
    next_grace_end,
)

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
        "a node that an older karpenter removes does not",
        {"taints": frozenset({"karpenter.sh/disruption"})},
        {},
        False,
    ),
    (
        "a node whose instance is shut down does not",
        {"taints": frozenset({"node.cloudprovider.kubernetes.io/shutdown"})},
        {},
        False,
    ),
    (
        "a node that somebody gave up does not",
        {"taints": frozenset({"node.kubernetes.io/out-of-service"})},
        {},
        False,
    ),
    (
        "a node that the autoscaler only thinks of removing stays",
        {"taints": frozenset({"DeletionCandidateOfClusterAutoscaler"})},
        {},
        True,
    ),
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


def test_the_end_of_the_grace_is_the_earliest_of_the_silent_nodes() -> None:
    nodes = [
        node(1),
        node(2, ready=None, ready_since=NOW - timedelta(seconds=20)),
        node(3, ready=None, ready_since=NOW - timedelta(seconds=50)),
        node(4, ready=None, ready_since=NOW - UNREADY_GRACE),
        node(5, ready=None, ready_since=None),
    ]
    assert next_grace_end(nodes, NOW) == NOW + timedelta(seconds=10)


def test_no_grace_ends_where_every_node_is_heard_of() -> None:
    assert next_grace_end([node(1), node(2, ready=False)], NOW) is None


EDGE = {"pool": "edge"}
CHANGES: list[tuple[str, dict[str, str], Node | None, Node | None, bool]] = [
    ("a node that joins", {}, None, node(1), True),
    ("a node that goes", {}, node(1), None, True),
    ("a node that is not ready any more", {}, node(1), node(1, ready=False), True),
    ("another instance of the same name", {}, node(1), node(1, provider_id="qcloud:///1/ins-2"), True),
    ("a label that the selector asks for", EDGE, node(1), node(1, labels=EDGE), True),
    ("a label that nobody asks for", {}, node(1), node(1, labels=EDGE), False),
    ("a node of another pool", EDGE, node(1), node(1, ready=False), False),
    ("a cordon", {}, node(1), node(1, taints=frozenset({"node.kubernetes.io/unschedulable"})), False),
    (
        "a taint that marks a node that goes",
        {},
        node(1),
        node(1, taints=frozenset({"karpenter.sh/disrupted"})),
        True,
    ),
]


@pytest.mark.parametrize(
    ("selector", "before", "after", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_whom_a_change_concerns(
    selector: dict[str, str],
    before: Node | None,
    after: Node | None,
    expected: bool,  # noqa: FBT001
) -> None:
    assert concerns(selector, before, after) is expected
