"""How a listener goes: its targets to weight 0, drained, and then all of it in one call.

    observed                          plan                                 next
    --------------------------------- ------------------------------------ -------------------------
    a target with a weight            weight 0 for all, delete             the weights
    all at 0, since a moment          delete                               nothing: they drain
    all at 0, for drainPeriod         delete                               delete
    drainPeriod 0s, or no target      delete                               delete
    open to strangers                 delete                               delete
    no listener                       nothing                              nothing

The cloud deletes rules and bindings with their listener, so neither is taken apart before: that would
cost two changes more, and be no gentler to targets that have been drained. Certificates are deleted
when no listener is left to use them (`reconcilers.uploads`).

Pure. Called by the MutualTLSListener reconciler after every read, so a crash between any two steps
goes on where the cloud is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.actions import DeleteListener, Plan, RoutedTarget, SetWeights
from mtls_operator.core.cloud import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mtls_operator.core.actions import Removal
    from mtls_operator.core.cloud import Listener
    from mtls_operator.core.desired import ObservedListener

_AT_ONCE: Final = timedelta()


@dataclass(frozen=True, slots=True)
class TeardownPlan:
    """What is left to do.

    Attributes:
        steps: all of it, in the order of work; what follows the first is planned anew.
        wait: how long the targets still drain before the first step.
    """

    steps: tuple[Removal, ...] = ()
    wait: timedelta = _AT_ONCE

    def sentences(self) -> tuple[str, ...]:
        """Return the steps as a person reads them."""
        return Plan(self.steps).sentences()


def plan_teardown(observed: ObservedListener, drain_period: timedelta, now: datetime) -> TeardownPlan:
    """Return what takes the observed listener away; no step when there is none.

    Args:
        observed: with since when each target has had weight 0.
        drain_period: how long each keeps it.
        now: the time.
    """
    listener = observed.listener
    if listener is None:
        return TeardownPlan()
    deletion = DeleteListener(listener=listener.id)
    # Whoever is inside through an open door has no claim to finish.
    if not drain_period or _stands_open(listener):
        return TeardownPlan((deletion,))
    serving = tuple(_serving(listener))
    if serving:
        return TeardownPlan((SetWeights(listener=listener.id, targets=serving), deletion))
    return TeardownPlan((deletion,), _left(observed, listener, drain_period, now))


def _serving(listener: Listener) -> Iterator[RoutedTarget]:
    for rule in listener.rules:
        for target in rule.targets:
            if target.weight:
                yield RoutedTarget(location=rule.id, target=Target(endpoint=target.endpoint, weight=0))


def _left(
    observed: ObservedListener, listener: Listener, drain_period: timedelta, now: datetime
) -> timedelta:
    places = [(rule.id, target.endpoint) for rule in listener.rules for target in rule.targets]
    ends = [observed.draining_since.get(place, now) + drain_period for place in places]
    return max([_AT_ONCE, *(end - now for end in ends)])


def _stands_open(listener: Listener) -> bool:
    doors = [rule.tls for rule in listener.rules] if listener.sni else [listener.tls]
    return any(tls is None or not (tls.mutual and tls.required) for tls in doors)
