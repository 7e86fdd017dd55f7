"""Which nodes serve, and as which targets.

Pure. The rules follow design.md "Nodes as backends"; the label and taint names are Kubernetes' and
cluster-autoscaler's own. Called when the desired listener is built.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.cloud import Endpoint, Target
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mtls_operator.api.listener import Backend
    from mtls_operator.core.cluster import Node, Service

EXCLUDE_LABEL: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
CONTROL_PLANE_LABELS: Final = frozenset(
    {"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}
)
INSTANCE_TYPE_LABEL: Final = "node.kubernetes.io/instance-type"
LEAVING_TAINTS: Final = frozenset({"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"})
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
    if node.deleting or EXCLUDE_LABEL in node.labels or node.taints & LEAVING_TAINTS:
        return False
    if node.labels.get(INSTANCE_TYPE_LABEL) == "eklet":
        return False
    if any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    if node.labels.keys() & CONTROL_PLANE_LABELS and not selector.keys() & CONTROL_PLANE_LABELS:
        return False
    return _is_ready(node, now)


def _is_ready(node: Node, now: datetime) -> bool:
    if node.ready is not None:
        return node.ready
    return node.ready_since is not None and now - node.ready_since < UNREADY_GRACE


def node_port(backend: Backend, services: Mapping[str, Service], namespace: str) -> int:
    """Return the port that a backend has on every node.

    Args:
        backend: a route's backend: a Service's port, or a port given directly.
        services: the Services of the namespace, by name.
        namespace: for the message.

    Raises:
        NotReady: with reason ServiceNotFound or ServiceHasNoNodePort; both end when the Service does.
    """
    if backend.service is None:
        return backend.node_port or 0
    name, wanted = backend.service.name, backend.service.port
    service = services.get(name)
    if service is None:
        raise NotReady(
            Reason.SERVICE_NOT_FOUND,
            f"Service {namespace}/{name} does not exist. Create it with type NodePort.",
        )
    if service.type not in {"NodePort", "LoadBalancer"}:
        raise NotReady(
            Reason.SERVICE_HAS_NO_NODE_PORT,
            f"Service {namespace}/{name} is of type {service.type}, which no load balancer can reach. "
            "Set its type to NodePort.",
        )
    for port in service.ports:
        if wanted in (port.name, port.port) and port.node_port:
            return port.node_port
    known = ", ".join(f"{p.name or '-'} ({p.port})" for p in service.ports)
    raise NotReady(
        Reason.SERVICE_HAS_NO_NODE_PORT,
        f"Service {namespace}/{name} has no port {wanted} with a nodePort; it has {known}.",
    )


def targets(
    backends: Iterable[Backend],
    nodes: Iterable[Node],
    services: Mapping[str, Service],
    *,
    namespace: str,
) -> tuple[Target, ...]:
    """Return the targets of a route: each backend's port on each of the nodes, sorted.

    Raises:
        NotReady: from `node_port`.
    """
    serving = tuple(nodes)
    found: dict[Endpoint, int] = {}
    for backend in backends:
        port = node_port(backend, services, namespace)
        for node in serving:
            endpoint = endpoint_of(node, port)
            if endpoint is not None:
                found[endpoint] = backend.weight
    return tuple(Target(endpoint=e, weight=w) for e, w in sorted(found.items()))
