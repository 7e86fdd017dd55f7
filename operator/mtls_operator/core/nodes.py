"""Which nodes serve, where each is reached, and for how long a silent one is trusted.

Pure. The rules follow design.md "Nodes as backends"; the label and taint names are those of Kubernetes,
cluster-autoscaler and Karpenter. Called when the desired listener is built, and by the watches.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.cloud import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mtls_operator.core.cluster import Node

EXCLUDE_LABEL: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
CONTROL_PLANE_LABELS: Final = frozenset(
    {"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}
)
INSTANCE_TYPE_LABEL: Final = "node.kubernetes.io/instance-type"
LEAVING_TAINTS: Final = frozenset(
    {
        "ToBeDeletedByClusterAutoscaler",
        "karpenter.sh/disrupted",
        "karpenter.sh/disruption",
        "node.cloudprovider.kubernetes.io/shutdown",
        "node.kubernetes.io/out-of-service",
    }
)
"""What marks a node that is going, beyond a cordon.

cluster-autoscaler, TKE's included, sets the first when it has decided to delete the node (its
DeletionCandidateOfClusterAutoscaler is no decision yet); Karpenter the second, or the third before its
version 1; the cloud's node controller the fourth for an instance that is shut down; a person the fifth
for one that is lost (all of them Kubernetes' well-known taints, or named in those projects' documents).
`kubectl drain` sets none: it cordons, as one does for a look at the node, and is not told from that.
"""
UNREADY_GRACE: Final = timedelta(minutes=1)
"""A kubelet that has not been heard of for less than this is taken to be flapping."""


def instance_id(provider_id: str) -> str:
    """Return the cloud instance behind a node, empty for one that is not an instance.

    `qcloud:///100003/ins-1a2b3c4d` and `tencentcloud:///…/ins-1a2b3c4d` name one; native nodes
    (`tencentcloud://kn-…`) are reached by address instead.
    """
    last = provider_id.rpartition("/")[2]
    return last if last.startswith("ins-") else ""


def endpoint_of(node: Node, port: int) -> Endpoint | None:
    """Return where a node listens on a node port, None when the cloud could not reach it."""
    instance = instance_id(node.provider_id)
    if instance:
        return Endpoint(instance_id=instance, port=port)
    if node.internal_ip and node.provider_id.startswith(("tencentcloud://kn-", "qcloud://kn-")):
        return Endpoint(address=node.internal_ip, port=port)
    return None


def is_eligible(node: Node, selector: Mapping[str, str], now: datetime) -> bool:
    """Tell whether a node may serve; a cordoned one may, as in TKE."""
    return is_candidate(node, selector) and _is_ready(node, now)


def is_candidate(node: Node, selector: Mapping[str, str]) -> bool:
    """Tell whether a node may serve whenever it is ready."""
    if node.deleting or EXCLUDE_LABEL in node.labels or node.taints & LEAVING_TAINTS:
        return False
    if node.labels.get(INSTANCE_TYPE_LABEL) == "eklet":
        return False
    if any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    return not node.labels.keys() & CONTROL_PLANE_LABELS or bool(selector.keys() & CONTROL_PLANE_LABELS)


def _is_ready(node: Node, now: datetime) -> bool:
    if node.ready is not None:
        return node.ready
    return node.ready_since is not None and now - node.ready_since < UNREADY_GRACE


def next_grace_end(nodes: Iterable[Node], now: datetime) -> datetime | None:
    """Return when the first of the silent nodes is trusted no longer, None when none is silent.

    No event says so: a kubelet that stays silent changes nothing. Those whose grace is over count no more.
    """
    ends = [
        node.ready_since + UNREADY_GRACE
        for node in nodes
        if node.ready is None and node.ready_since is not None
    ]
    return min((end for end in ends if end > now), default=None)


def concerns(selector: Mapping[str, str], before: Node | None, after: Node | None) -> bool:
    """Tell whether a change of a node may change what serves a listener with this selector."""
    was, will = _serving_part(selector, before), _serving_part(selector, after)
    return was != will


def _serving_part(selector: Mapping[str, str], node: Node | None) -> object:
    """Return what of a node a listener depends on, None of a node that it has no part in."""
    if node is None or not is_candidate(node, selector):
        return None
    return node.name, node.provider_id, node.internal_ip, node.ready, node.ready_since
