"""How many cloud calls listeners take, and how long, on a real API server: `make bench-listeners`.

`PYTHONPATH=tests python -m bench.listener_speed [--listeners N]`. The calls are counted in the simulated
cloud's log and shown beside the least that the API's batch sizes allow. A budget that is missed ends the
program with status 1.
"""

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path

from bench.call_table import Call, count, print_calls, writes
from bench.listener_world import LISTENER, NAMESPACE, ListenerWorld, domain, listener, listener_world
from bench.table import Row, print_table
from cluster.kube_api import is_ready
from rich.console import Console

DOMAINS, PATHS, NODES = 20, ("/", "/api"), 100
LOAD_BALANCERS, NODES_OF_MANY = 20, 200
BATCH = 500
LISTENERS_A_CALL = 20
RESTART_BUDGET_SECONDS = 60.0
BUDGET_OF_CREATION = 2
_READS_OF_A_PASS = ("DescribeLoadBalancers", "DescribeListeners", "DescribeTargets", "DescribeTargetHealth")
POKE = "tests.example/poke"


def measure_first_convergence(world: ListenerWorld, console: Console, balancer: str) -> list[Row]:
    """A listener with many domains, SNI on: everything is created."""
    mark, begun = world.mark(), time.monotonic()
    domains = [domain(f"site-{number}.acme.example", *PATHS) for number in range(DOMAINS)]
    domains[0]["default"] = True
    world.create(LISTENER, "large", listener(balancer, *domains, sni=True))
    world.wait(world.all_ready)
    seconds = time.monotonic() - begun
    calls = world.calls(mark)
    certificates, batches = DOMAINS + 1, math.ceil(DOMAINS * len(PATHS) * NODES / BATCH)
    least = {
        "UploadCertificate": certificates,
        "CreateListener": 1,
        "CreateRule": 1,
        "BatchRegisterTargets": batches,
        "DescribeTaskStatus": 2,
        "DescribeCertificates": 1,
        **dict.fromkeys(_READS_OF_A_PASS, 1),
    }
    title = f"First convergence, {DOMAINS} domains with {len(PATHS)} routes, {NODES} nodes, SNI on"
    print_calls(console, title, calls, seconds, least)
    budget = float(BUDGET_OF_CREATION + certificates + batches)
    return [
        Row("first convergence", seconds, "s"),
        Row("writes of the first convergence", float(writes(calls)), "", at_most=budget),
        Row("refused calls of it", float(_refused(calls)), "", at_most=0.0),
    ]


def measure_new_node(world: ListenerWorld, console: Console) -> list[Row]:
    """A node joins: one binding for each route."""
    world.wait_quiet()
    mark, begun = world.mark(), time.monotonic()
    world.create_nodes(NODES + 1, NODES + 1)
    world.wait(lambda: count(world.calls(mark), "BatchRegisterTargets") > 0)
    seconds = time.monotonic() - begun
    world.wait_quiet()
    calls = world.calls(mark)
    batches = math.ceil(DOMAINS * len(PATHS) / BATCH)
    least = {"BatchRegisterTargets": batches, **dict.fromkeys(_READS_OF_A_PASS, 1)}
    print_calls(console, f"A node joins, {DOMAINS * len(PATHS)} bindings", calls, seconds, least)
    return [
        Row("a node that joins, until it is bound", seconds, "s"),
        Row("writes for it", float(writes(calls)), "", at_most=float(batches)),
    ]


def measure_steady_state(world: ListenerWorld, console: Console) -> list[Row]:
    """A pass over what is as it should be."""
    world.wait_quiet()
    mark, place, begun = world.mark(), world.audit.mark(), time.monotonic()
    world.kube.merge(LISTENER, NAMESPACE, "large", {"metadata": {"annotations": {POKE: "1"}}})
    world.wait(lambda: world.looked_at(place) > 0)
    seconds = world.wait_quiet() - begun
    calls = world.calls(mark)
    print_calls(console, "A pass in the steady state", calls, seconds, dict.fromkeys(_READS_OF_A_PASS, 1))
    return [
        Row("writes of a pass in the steady state", float(writes(calls)), "", at_most=0.0),
        Row("its writes to the API server", float(len(world.audit.writes(place))), "", at_most=0.0),
        Row("its reads of the cloud", float(len(calls)), ""),
    ]


