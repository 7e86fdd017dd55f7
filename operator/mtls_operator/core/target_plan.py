"""Compare the desired targets of every route with the bound ones.

Pure; a part of `core.listener_plan`. Bind first, then weights, then unbind, and nothing goes before
somebody else serves: a route never passes through an empty set, nor through one that does not answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.actions import DeregisterTargets, RegisterTargets, RoutedTarget, SetWeights
from mtls_operator.core.cloud import Endpoint, LocationId, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mtls_operator.core.actions import Action
    from mtls_operator.core.cloud import Rule
    from mtls_operator.core.desired import DesiredListener, DesiredRoute, ObservedListener

Place = tuple[LocationId, Endpoint]
"""A target at a rule: what a weight, a binding and a drain clock belong to."""


def plan_targets(desired: DesiredListener, observed: ObservedListener, now: datetime) -> Iterator[Action]:
    """Yield the changes of targets: at most one action of each sort for the whole listener."""
    if observed.listener is None:
        yield from _announce(desired)
        return
    rules = {(rule.domain, rule.path): rule for rule in observed.listener.rules}
    missing: list[RoutedTarget] = []
    weights: list[RoutedTarget] = []
    leaving: list[Place] = []
    planned: list[str] = []
    for domain, route in desired.routes():
        rule = rules.get((domain.name, route.path))
        if rule is None:
            planned += [str(target.endpoint) for target in route.targets]
            continue
        missing += _missing(route, rule, observed)
        weights += _other_weights(route.targets, rule)
        going = _going(route, rule, observed)
        weights += _to_drain(going, rule, desired)
        leaving += _drained(going, rule, desired, observed, now)
    listener = observed.listener.id
    if missing or planned:
        yield RegisterTargets(
            listener=listener, targets=tuple(missing), planned=tuple(dict.fromkeys(planned))
        )
    if weights:
        yield SetWeights(listener=listener, targets=tuple(weights))
    if leaving:
        yield DeregisterTargets(listener=listener, targets=tuple(leaving))


def surplus(desired: DesiredListener, observed: ObservedListener) -> Mapping[Place, Target]:
    """Return the bound targets that should go; none of a route whose selection is empty."""
    if observed.listener is None:
        return {}
    rules = {(rule.domain, rule.path): rule for rule in observed.listener.rules}
    found: dict[Place, Target] = {}
    for domain, route in desired.routes():
        rule = rules.get((domain.name, route.path))
        if rule is not None:
            found |= {(rule.id, target.endpoint): target for target in _surplus(route, rule)}
    return found


def _announce(desired: DesiredListener) -> Iterator[Action]:
    planned = [str(target.endpoint) for _, route in desired.routes() for target in route.targets]
    if planned:
        yield RegisterTargets(listener=None, targets=(), planned=tuple(dict.fromkeys(planned)))


def _missing(route: DesiredRoute, rule: Rule, observed: ObservedListener) -> Iterator[RoutedTarget]:
    """Yield what is to be bound, as far as there is room beside what still drains."""
    bound = {target.endpoint for target in rule.targets}
    absent = [target for target in route.targets if target.endpoint not in bound]
    for target in absent[: max(observed.quotas.targets - len(bound), 0)]:
        yield RoutedTarget(location=rule.id, target=target)


def _other_weights(wanted: tuple[Target, ...], rule: Rule) -> Iterator[RoutedTarget]:
    bound = {target.endpoint: target.weight for target in rule.targets}
    for target in wanted:
        if bound.get(target.endpoint, target.weight) != target.weight:
            yield RoutedTarget(location=rule.id, target=target)


def _surplus(route: DesiredRoute, rule: Rule) -> tuple[Target, ...]:
    """Return what is bound and not wanted; nothing when nothing is wanted at all, or something is missing.

    An empty selection is nearly always a mistake (a label that was changed, nodes that are being
    replaced), and unbinding everything would be an outage; so is a Service that is gone.
    """
    if not route.targets or route.shortage is not None:
        return ()
    endpoints = {target.endpoint for target in route.targets}
    return tuple(target for target in rule.targets if target.endpoint not in endpoints)


def _going(route: DesiredRoute, rule: Rule, observed: ObservedListener) -> tuple[Target, ...]:
    """Return the surplus that may go now: one that stays has to take over, and to be found healthy first."""
    surplus = _surplus(route, rule)
    if any(target.weight and (rule.id, target.endpoint) in observed.serving for target in route.targets):
        return surplus
    bound = {target.endpoint for target in rule.targets}
    if len(bound) < observed.quotas.targets or any(target.endpoint in bound for target in route.targets):
        return ()
    return _making_room(surplus, rule, observed)


def _making_room(surplus: tuple[Target, ...], rule: Rule, observed: ObservedListener) -> tuple[Target, ...]:
    """Return half of the surplus, when the quota leaves no room for a single successor.

    The other half serves until the first successors are found healthy. Those that drain already go on
    with it, and who serves nobody goes first.
    """

    def last_to_go(target: Target) -> tuple[bool, bool, Endpoint]:
        return target.weight > 0, (rule.id, target.endpoint) in observed.serving, target.endpoint

    return tuple(sorted(surplus, key=last_to_go))[: len(surplus) // 2]


def _to_drain(going: tuple[Target, ...], rule: Rule, desired: DesiredListener) -> Iterator[RoutedTarget]:
    if not desired.drain_period:
        return
    for target in going:
        if target.weight:
            yield RoutedTarget(location=rule.id, target=Target(endpoint=target.endpoint, weight=0))


def _drained(
    going: tuple[Target, ...],
    rule: Rule,
    desired: DesiredListener,
    observed: ObservedListener,
    now: datetime,
) -> Iterator[Place]:
    for target in going:
        place = (rule.id, target.endpoint)
        since = observed.draining_since.get(place)
        drained = target.weight == 0 and since is not None and now - since >= desired.drain_period
        if drained or not desired.drain_period:
            yield place
