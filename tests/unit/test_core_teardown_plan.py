"""Every row of the teardown's table: what goes first, what waits, and for how long."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from builders import NOW, health_check

from mtls_operator.core import actions
from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    Listener,
    ListenerId,
    LocationId,
    Rule,
    Target,
    TlsBinding,
)
from mtls_operator.core.desired import ObservedListener
from mtls_operator.core.target_plan import Place
from mtls_operator.core.teardown_plan import TeardownPlan, plan_teardown

DRAIN = timedelta(seconds=30)
LB, WEB, API = ListenerId("lbl-1"), LocationId("loc-web"), LocationId("loc-api")
FIRST, SECOND = Endpoint(instance_id="ins-1", port=30080), Endpoint(instance_id="ins-2", port=30080)
CLOSED = TlsBinding(
    mutual=True, required=True, certificate_id=CertId("cert-s"), ca_certificate_id=CertId("cert-c")
)
ONE_WAY = replace(CLOSED, mutual=False, required=False, ca_certificate_id=None)
OPTIONAL = replace(CLOSED, required=False)
CHECK = health_check(enabled=False, codes=frozenset())
DELETION = actions.DeleteListener(listener=LB)


def rule(location: LocationId, *weights: tuple[Endpoint, int], tls: TlsBinding | None = None) -> Rule:
    return Rule(
        id=location,
        domain=f"{location}.example",
        path="/",
        default=False,
        http2=True,
        scheduler="WRR",
        backend_protocol="HTTP",
        session_seconds=0,
        health_check=CHECK,
        tls=tls,
        targets=tuple(Target(endpoint=endpoint, weight=weight) for endpoint, weight in weights),
    )


def listener(*rules: Rule, tls: TlsBinding | None = CLOSED) -> Listener:
    return Listener(
        id=LB,
        name="ours",
        protocol="HTTPS",
        port=443,
        sni=tls is None,
        tls=tls,
        create_time="t",
        rules=rules,
    )


def plan(
    known: Listener | None,
    drain: timedelta = DRAIN,
    since: Mapping[Place, timedelta] = MappingProxyType({}),
) -> TeardownPlan:
    clocks = {place: NOW - ago for place, ago in since.items()}
    return plan_teardown(ObservedListener(listener=known, uploads={}, draining_since=clocks), drain, NOW)


def test_without_a_listener_nothing_is_left_to_do() -> None:
    assert plan(None) == TeardownPlan()


def test_every_target_with_a_weight_loses_it_in_one_change_before_the_listener_goes() -> None:
    known = listener(rule(WEB, (FIRST, 10), (SECOND, 0)), rule(API, (FIRST, 20)))
    drained = actions.SetWeights(
        listener=LB,
        targets=(
            actions.RoutedTarget(location=WEB, target=Target(endpoint=FIRST, weight=0)),
            actions.RoutedTarget(location=API, target=Target(endpoint=FIRST, weight=0)),
        ),
    )
    assert plan(known) == TeardownPlan((drained, DELETION))


def test_the_sentences_are_in_the_order_of_work() -> None:
    assert plan(listener(rule(WEB, (FIRST, 10)))).sentences() == (
        "set weight ins-1:30080 to 0",
        "delete listener lbl-1 with its rules and bindings",
    )


def test_the_listener_waits_for_the_target_that_drains_last() -> None:
    known = listener(rule(WEB, (FIRST, 0), (SECOND, 0)))
    since = {(WEB, FIRST): timedelta(seconds=40), (WEB, SECOND): timedelta(seconds=12)}
    assert plan(known, since=since) == TeardownPlan((DELETION,), timedelta(seconds=18))


def test_a_target_whose_clock_is_not_known_drains_from_now_on() -> None:
    assert plan(listener(rule(WEB, (FIRST, 0)))).wait == DRAIN


def test_when_all_have_drained_the_listener_goes() -> None:
    for ago in (DRAIN, 2 * DRAIN):
        since = {(WEB, FIRST): ago}
        assert plan(listener(rule(WEB, (FIRST, 0))), since=since) == TeardownPlan((DELETION,), timedelta())


@pytest.mark.parametrize("rules", [(), (rule(WEB),)], ids=["no rule", "no target"])
def test_what_serves_nobody_is_not_drained(rules: tuple[Rule, ...]) -> None:
    assert plan(listener(*rules)) == TeardownPlan((DELETION,))


def test_with_a_drain_period_of_nothing_the_listener_goes_as_it_stands() -> None:
    assert plan(listener(rule(WEB, (FIRST, 10))), timedelta()) == TeardownPlan((DELETION,))


@pytest.mark.parametrize("door", [ONE_WAY, OPTIONAL])
def test_whoever_is_inside_through_an_open_door_has_no_time_to_finish(door: TlsBinding) -> None:
    assert plan(listener(rule(WEB, (FIRST, 10)), tls=door)) == TeardownPlan((DELETION,))
    by_domain = listener(rule(WEB, (FIRST, 10), tls=CLOSED), rule(API, (FIRST, 10), tls=door), tls=None)
    assert plan(by_domain) == TeardownPlan((DELETION,))
