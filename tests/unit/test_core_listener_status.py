"""What a listener's status says about its backends."""

from dataclasses import replace

import pytest
from unit.test_core_listener_plan import CA, GOOD, ROUTE, RULE, SERVER, SNI, SNI_GOOD, target, wanted

from mtls_operator.core.cloud import Endpoint, LocationId, Target, TargetHealth
from mtls_operator.core.listener_status import backends_aspect, domain_statuses, healthy_text
from mtls_operator.core.reasons import Reason

ALIVE, DEAD = TargetHealth.ALIVE, TargetHealth.DEAD
PLAIN = wanted()
Health = dict[tuple[LocationId, Endpoint], TargetHealth]


def health(**verdicts: TargetHealth) -> Health:
    return {(RULE.id, target(int(name[1:])).endpoint): verdict for name, verdict in verdicts.items()}


ROWS = [
    ("all answer", (target(1), target(2)), health(t1=ALIVE, t2=ALIVE), "2/2", True, Reason.SUCCEEDED),
    (
        "an unprobed target counts, since it gets traffic",
        (target(1), target(2)),
        health(t1=ALIVE, t2=TargetHealth.UNCHECKED),
        "2/2",
        True,
        Reason.SUCCEEDED,
    ),
    (
        "one is dead",
        (target(1), target(2)),
        health(t1=ALIVE, t2=DEAD),
        "1/2",
        False,
        Reason.SOME_BACKENDS_UNHEALTHY,
    ),
    (
        "one is not known yet",
        (target(1), target(2)),
        health(t1=ALIVE),
        "1/2",
        False,
        Reason.SOME_BACKENDS_UNHEALTHY,
    ),
    (
        "none answers",
        (target(1), target(2)),
        health(t1=DEAD, t2=DEAD),
        "0/2",
        False,
        Reason.NO_HEALTHY_BACKEND,
    ),
    (
        "one that leaves does not count for one that is dead",
        (target(1), target(2), target(9, 0)),
        health(t1=ALIVE, t2=DEAD, t9=ALIVE),
        "1/2",
        False,
        Reason.SOME_BACKENDS_UNHEALTHY,
    ),
]


@pytest.mark.parametrize(
    ("targets", "found", "text", "holds", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_backends(targets: tuple[Target, ...], found: Health, text: str, holds: bool, reason: Reason) -> None:  # noqa: FBT001
    listener = replace(GOOD, rules=(replace(RULE, targets=targets),))
    statuses = domain_statuses(PLAIN, listener, found)
    aspect = backends_aspect(PLAIN, statuses)
    assert healthy_text(statuses) == text
    assert (aspect.holds, aspect.reason) == (holds, reason)


def test_an_empty_selection_is_said_with_the_route() -> None:
    empty = wanted(replace(ROUTE, targets=()))
    aspect = backends_aspect(empty, domain_statuses(empty, GOOD, health(t1=ALIVE, t2=ALIVE)))
    assert (aspect.holds, aspect.reason) == (False, Reason.NO_ELIGIBLE_NODE)
    assert "a.example/" in aspect.message


@pytest.mark.parametrize(("desired", "listener"), [(PLAIN, GOOD), (SNI, SNI_GOOD)], ids=["SNI off", "SNI on"])
def test_a_domain_shows_what_the_cloud_says_at_the_level_that_counts(
    desired: object, listener: object
) -> None:
    (status,) = domain_statuses(desired, listener, {})  # type: ignore[arg-type]
    assert (status.certificate_id, status.ca_certificate_id) == (SERVER, CA)
    assert status.routes[0].location_id == RULE.id


def test_a_route_without_a_rule_shows_what_is_wanted() -> None:
    (status,) = domain_statuses(PLAIN, replace(GOOD, rules=()), {})
    assert status.routes[0].location_id is None
    counts = status.routes[0].targets
    assert counts is not None
    assert (counts.desired, counts.registered, counts.healthy) == (2, 0, 0)
