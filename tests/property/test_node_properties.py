"""Which nodes serve: rules over all nodes, all sizes of quota and all sequences of what happens to nodes."""

from dataclasses import replace
from datetime import datetime, timedelta

from builders import NOW, node
from hypothesis import given
from hypothesis import strategies as st
from unit.test_core_listener_plan import GOOD, ROUTE, RULE, wanted

from mtls_operator.api.route import Backend
from mtls_operator.core.actions import DeregisterTargets, RegisterTargets, SetWeights
from mtls_operator.core.backends import select_targets
from mtls_operator.core.cloud import Endpoint, Target
from mtls_operator.core.cloud_quota import Quotas
from mtls_operator.core.cluster import Node
from mtls_operator.core.desired import DesiredListener, ObservedListener
from mtls_operator.core.nodes import (
    CONTROL_PLANE_LABELS,
    EXCLUDE_LABEL,
    LEAVING_TAINTS,
    is_eligible,
    next_grace_end,
)
from mtls_operator.core.subset import fair_shares, stable_subset
from mtls_operator.core.target_plan import Place, plan_targets, surplus

LABELS = ("pool", "zone", EXCLUDE_LABEL, *sorted(CONTROL_PLANE_LABELS), "node.kubernetes.io/instance-type")
labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(["", "a", "eklet"]), max_size=3)
selectors = st.dictionaries(st.sampled_from(("pool", "zone")), st.sampled_from(["", "a"]), max_size=2)
taints = st.frozensets(st.sampled_from([*sorted(LEAVING_TAINTS), "dedicated"]), max_size=2)
ages = st.integers(min_value=0, max_value=180).map(lambda seconds: NOW - timedelta(seconds=seconds))


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    return node(
        1,
        labels=draw(labels),
        taints=draw(taints),
        ready=draw(st.sampled_from([True, False, None])),
        ready_since=draw(st.none() | ages),
        deleting=draw(st.booleans()),
    )


@given(one=nodes(), selector=selectors, taint=st.sampled_from(sorted(LEAVING_TAINTS)))
def test_nothing_that_marks_a_leaving_node_lets_it_serve(
    one: Node, selector: dict[str, str], taint: str
) -> None:
    for marked in (
        replace(one, taints=one.taints | {taint}),
        replace(one, labels={**one.labels, EXCLUDE_LABEL: "true"}),
        replace(one, deleting=True),
        replace(one, ready=False),
    ):
        assert not is_eligible(marked, selector, NOW)


@given(one=nodes(), selector=selectors, more=selectors)
def test_a_narrower_selector_admits_no_more(
    one: Node, selector: dict[str, str], more: dict[str, str]
) -> None:
    if is_eligible(one, {**more, **selector}, NOW):
        assert is_eligible(one, selector, NOW)


@given(one=nodes(), selector=selectors)
def test_a_node_that_is_heard_of_serves_if_it_did_while_it_was_silent(
    one: Node, selector: dict[str, str]
) -> None:
    if is_eligible(one, selector, NOW):
        assert is_eligible(replace(one, ready=True), selector, NOW)


@given(one=nodes(), selector=selectors, seconds=st.integers(min_value=0, max_value=300))
def test_time_alone_ends_eligibility_at_the_moment_that_was_foretold(
    one: Node, selector: dict[str, str], seconds: int
) -> None:
    if not is_eligible(one, selector, NOW):
        return
    end = next_grace_end([one], NOW)
    later = NOW + timedelta(seconds=seconds)
    assert is_eligible(one, selector, later) == (end is None or later < end)


names = st.frozensets(st.integers(min_value=0, max_value=300).map(str), min_size=1, max_size=40)


@given(members=names, size=st.integers(min_value=0, max_value=50), seed=st.text(max_size=5), data=st.data())
def test_a_subset_is_stable(members: frozenset[str], size: int, seed: str, data: st.DataObject) -> None:
    chosen = stable_subset(members, size, seed=seed, identity=str)
    assert chosen <= members
    assert len(chosen) == min(size, len(members))
    gone = data.draw(st.sampled_from(sorted(members)))
    after = stable_subset(members - {gone}, size, seed=seed, identity=str)
    if gone not in chosen:
        assert after == chosen
    else:
        assert chosen - after == {gone}
        assert len(after - chosen) == (1 if len(members) > size else 0)


