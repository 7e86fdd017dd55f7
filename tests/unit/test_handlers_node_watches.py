"""Nodes, Services and their endpoints: whom a change wakes, and that a burst of changes is one pass."""

import asyncio
from collections.abc import Awaitable
from itertools import pairwise
from typing import Any

import pytest
from builders import domain_manifest, listener_manifest
from unit.fakes.listed_api import ListedApi
from unit.fakes.virtual_time import run_virtually
from unit.test_handlers_watches import Operator, keys

from mtls_operator.adapters.kube.view import ClusterView
from mtls_operator.api.meta import Key, Kind, ObjectRef
from mtls_operator.handlers.watches import WINDOW_SECONDS

Body = dict[str, Any]
LISTENER = Kind.MUTUAL_TLS_LISTENER
SERVICE_LABEL = "kubernetes.io/service-name"


def node_body(name: str = "node-1", ready: str = "True", *, version: int = 1, **labels: str) -> Body:
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-23T12:00:00Z"}
    return {
        "metadata": {"name": name, "labels": labels, "resourceVersion": str(version)},
        "spec": {"providerID": f"qcloud:///100003/ins-{name}"},
        "status": {"conditions": [condition]},
    }


def service_body(name: str = "web", policy: str = "Local", node_port: int = 30080) -> Body:
    port = {"name": "http", "port": 80, "nodePort": node_port}
    spec = {"type": "NodePort", "externalTrafficPolicy": policy, "ports": [port]}
    return {"metadata": {"name": name, "namespace": "edge"}, "spec": spec}


def slice_body(
    *nodes: str,
    service: str = "web",
    name: str = "web-1",
    namespace: str = "edge",
    conditions: dict[str, bool] | None = None,
) -> Body:
    endpoints = [{"nodeName": node, "conditions": conditions or {}} for node in nodes]
    labels = {SERVICE_LABEL: service} if service else {}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "endpoints": endpoints,
    }


def using(name: str, service: str, namespace: str = "edge") -> Body:
    route = {"path": "/", "backends": [{"service": {"name": service, "port": "http"}}]}
    return listener_manifest(name, domain_manifest("api.acme.example", route), namespace=namespace)


USERS = (
    using("api", "web"),
    using("admin", "other"),
    listener_manifest("direct"),
    using("api", "web", "team-a"),
)


def local_nodes(operator: Operator) -> set[str] | None:
    found = operator.view.services("edge")["web"].local_nodes
    return set(found) if found is not None else None


async def known(*bodies: Body) -> Operator:
    """Return an operator that has seen the users and these Services."""
    operator = Operator()
    await operator.know(*USERS)
    for body in bodies:
        await operator.watches.service("ADDED", body)
    await operator.woken()
    return operator


async def _delay(operator: Operator, event: Awaitable[None]) -> tuple[set[Key], float]:
    """Return whom an event wakes, and how many seconds later."""
    started = asyncio.get_running_loop().time()
    await event
    woken = await operator.woken()
    return woken, asyncio.get_running_loop().time() - started


def test_a_node_wakes_the_listeners_that_it_may_serve_after_the_window() -> None:
    async def check() -> None:
        operator = Operator()
        await operator.know(
            listener_manifest("everywhere"),
            listener_manifest("edge", nodeSelector={"pool": "edge"}),
            listener_manifest("core", nodeSelector={"pool": "core"}),
        )
        joined = operator.watches.node("ADDED", node_body(pool="edge"))
        assert await _delay(operator, joined) == (keys(LISTENER, "everywhere", "edge"), WINDOW_SECONDS)
        moved = operator.watches.node("MODIFIED", node_body(pool="core"))
        assert (await _delay(operator, moved))[0] == keys(LISTENER, "edge", "core")
        gone = operator.watches.node("DELETED", node_body(pool="core"))
        assert (await _delay(operator, gone))[0] == keys(LISTENER, "everywhere", "core")

    run_virtually(check())


def test_a_heartbeat_of_a_kubelet_wakes_nobody() -> None:
    async def check() -> None:
        operator = Operator()
        await operator.know(listener_manifest("everywhere"))
        await operator.watches.node("ADDED", node_body())
        await operator.woken()
        await operator.watches.node("MODIFIED", node_body(version=2))
        assert await operator.woken() == set()

    run_virtually(check())


@pytest.mark.parametrize("event", ["MODIFIED", "DELETED"])
async def test_a_service_wakes_the_listeners_that_use_it(event: str) -> None:
    operator = await known(service_body())
    await operator.watches.service(event, service_body(node_port=30081))
    assert await operator.woken() == keys(LISTENER, "api")


def test_endpoints_wake_the_listeners_that_use_their_service_after_the_window() -> None:
    async def check() -> None:
        operator = await known(service_body("web"), service_body("other"))
        appeared = operator.watches.endpoint_slice("ADDED", slice_body("node-1"))
        assert await _delay(operator, appeared) == (keys(LISTENER, "api"), WINDOW_SECONDS)
        gone = operator.watches.endpoint_slice("DELETED", slice_body("node-1"))
        assert (await _delay(operator, gone))[0] == keys(LISTENER, "api")

    run_virtually(check())


