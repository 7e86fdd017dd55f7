"""From backends to targets: ports of Services, nodes with endpoints, and the part that the quota allows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import node, service

from mtls_operator.api.listener import Backend
from mtls_operator.core.backends import Selection, node_port, select_targets
from mtls_operator.core.cloud import Endpoint
from mtls_operator.core.cloud_quota import NO_LIMIT
from mtls_operator.core.cluster import Node, Service, ServicePort
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady

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


def on_port(number: int = 30080, **fields: Any) -> Backend:
    return Backend.model_validate({"nodePort": number, **fields})


def select(
    *backends: Backend, nodes: Sequence[Node], services: Sequence[Service] = (), most: int = NO_LIMIT
) -> Selection:
    by_name = {one.ref.name: one for one in services}
    return select_targets(backends, nodes, by_name, namespace="edge", most=most, seed="uid/a.example/")


def endpoints(found: Selection) -> list[str]:
    return [str(target.endpoint) for target in found.targets]


NODES = [node(number) for number in range(1, 41)]


def test_targets_are_sorted_whatever_the_order_of_nodes() -> None:
    forwards = select(on_port(), nodes=[node(1), node(2)])
    assert forwards == select(on_port(), nodes=[node(2), node(1)])
    assert endpoints(forwards) == ["ins-00000001:30080", "ins-00000002:30080"]


def test_each_backend_has_its_weight_on_every_node_that_can_be_reached() -> None:
    found = select(on_port(weight=20), on_port(30081, weight=0), nodes=[node(1), node(2, provider_id="")])
    assert {(t.endpoint, t.weight) for t in found.targets} == {
        (Endpoint(instance_id="ins-00000001", port=30080), 20),
        (Endpoint(instance_id="ins-00000001", port=30081), 0),
    }


LOCAL = replace(TWO_PORTS, local_nodes=frozenset({"node-2", "node-9"}))


def test_with_policy_local_only_nodes_with_a_ready_endpoint_serve() -> None:
    found = select(backend(), nodes=NODES[:3], services=[LOCAL])
    assert endpoints(found) == ["ins-00000002:30080"]
    assert (found.eligible, found.shortage) == (1, None)


def test_a_service_without_a_ready_endpoint_is_named() -> None:
    found = select(backend(), nodes=[node(1)], services=[LOCAL])
    assert found.targets == ()
    assert found.shortage is not None
    assert found.shortage.reason is Reason.NO_ELIGIBLE_NODE
    assert "Service edge/web has externalTrafficPolicy Local" in found.shortage.message


def test_a_service_is_not_blamed_where_there_is_no_node_at_all() -> None:
    assert select(backend(), nodes=[], services=[LOCAL]).shortage is None


def test_a_service_without_endpoints_beside_one_that_serves_is_no_shortage() -> None:
    found = select(backend(), on_port(31000), nodes=[node(1)], services=[LOCAL])
    assert endpoints(found) == ["ins-00000001:31000"]
    assert found.shortage is None


def test_a_missing_service_is_a_shortage_and_leaves_the_other_backends_theirs() -> None:
    found = select(backend("gone"), on_port(31000), nodes=[node(1)])
    assert endpoints(found) == ["ins-00000001:31000"]
    assert found.shortage is not None
    assert found.shortage.reason is Reason.SERVICE_NOT_FOUND


def test_above_the_quota_each_backend_has_a_fair_share() -> None:
    few = replace(TWO_PORTS, local_nodes=frozenset({"node-1", "node-2"}))
    found = select(backend(), on_port(31000), on_port(32000), nodes=NODES, services=[few], most=20)
    ports = [target.endpoint.port for target in found.targets]
    assert [ports.count(port) for port in (30080, 31000, 32000)] == [2, 9, 9]
    assert found.eligible == 82


def test_two_backends_of_a_route_are_served_by_the_same_nodes() -> None:
    found = select(on_port(31000), on_port(32000), nodes=NODES, most=20)
    machines = {
        port: {t.endpoint.instance_id for t in found.targets if t.endpoint.port == port}
        for port in (31000, 32000)
    }
    assert machines[31000] == machines[32000]
    assert len(machines[31000]) == 10


def test_another_route_has_other_nodes() -> None:
    here = select(on_port(), nodes=NODES, most=10)
    there = select_targets([on_port()], NODES, {}, namespace="edge", most=10, seed="uid/b.example/")
    assert here.targets != there.targets
