"""Targets: bound before others leave, drained before they are unbound, never all taken away."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import NOW
from unit.test_core_listener_plan import GOOD, ROUTE, RULE, target, wanted

from mtls_operator.core import actions
from mtls_operator.core.backends import Shortage
from mtls_operator.core.cloud import Target
from mtls_operator.core.cloud_quota import Quotas
from mtls_operator.core.desired import DesiredListener, ObservedListener
from mtls_operator.core.reasons import Reason
from mtls_operator.core.target_plan import Place, plan_targets, surplus


def observed(
    *targets: Target, draining: Mapping[Place, datetime] | None = None, healthy: bool = True
) -> ObservedListener:
    """What is bound; all of it answers the health check unless said otherwise."""
    listener = replace(GOOD, rules=(replace(RULE, targets=targets),))
    serving = frozenset((RULE.id, bound.endpoint) for bound in targets) if healthy else frozenset()
    return ObservedListener(listener=listener, uploads={}, draining_since=draining or {}, serving=serving)


def full(
    *targets: Target, dead: tuple[int, ...] = (), draining: Mapping[Place, datetime] | None = None
) -> ObservedListener:
    """What is bound, at a rule that can take no more."""
    seen = observed(*targets, draining=draining)
    sick = {(RULE.id, target(number).endpoint) for number in dead}
    return replace(seen, serving=seen.serving - sick, quotas=Quotas(targets=len(targets)))


def wants(*targets: Target, drain: int = 30) -> DesiredListener:
    return wanted(replace(ROUTE, targets=targets), drain=drain)


def told(desired: DesiredListener, seen: ObservedListener) -> list[str]:
    return [str(action) for action in plan_targets(desired, seen, NOW)]


def since(seconds: int) -> dict[Place, datetime]:
    return {(RULE.id, target(9).endpoint): NOW - timedelta(seconds=seconds)}


GONE = Shortage(reason=Reason.SERVICE_NOT_FOUND, message="Service edge/web does not exist.")
ROWS: list[tuple[str, DesiredListener, ObservedListener, list[str]]] = [
    ("what is bound stays", wants(target(1)), observed(target(1)), []),
    ("what is missing is bound", wants(target(1), target(2)), observed(target(1)), ["bind ins-2:30080"]),
    ("another weight is set", wants(target(1, 20)), observed(target(1)), ["set weight ins-1:30080 to 20"]),
    (
        "a weight that drained by hand comes back",
        wants(target(1)),
        observed(target(1, 0)),
        ["set weight ins-1:30080 to 10"],
    ),
    (
        "a leaving target is drained first",
        wants(target(1)),
        observed(target(1), target(9)),
        ["set weight ins-9:30080 to 0"],
    ),
    (
        "a draining target stays for its time",
        wants(target(1)),
        observed(target(1), target(9, 0), draining=since(29)),
        [],
    ),
    (
        "a drained target is unbound",
        wants(target(1)),
        observed(target(1), target(9, 0), draining=since(30)),
        ["unbind ins-9:30080"],
    ),
    (
        "a weight of 0 without a clock is not drained yet",
        wants(target(1)),
        observed(target(1), target(9, 0)),
        [],
    ),
    (
        "a weight set back by somebody drains again",
        wants(target(1)),
        observed(target(1), target(9, 5), draining=since(99)),
        ["set weight ins-9:30080 to 0"],
    ),
    (
        "without a drain period it is unbound at once",
        wants(target(1), drain=0),
        observed(target(1), target(9)),
        ["unbind ins-9:30080"],
    ),
    (
        "the successor is bound before the last one leaves",
        wants(target(1), drain=0),
        observed(target(9)),
        ["bind ins-1:30080"],
    ),
    (
        "nobody is drained before a successor is found healthy",
        wants(target(1)),
        observed(target(1), target(9), healthy=False),
        [],
    ),
    (
        "nobody is unbound before a successor is found healthy",
        wants(target(1), drain=0),
        observed(target(1), target(9), healthy=False),
        [],
    ),
    (
        "a successor of weight 0 takes nothing over",
        wants(target(1, 0), drain=0),
        observed(target(1, 0), target(9)),
        [],
    ),
    (
        "while there is room, nobody goes before the successor is found healthy",
        wants(target(1), drain=0),
        observed(target(8), target(9)),
        ["bind ins-1:30080"],
    ),
    (
        "without room, half goes and who serves nobody is first",
        wants(target(1)),
        full(target(7), target(8), target(9), dead=(9,)),
        ["set weight ins-9:30080 to 0"],
    ),
    (
        "without room, a single one does not go",
        wants(target(1), drain=0),
        full(target(9)),
        [],
    ),
    (
        "without room, nobody else goes once a successor is bound",
        wants(target(1), target(2)),
        full(target(1), target(8), target(9), dead=(1,)),
        [],
    ),
    (
        "what is to be bound waits for what drains",
        wants(target(1), target(2), target(3)),
        full(target(1), target(2), target(9, 0), draining=since(29)),
        [],
    ),
    (
        "a route that lacks something lets nothing go",
        wanted(replace(ROUTE, targets=(target(1),), shortage=GONE), drain=0),
        observed(target(1), target(9)),
        [],
    ),
    ("an empty selection leaves all bound", wants(), observed(target(1), target(2)), []),
    (
        "an empty selection leaves all bound without a drain period, too",
        wants(drain=0),
        observed(target(1)),
        [],
    ),
    ("nothing wanted and nothing bound", wants(), observed(), []),
]


@pytest.mark.parametrize(
    ("desired", "seen", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_plan(desired: DesiredListener, seen: ObservedListener, expected: list[str]) -> None:
    assert told(desired, seen) == expected


def test_the_empty_selection_of_one_route_does_not_hold_up_another() -> None:
    desired = wanted(replace(ROUTE, targets=()), replace(ROUTE, path="/v1", targets=(target(1),)), drain=0)
    second = type(RULE.id)("loc-v1")
    rules = (
        replace(RULE, targets=(target(9),)),
        replace(RULE, id=second, path="/v1", targets=(target(1), target(9))),
    )
    seen = ObservedListener(
        listener=replace(GOOD, rules=rules),
        uploads={},
        serving=frozenset({(second, target(1).endpoint)}),
    )
    (unbind,) = plan_targets(desired, seen, NOW)
    assert isinstance(unbind, actions.DeregisterTargets)
    assert unbind.targets == ((second, target(9).endpoint),)


def test_all_routes_share_one_action_of_each_sort() -> None:
    desired = wanted(ROUTE, names=("a.example", "b.example"))
    rules = (
        replace(RULE, targets=()),
        replace(RULE, id=type(RULE.id)("loc-b"), domain="b.example", targets=()),
    )
    seen = ObservedListener(listener=replace(GOOD, rules=rules), uploads={})
    (bind,) = plan_targets(desired, seen, NOW)
    assert isinstance(bind, actions.RegisterTargets)
    assert len(bind.targets) == 4


def test_clocks_run_only_for_what_should_go() -> None:
    assert set(surplus(wants(target(1)), observed(target(1), target(9, 0)))) == set(since(0))
    assert surplus(wants(), observed(target(9, 0))) == {}
