"""What an authority's status and conditions say, and when it is looked at again."""

from datetime import datetime, timedelta

import pytest
from builders import NOW
from hypothesis import given
from hypothesis import strategies as st
from unit.ledgers import entry
from unit.lineages import BUNDLE, CROSS_SIGN, begun, first, reached, rotated

from mtls_operator.api.authority_rotation import RotationPhase, RotationStatus
from mtls_operator.core.authority_status import build_status, foreign_aspect, next_look, rotation_aspect
from mtls_operator.core.cloud import CertId, Fingerprint
from mtls_operator.core.lineage import Lineage, bundle_fingerprint
from mtls_operator.core.reasons import Reason

ONE = first()
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def test_the_root_that_signs_is_active_and_earlier_ones_are_retiring() -> None:
    lineage = reached(begun(rotated(ONE)), "Reissue")
    entries = [entry("1"), entry("2", generation=2), entry("3", generation=2).revoke(NOW, "Superseded")]
    status = build_status(lineage, uploads={}, rotation=None, entries=entries, published={}, now=NOW)
    assert status.active is not None
    assert status.active.generation == 3
    assert [(root.generation, root.remaining_leaves, root.since) for root in status.retiring] == [
        (1, 1, NOW),
        (2, 1, NOW),
    ]
    assert (status.issued, status.revoked) == (3, 1)
    assert status.crl is None


def test_a_root_that_is_only_prepared_does_not_show() -> None:
    status = build_status(begun(ONE), uploads={}, rotation=None, entries=[], published={}, now=NOW)
    assert status.active is not None
    assert (status.active.generation, status.retiring) == (1, ())


def test_ended_certificates_count_no_more() -> None:
    entries = [entry("1", not_after=NOW), entry("2", not_after=NOW).revoke(NOW, "Superseded")]
    status = build_status(ONE, uploads={}, rotation=None, entries=entries, published={}, now=NOW)
    assert (status.issued, status.revoked) == (0, 0)


@pytest.mark.parametrize("strategy", [CROSS_SIGN, BUNDLE], ids=str)
def test_what_listeners_trust_is_shown_with_its_upload(strategy: object) -> None:
    lineage = reached(begun(ONE, BUNDLE if strategy is BUNDLE else CROSS_SIGN), "Soak")
    fingerprint = bundle_fingerprint(lineage.admitted())
    uploads = {Fingerprint(fingerprint): CertId("cert-1")}
    status = build_status(lineage, uploads=uploads, rotation=None, entries=[], published={}, now=NOW)
    assert status.admitted is not None
    assert status.admitted.generations == ((1, 2) if strategy is BUNDLE else (1,))
    assert (status.admitted.fingerprint_sha256, status.admitted.cloud_certificate_id) == (
        fingerprint,
        "cert-1",
    )


STABLE = RotationStatus()
ASPECTS: list[tuple[str, RotationStatus, str | None, bool, Reason, str]] = [
    ("nothing to do", STABLE, None, True, Reason.SUCCEEDED, ""),
    ("refused", STABLE, "it is a leaf", False, Reason.ROTATION_NOT_POSSIBLE, "it is a leaf"),
    (
        "waits for certificates",
        RotationStatus(phase=RotationPhase.SOAK, remaining=("edge/a", "edge/b")),
        None,
        False,
        Reason.ROTATING,
        "Soak: waits for edge/a, edge/b",
    ),
    (
        "is held up",
        RotationStatus(phase=RotationPhase.SWITCH, remaining=("edge/a",), blockers=("x is paused", "y: no")),
        None,
        False,
        Reason.ROTATING,
        "Switch: waits for x is paused; y: no",
    ),
    ("waits for nobody", RotationStatus(phase=RotationPhase.DRAIN), None, False, Reason.ROTATING, "Drain"),
]


@pytest.mark.parametrize(
    ("rotation", "refused", "holds", "reason", "message"),
    [row[1:] for row in ASPECTS],
    ids=[r[0] for r in ASPECTS],
)
def test_the_condition_says_what_a_rotation_waits_for(
    rotation: RotationStatus,
    refused: str | None,
    holds: bool,  # noqa: FBT001 - a column of the table
    reason: Reason,
    message: str,
) -> None:
    aspect = rotation_aspect(rotation, refused)
    assert (aspect.holds, aspect.reason, aspect.message) == (holds, reason, message)


@pytest.mark.parametrize(
    ("lineage", "named"),
    [
        (ONE, None),
        (first(source="corp"), "corp"),
        (reached(begun(first(source="corp"), BUNDLE, source="corp-2"), "Soak"), "corp-2"),
        (reached(begun(first(source="corp"), BUNDLE, source="corp-2"), "Switch"), "corp-2"),
    ],
    ids=["ours", "theirs", "both", "the successor"],
)
def test_a_root_of_somebody_else_is_named(lineage: Lineage, named: str | None) -> None:
    aspects = foreign_aspect(lineage)
    assert [f"Secret {named} was made" in aspect.message for aspect in aspects] == ([True] if named else [])


MOMENTS = st.timedeltas(timedelta(0), timedelta(days=400)).map(lambda past: NOW - past)


@given(MOMENTS, st.none() | st.timedeltas(-DAY, 400 * DAY))
def test_a_rotation_is_looked_at_within_a_minute_and_at_its_next_time(
    since: datetime, until: timedelta | None
) -> None:
    rotation = RotationStatus(phase=RotationPhase.SOAK, next_time=NOW + until if until is not None else None)
    wait = next_look(rotation, since, NOW)
    assert SECOND <= wait <= MINUTE
    if rotation.next_time is not None and rotation.next_time > NOW:
        assert wait <= max(rotation.next_time - NOW, SECOND)


def test_a_stable_authority_is_looked_at_when_its_root_is_due() -> None:
    assert next_look(RotationStatus(next_time=NOW + 9 * DAY), None, NOW) == 9 * DAY
    assert next_look(RotationStatus(), None, NOW) == DAY


def test_a_rotation_that_is_due_and_refused_keeps_nobody_busy() -> None:
    assert next_look(RotationStatus(next_time=NOW - DAY), None, NOW) == DAY
    assert next_look(RotationStatus(next_time=NOW), None, NOW) == DAY