@given(
    counts=st.lists(st.integers(min_value=0, max_value=300), min_size=1, max_size=16),
    total=st.integers(min_value=0, max_value=500),
)
def test_shares_are_fair(counts: list[int], total: int) -> None:
    asked = dict(enumerate(counts))
    shares = fair_shares(asked, total)
    assert sum(shares.values()) == min(total, sum(counts))
    assert all(shares[key] <= asked[key] for key in asked)
    short = [shares[key] for key in asked if shares[key] < asked[key]]
    assert all(share <= min(short, default=0) + 1 for share in short)
    assert all(shares[key] <= max(short) for key in asked if short)


QUOTA = 6
BACKEND = Backend.model_validate({"nodePort": 30080})
numbers = st.frozensets(st.integers(min_value=1, max_value=12), max_size=10)


class Cloud:
    """One rule of the cloud, and what the operator remembers of it."""

    def __init__(self) -> None:
        self.now = NOW
        self.targets: dict[Endpoint, int] = {}
        self.dead: frozenset[int] = frozenset()
        self._clocks: dict[Place, datetime] = {}

    def make_pass(self, serving: frozenset[int], drain: int) -> None:
        """Look, plan and perform until nothing is left to do."""
        for _ in range(8):
            desired, observed = self._desired(serving, drain), self._observed()
            leaving = surplus(desired, observed)
            self._clocks = {
                place: self._clocks.get(place, self.now) for place, t in leaving.items() if not t.weight
            }
            plan = list(plan_targets(desired, replace(observed, draining_since=self._clocks), self.now))
            for action in plan:
                assert isinstance(action, RegisterTargets | SetWeights | DeregisterTargets)
                self._perform(action)
            if not plan:
                return
        raise AssertionError("the plan never becomes empty")

    def _perform(self, action: RegisterTargets | SetWeights | DeregisterTargets) -> None:
        served = self._serving()
        if isinstance(action, DeregisterTargets):
            for _, endpoint in action.targets:
                del self.targets[endpoint]
        else:
            self.targets |= {routed.target.endpoint: routed.target.weight for routed in action.targets}
        assert len(self.targets) <= QUOTA
        assert self.targets, "nothing is bound"
        assert not served or self._serving(), "nobody serves any more"

    def _serving(self) -> set[Endpoint]:
        return {e for e, weight in self.targets.items() if weight and self._is_alive(e)}

    def _is_alive(self, endpoint: Endpoint) -> bool:
        return int(endpoint.instance_id.removeprefix("ins-")) not in self.dead

    def _observed(self) -> ObservedListener:
        targets = tuple(Target(endpoint=e, weight=w) for e, w in self.targets.items())
        return ObservedListener(
            listener=replace(GOOD, rules=(replace(RULE, targets=targets),)),
            uploads={},
            serving=frozenset((RULE.id, e) for e in self.targets if self._is_alive(e)),
            quotas=Quotas(targets=QUOTA),
        )

    def _desired(self, serving: frozenset[int], drain: int) -> DesiredListener:
        selected = select_targets(
            [BACKEND], list(map(node, sorted(serving))), {}, namespace="edge", most=QUOTA, seed="uid/a/"
        )
        return wanted(replace(ROUTE, targets=selected.targets), drain=drain)

    def holds(self, serving: frozenset[int]) -> bool:
        """Tell whether exactly what is selected is bound, with its weight."""
        (route,) = [route for _, route in self._desired(serving, 0).routes()]
        return self.targets == {target.endpoint: target.weight for target in route.targets}


events = st.lists(st.tuples(numbers, numbers, st.sampled_from([0, 2, 30, 60])), min_size=1, max_size=12)


@given(first=numbers.filter(bool), events=events, drain=st.sampled_from([0, 30]))
def test_no_sequence_of_events_leaves_a_route_without_targets_or_takes_the_last_that_serves(
    first: frozenset[int],
    events: list[tuple[frozenset[int], frozenset[int], int]],
    drain: int,
) -> None:
    """Each event: the eligible nodes, the dead ones, and the seconds until it."""
    cloud = Cloud()
    cloud.make_pass(first, drain)
    for serving, dead, seconds in events:
        cloud.now += timedelta(seconds=seconds)
        cloud.dead = dead
        cloud.make_pass(serving, drain)


@given(first=numbers.filter(bool), last=numbers.filter(bool), drain=st.sampled_from([0, 30]))
def test_what_is_selected_is_bound_in_the_end_however_little_room_there_is(
    first: frozenset[int], last: frozenset[int], drain: int
) -> None:
    cloud = Cloud()
    cloud.make_pass(first, drain)
    for _ in range(5):
        cloud.make_pass(last, drain)
        cloud.now += timedelta(seconds=drain)
    cloud.make_pass(last, drain)
    assert cloud.holds(last)
