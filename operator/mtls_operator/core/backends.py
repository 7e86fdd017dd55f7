"""From a route's backends to its targets: each backend's port on every node that serves it.

Pure. Called when the desired listener is built; `services_of` also by the watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.core.cloud import Endpoint, Target
from mtls_operator.core.nodes import endpoint_of
from mtls_operator.core.reasons import Reason
from mtls_operator.core.subset import fair_shares, stable_subset
from mtls_operator.errors import NotReady, SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.route import Backend
    from mtls_operator.core.cluster import Node, Service
    from mtls_operator.core.desired import DesiredListener


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Why a route does not have the targets that it should, so that nothing of it may go."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The targets of a route.

    Attributes:
        targets: sorted.
        eligible: how many there would be without a limit.
        shortage: why some are missing; None when none is.
    """

    targets: tuple[Target, ...]
    eligible: int
    shortage: Shortage | None = None


def require_services(desired: DesiredListener) -> None:
    """Refuse to make a listener before its Services are there.

    Raises:
        NotReady: with the reason of the first route that lacks one.
    """
    for _, route in desired.routes():
        shortage = route.shortage
        if shortage is not None and shortage.reason is not Reason.NO_ELIGIBLE_NODE:
            raise NotReady(shortage.reason, shortage.message)


def services_of(listener: MutualTLSListener) -> frozenset[str]:
    """Return the names of the Services that a listener's routes use, all of its namespace."""
    return frozenset(
        backend.service.name
        for domain in listener.spec.domains
        for route in domain.routes
        for backend in route.backends
        if backend.service is not None
    )


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


def require_distinct(
    backends: Iterable[Backend], services: Mapping[str, Service], *, namespace: str, route: str
) -> None:
    """Refuse two weights for one target: it has one, and whether they should be added is a guess.

    Args:
        backends: of the route; one whose Service is missing is no target yet.
        services: the Services of the namespace, by name.
        namespace: for messages.
        route: what people call it.

    Raises:
        SpecError: with reason InvalidSpec.
    """
    seen: set[int] = set()
    for backend in backends:
        try:
            port = node_port(backend, services, namespace)
        except NotReady:
            continue
        if port in seen:
            raise SpecError(
                Reason.INVALID_SPEC,
                f"two backends of route {route} are node port {port}. "
                "Name it once, with the weight that it should have.",
            )
        seen.add(port)


def select_targets(
    backends: Iterable[Backend],
    nodes: Collection[Node],
    services: Mapping[str, Service],
    *,
    namespace: str,
    most: int,
    seed: str,
) -> Selection:
    """Return the targets of a route: each backend's port on each of the nodes that serve it.

    Args:
        backends: of the route.
        nodes: the eligible ones.
        services: the Services of the namespace, by name.
        namespace: for messages.
        most: how many targets a rule may have; each backend gets a fair share of them.
        seed: what the choice is for, when there are more.
    """
    weights: dict[int, int] = {}
    found: dict[int, set[Endpoint]] = {}
    missing: list[Shortage] = []
    idle: list[str] = []
    for backend in backends:
        try:
            port = node_port(backend, services, namespace)
        except NotReady as error:
            missing.append(Shortage(reason=Reason(error.reason), message=str(error)))
            continue
        serving = _serving(backend, nodes, services)
        if nodes and not serving and backend.service is not None:
            idle.append(f"{namespace}/{backend.service.name}")
        weights[port] = backend.weight
        found.setdefault(port, set()).update(_endpoints(serving, port))
    targets = _within(found, weights, most, seed)
    shortage = missing[0] if missing else _all_idle(idle) if idle and not targets else None
    return Selection(
        targets=targets, eligible=sum(len(endpoints) for endpoints in found.values()), shortage=shortage
    )


def _serving(backend: Backend, nodes: Collection[Node], services: Mapping[str, Service]) -> Collection[Node]:
    service = services.get(backend.service.name) if backend.service is not None else None
    if service is None or service.local_nodes is None:
        return nodes
    return [node for node in nodes if node.name in service.local_nodes]


def _endpoints(nodes: Iterable[Node], port: int) -> set[Endpoint]:
    found = (endpoint_of(node, port) for node in nodes)
    return {endpoint for endpoint in found if endpoint is not None}


def _within(
    found: Mapping[int, set[Endpoint]], weights: Mapping[int, int], most: int, seed: str
) -> tuple[Target, ...]:
    shares = fair_shares({port: len(endpoints) for port, endpoints in found.items()}, most)
    chosen = [
        Target(endpoint=endpoint, weight=weights[port])
        for port, endpoints in found.items()
        for endpoint in stable_subset(endpoints, shares[port], seed=seed, identity=_machine)
    ]
    return tuple(sorted(chosen, key=lambda target: target.endpoint))


def _machine(endpoint: Endpoint) -> str:
    """The same node has the same rank for all backends of a route."""
    return endpoint.instance_id or endpoint.address


def _all_idle(services: Iterable[str]) -> Shortage:
    named = ", ".join(f"Service {name}" for name in dict.fromkeys(services))
    return Shortage(
        reason=Reason.NO_ELIGIBLE_NODE,
        message=f"{named} has externalTrafficPolicy Local, and no eligible node has a ready endpoint of it",
    )