def measure_many(world: ListenerWorld, console: Console, listeners: int) -> list[Row]:
    """Many listeners on some load balancers: created, and then found as they are by a new process."""
    world.kube.delete(LISTENER, NAMESPACE, "large")
    world.wait(lambda: world.kube.find(LISTENER, NAMESPACE, "large") is None)
    world.create_nodes(NODES + 2, NODES_OF_MANY)
    balancers = world.create_load_balancers(LOAD_BALANCERS)
    mark, begun = world.mark(), time.monotonic()
    for number in range(listeners):
        spec = listener(balancers[number % LOAD_BALANCERS], domain("site.acme.example", "/"))
        world.create(LISTENER, f"site-{number:03d}", {**spec, "port": 1000 + number})
    world.wait(world.all_ready)
    creation = time.monotonic() - begun
    made = world.calls(mark)
    once = dict.fromkeys(("UploadCertificate", "CreateListener", "CreateRule"), listeners)
    batches = LOAD_BALANCERS * math.ceil(listeners / LOAD_BALANCERS * NODES_OF_MANY / BATCH)
    least = {
        **once,
        "BatchRegisterTargets": batches,
        "DescribeTaskStatus": 2 * listeners,
        **_sweep(listeners),
    }
    title = f"{listeners} listeners on {LOAD_BALANCERS} load balancers, {NODES_OF_MANY} nodes"
    print_calls(console, f"{title}: first convergence", made, creation, least)
    return [
        Row(f"first convergence of {listeners} listeners", creation, "s"),
        Row("refused calls of our own making", float(_refused(made)), "", at_most=0.0),
        *_measure_restart(world, console, listeners, title),
    ]


def _measure_restart(world: ListenerWorld, console: Console, listeners: int, title: str) -> list[Row]:
    world.wait_quiet()
    world.operator.stop()
    mark, place, begun = world.mark(), world.audit.mark(), time.monotonic()
    world.operator.start()
    world.wait(lambda: world.looked_at(place) >= listeners)
    seconds = world.wait_quiet() - begun
    calls = world.calls(mark)
    print_calls(console, f"{title}: restart to steady", calls, seconds, _sweep(listeners))
    return [
        Row("restart to steady", seconds, "s", at_most=RESTART_BUDGET_SECONDS),
        Row("writes at the restart", float(writes(calls)), "", at_most=0.0),
        Row("writes to the API server at it", float(len(world.audit.writes(place))), "", at_most=0.0),
        Row("refused calls at it", float(_refused(calls)), "", at_most=0.0),
    ]


def _sweep(listeners: int) -> dict[str, int]:
    """Return the least reads that show all listeners."""
    of_one = math.ceil(listeners / LOAD_BALANCERS / LISTENERS_A_CALL)
    return {
        "DescribeLoadBalancers": 1,
        "DescribeListeners": LOAD_BALANCERS,
        "DescribeTargets": LOAD_BALANCERS * of_one,
        "DescribeTargetHealth": 1,
        "DescribeCertificates": 1,
    }


def _refused(calls: list[Call]) -> int:
    return sum(call.refused for call in calls)


def main() -> int:
    """Measure, print the tables, and return 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description="How many cloud calls listeners take, and how long.")
    parser.add_argument("--listeners", type=int, default=200, help="how many at the restart (default: 200)")
    listeners = parser.parse_args().listeners
    console = Console()
    with tempfile.TemporaryDirectory() as folder, listener_world(Path(folder)) as world:
        world.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        root = {"subject": {"commonName": "Bench Root"}, "privateKey": {"algorithm": "ECDSA"}}
        world.create("CertificateAuthority", "clients", root)
        world.wait(lambda: is_ready(world.kube.get("CertificateAuthority", NAMESPACE, "clients")))
        world.create_nodes(1, NODES)
        (balancer,) = world.create_load_balancers(1)
        rows = [
            *measure_first_convergence(world, console, balancer),
            *measure_new_node(world, console),
            *measure_steady_state(world, console),
            *measure_many(world, console, listeners),
        ]
    return print_table(console, "Listeners", rows)


if __name__ == "__main__":
    sys.exit(main())
