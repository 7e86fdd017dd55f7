"""A state file with many load balancers, rules and targets."""

import datetime as dt
from pathlib import Path

from clb_simulator.model import Domain, HealthCheck, Instance, Listener, LoadBalancer, Rule, Target
from clb_simulator.state import StateFile
from clb_simulator.store import Store

REGION = "ap-guangzhou"
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def write_state(path: Path, *, load_balancers: int, rules: int, targets: int) -> None:
    """Write so many load balancers, each with one listener of so many rules with so many targets each."""
    journal = StateFile(path)
    store = Store(journal)
    with store.transaction():
        for number in range(targets):
            instance = _instance(number)
            store.instances.put(instance.instance_id, instance)
        bound = tuple(_target(number) for number in range(targets))
        for number in range(load_balancers):
            _fill(store, number, rules, bound)
    journal.close()


def _fill(store: Store, number: int, rules: int, bound: tuple[Target, ...]) -> None:
    lb, listener = f"lb-bench{number:03}", f"lbl-bench{number:03}"
    store.load_balancers.put(lb, _load_balancer(lb, number))
    store.listeners.put(listener, _listener(listener, lb))
    for index in range(rules):
        domain = _domain(listener, number, index)
        store.domains.put(domain.domain_id, domain)
        rule = _rule(domain, index, bound)
        store.rules.put(rule.location_id, rule)


def _load_balancer(identifier: str, number: int) -> LoadBalancer:
    return LoadBalancer(
        load_balancer_id=identifier,
        region=REGION,
        name=identifier,
        network="OPEN",
        vip=f"127.78.0.{number + 1}",
        vpc_id="vpc-simulated",
        created_at=START,
    )


def _listener(identifier: str, load_balancer: str) -> Listener:
    return Listener(
        listener_id=identifier,
        load_balancer_id=load_balancer,
        name="bench",
        port=80,
        protocol="HTTP",
        sni=False,
        certificate=None,
        created_at=START,
    )


def _domain(listener: str, number: int, index: int) -> Domain:
    return Domain(
        domain_id=f"dom-{number:03}-{index:03}",
        listener_id=listener,
        names=(f"site{index}.example.com",),
        is_default=index == 0,
        http2=False,
        quic=False,
        certificate=None,
    )


def _rule(domain: Domain, index: int, bound: tuple[Target, ...]) -> Rule:
    return Rule(
        location_id=domain.domain_id.replace("dom", "loc"),
        listener_id=domain.listener_id,
        domain_id=domain.domain_id,
        url=f"/{index}",
        scheduler="WRR",
        session_seconds=0,
        cookie_name=None,
        forward_type="HTTP",
        health_check=HealthCheck(domain=domain.names[0]),
        created_at=START,
        targets=bound,
    )


def _instance(number: int) -> Instance:
    return Instance(
        instance_id=f"ins-bench{number:03}",
        private_ip=f"127.79.0.{number + 1}",
        name=f"bench{number}",
        vpc_id="vpc-simulated",
        region=REGION,
        zone="ap-guangzhou-3",
    )


def _target(number: int) -> Target:
    return Target(
        port=8080,
        weight=10,
        instance_id=f"ins-bench{number:03}",
        address=f"127.79.0.{number + 1}",
        registered_at=START,
    )