UNREADY = {"ready": False}
SILENT: list[tuple[str, Body, Body, Body]] = [
    ("policy Cluster", service_body(policy="Cluster"), slice_body(), slice_body("node-1")),
    ("an endpoint on a node that has one already", service_body(), slice_body("a"), slice_body("a", "a")),
    ("an endpoint that is not ready", service_body(), slice_body(), slice_body("a", conditions=UNREADY)),
    ("an unused Service", service_body("idle"), slice_body(service="idle"), slice_body("a", service="idle")),
    ("a slice of no Service", service_body(), slice_body(service=""), slice_body("a", service="")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "before", "after"), [row[1:] for row in SILENT], ids=[row[0] for row in SILENT]
)
def test_endpoints_that_change_nothing_wake_nobody(service: Body, before: Body, after: Body) -> None:
    async def check() -> None:
        operator = await known(service)
        await operator.watches.endpoint_slice("ADDED", before)
        await operator.woken()
        await operator.watches.endpoint_slice("MODIFIED", after)
        assert await operator.woken() == set()

    run_virtually(check())


CONDITIONS: list[tuple[str, dict[str, bool], bool]] = [
    ("nothing said", {}, True),
    ("ready and serving", {"ready": True, "serving": True, "terminating": False}, True),
    ("not ready", {"ready": False}, False),
    ("not serving", {"ready": True, "serving": False}, False),
    ("ending, though it serves still", {"ready": False, "serving": True, "terminating": True}, False),
    ("ending, and said to be ready by publishNotReadyAddresses", {"ready": True, "terminating": True}, False),
]


@pytest.mark.parametrize(
    ("conditions", "counts"), [row[1:] for row in CONDITIONS], ids=[row[0] for row in CONDITIONS]
)
async def test_which_endpoints_count(conditions: dict[str, bool], counts: bool) -> None:  # noqa: FBT001
    operator = Operator()
    await operator.watches.service("ADDED", service_body())
    await operator.watches.endpoint_slice("ADDED", slice_body("node-1", conditions=conditions))
    expected = {"node-1"} if counts else set()
    assert local_nodes(operator) == expected


async def test_the_slices_of_a_service_count_together_and_go_one_by_one() -> None:
    operator = Operator()
    seen = operator.watches
    await seen.service("ADDED", service_body())
    await seen.endpoint_slice("ADDED", slice_body("a", "b", name="web-1"))
    await seen.endpoint_slice("ADDED", slice_body("b", "c", name="web-2"))
    await seen.endpoint_slice("ADDED", slice_body("d", name="web-1", namespace="team-a"))
    assert local_nodes(operator) == {"a", "b", "c"}
    await seen.endpoint_slice("DELETED", slice_body(name="web-1"))
    assert local_nodes(operator) == {"b", "c"}
    await seen.endpoint_slice("MODIFIED", slice_body("c", name="web-2", service="other"))
    assert local_nodes(operator) == set()


async def test_with_policy_cluster_endpoints_decide_nothing() -> None:
    operator = Operator()
    await operator.watches.service("ADDED", service_body(policy="Cluster"))
    await operator.watches.endpoint_slice("ADDED", slice_body("a"))
    assert local_nodes(operator) is None


async def test_the_resync_replaces_the_endpoints_as_well() -> None:
    view = ClusterView(
        ListedApi(
            {
                "/api/v1/services": [service_body()],
                "/apis/discovery.k8s.io/v1/endpointslices": [slice_body("b", name="web-2")],
            }
        )
    )
    view.held_endpoints.put(slice_body("a", name="gone-unseen"))
    await view.refresh()
    assert view.services("edge")["web"].local_nodes == frozenset({"b"})
    assert view.held_endpoints.get(ObjectRef("edge", "gone-unseen")) is None


def test_a_thousand_node_events_in_a_minute_are_a_pass_every_two_seconds() -> None:
    """And the last pass sees the last node, so that nothing is lost to the window."""

    async def check() -> None:
        operator = Operator()
        await operator.know(listener_manifest("api"))
        passes: list[tuple[float, int]] = []

        async def work() -> None:
            while True:
                key = await operator.queue.take()
                nodes = operator.view.nodes()
                now = asyncio.get_running_loop().time()
                passes.append((now, sum(node.ready is True for node in nodes)))
                await operator.queue.done(key)

        worker = asyncio.create_task(work())
        for number in range(1000):
            await operator.watches.node("ADDED", node_body(f"node-{number}"))
            await asyncio.sleep(0.06)
        await asyncio.sleep(2 * WINDOW_SECONDS)
        worker.cancel()
        times = [time for time, _ in passes]
        assert all(later - earlier >= WINDOW_SECONDS for earlier, later in pairwise(times))
        assert 20 <= len(passes) <= 31
        assert passes[-1][1] == 1000

    run_virtually(check())
