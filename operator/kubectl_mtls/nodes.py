"""From bound targets to backends: which node ports of which Services they are, and which nodes serve.

Pure. Used by `kubectl mtls import`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import ObjectRef
from mtls_operator.api.route import Backend
from mtls_operator.core.cluster import Node, Service, ServicePort
from mtls_operator.core.nodes import endpoint_of, is_candidate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from kubectl_mtls.ports import Body
    from mtls_operator.api.model import Json
    from mtls_operator.core.cloud import Target

_WEIGHT: Final = Backend.model_fields["weight"].default
_REACHABLE: Final = frozenset({"NodePort", "LoadBalancer"})
_HOSTNAME: Final = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The backends of a route.

    Attributes:
        rendered: as a manifest has them.
        notes: what the manifest cannot say, a sentence each.
        names: the nodes that are bound.
    """

    rendered: list[Json]
    notes: tuple[str, ...]
    names: frozenset[str]


def backends_of(
    targets: Sequence[Target], nodes: Collection[Node], services: Collection[Service]
) -> Backends:
    """Return the backends that stand for what is bound to a rule."""
    notes: list[str] = []
    rendered: list[Json] = []
    names: set[str] = set()
    by_port: dict[int, list[Target]] = {}
    for target in targets:
        by_port.setdefault(target.endpoint.port, []).append(target)
    for port, bound in sorted(by_port.items()):
        known = {endpoint_of(node, port): node.name for node in nodes}
        strangers = [str(one.endpoint) for one in bound if one.endpoint not in known]
        if strangers:
            notes.append(f"{', '.join(strangers)} is no node of this cluster: unbind it before the adoption")
        names |= {known[one.endpoint] for one in bound if one.endpoint in known}
        weights = Counter(one.weight for one in bound)
        weight = weights.most_common(1)[0][0]
        if len(weights) > 1:
            listed = ", ".join(f"{one.endpoint} has {one.weight}" for one in bound)
            notes.append(f"a backend has one weight for all of its nodes: {listed}")
        rendered.append({**_where(port, services), **({} if weight == _WEIGHT else {"weight": weight})})
    return Backends(rendered=rendered, notes=tuple(notes), names=frozenset(names))


def _where(port: int, services: Iterable[Service]) -> dict[str, Json]:
    for service in services:
        for one in service.ports:
            if one.node_port == port and service.type in _REACHABLE:
                return {"service": {"name": service.ref.name, "port": one.name or one.port}}
    return {"nodePort": port}


def selector_for(bound: Collection[str], nodes: Collection[Node]) -> dict[str, str] | None:
    """Return the node selector that selects exactly the nodes that are bound, None when there is none.

    Empty when every node that may serve is bound. Else one label, of a pool rather than of a host.
    """
    serving = [node for node in nodes if is_candidate(node, {})]
    if {node.name for node in serving} == set(bound):
        return {}
    chosen = [node for node in serving if node.name in bound]
    if not chosen or len(chosen) < len(set(bound)):
        return None
    shared = set.intersection(*(set(node.labels.items()) for node in chosen))
    for key, value in sorted(shared, key=lambda label: (label[0] == _HOSTNAME, label)):
        if sum(node.labels.get(key) == value for node in serving) == len(chosen):
            return {key: value}
    return None


def read_node(body: Body) -> Node:
    """Read a Node; whether it is ready does not matter here."""
    metadata, spec, status = _child(body, "metadata"), _child(body, "spec"), _child(body, "status")
    internal = (str(a.get("address")) for a in _items(status, "addresses") if a.get("type") == "InternalIP")
    return Node(
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        provider_id=str(spec.get("providerID", "")),
        internal_ip=next(internal, ""),
        labels={str(key): str(value) for key, value in _child(metadata, "labels").items()},
        taints=frozenset(str(taint.get("key")) for taint in _items(spec, "taints")),
        ready=None,
        ready_since=None,
        deleting="deletionTimestamp" in metadata,
    )


def read_service(body: Body) -> Service:
    """Read a Service."""
    metadata, spec = _child(body, "metadata"), _child(body, "spec")
    return Service(
        ref=ObjectRef(str(metadata.get("namespace", "")), str(metadata.get("name", ""))),
        type=str(spec.get("type", "")),
        ports=tuple(
            ServicePort(
                name=str(port.get("name") or ""),
                port=_number(port, "port"),
                node_port=_number(port, "nodePort"),
            )
            for port in _items(spec, "ports")
        ),
    )


def _child(body: Body, name: str) -> Body:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _items(body: Body, name: str) -> Iterator[Body]:
    value = body.get(name)
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else iter(())


def _number(body: Body, name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) else 0
