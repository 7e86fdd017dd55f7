"""How far a rotation may go: each row of the table, and what holds it up or ends it early."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import NOW, authority
from unit.lineages import BUNDLE, CROSS_SIGN, SAME_KEY, YEAR, begun, first, reached, rotated

from mtls_operator.api.authority_rotation import RotationPhase, RotationStrategy
from mtls_operator.core.lineage import Lineage
from mtls_operator.core.rotation import (
    SHOWN,
    Advance,
    DropKey,
    DropRoot,
    Move,
    Situation,
    Start,
    next_move,
    phase,
    progress,
    refusal,
    since,
)
from mtls_operator.core.rotation_request import RotateRequest

HOUR = timedelta(hours=1)
QUICK = {"minimumSoak": "1h", "overlap": "10h"}
ONE = first()


def seen(lineage: Lineage = ONE, **fields: Any) -> Situation:
    spec = fields.pop("spec", authority(rotation=QUICK).spec)
    known: dict[str, Any] = {
        "token": "",
        "successor": "",
        "successor_problem": "",
        "pending": (),
        "excused": (),
        "old_leaves": (),
        "behind": (),
        "is_drained": True,
        "idle": frozenset(),
        "now": NOW,
    }
    return Situation(spec=spec, lineage=lineage, **{**known, **fields})


def rotating(phase_: str, strategy: RotationStrategy = CROSS_SIGN, **how: Any) -> Lineage:
    return reached(begun(ONE, strategy, **how), phase_)


def goes_on_to(move: Move | None) -> RotationPhase | None:
    return move.phase if isinstance(move, Advance) else None


REISSUE, SOAK, SWITCH, STABLE = (
    RotationPhase.REISSUE,
    RotationPhase.SOAK,
    RotationPhase.SWITCH,
    RotationPhase.STABLE,
)
ROWS: list[tuple[str, Situation, RotationPhase | None]] = [
    ("Prepare ends when the roots are published", seen(rotating("Prepare")), REISSUE),
    ("by CrossSign no listener is waited for", seen(rotating("Prepare"), behind=("l",)), REISSUE),
    ("by Bundle every listener is", seen(rotating("Prepare", BUNDLE), behind=("l",)), None),
    ("by Bundle, all trust both", seen(rotating("Prepare", BUNDLE)), REISSUE),
    (
        "an eviction by Bundle waits for no listener",
        seen(rotating("Prepare", BUNDLE, evicting=True), behind=("l",)),
        REISSUE,
    ),
    ("Reissue waits for holders", seen(rotating("Reissue"), pending=("c",)), None),
    ("Reissue ends when all have been issued anew", seen(rotating("Reissue")), SOAK),
    ("who is excused is not waited for", seen(rotating("Reissue"), excused=("c is paused",)), SOAK),
    ("patience lasts", seen(rotating("Reissue"), pending=("c",), now=NOW + 9 * HOUR), None),
    ("patience ends with the overlap", seen(rotating("Reissue"), pending=("c",), now=NOW + 10 * HOUR), SOAK),
    ("the soak lasts", seen(rotating("Soak"), now=NOW + HOUR - timedelta(seconds=1)), None),
    ("the soak is over, nothing is old", seen(rotating("Soak"), now=NOW + HOUR), SWITCH),
    ("the soak is over, something is old", seen(rotating("Soak"), old_leaves=("c",), now=NOW + HOUR), None),
    ("the overlap is over", seen(rotating("Soak"), old_leaves=("c",), now=NOW + 10 * HOUR), SWITCH),
    (
        "by SameKey nothing is old",
        seen(rotating("Soak", SAME_KEY), old_leaves=("c",), now=NOW + HOUR),
        SWITCH,
    ),
    ("an eviction does not soak", seen(rotating("Soak", evicting=True), old_leaves=("c",)), SWITCH),
    ("Switch waits for listeners", seen(rotating("Switch"), behind=("l",)), None),
    ("Drain waits for the cloud", seen(rotating("Drain"), is_drained=False), None),
    ("Drain ends when the old root is out of the cloud", seen(rotating("Drain")), STABLE),
]


@pytest.mark.parametrize(("situation", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_phase_ends_when_its_condition_holds_and_not_before(
    situation: Situation, expected: RotationPhase | None
) -> None:
    move = next_move(situation)
    assert goes_on_to(move) == expected
    assert (move is None) == (expected is None)


@pytest.mark.parametrize(
    ("lineage", "recorded"),
    [
        (rotating("Prepare"), "prepared_at"),
        (rotating("Reissue"), "reissued_at"),
        (rotating("Soak"), "switched_at"),
        (rotating("Drain"), "finished_at"),
    ],
    ids=["Prepare", "Reissue", "Soak", "Drain"],
)
def test_the_end_of_a_phase_is_recorded_once_and_nothing_else_is_touched(
    lineage: Lineage, recorded: str
) -> None:
    later = NOW + 5 * HOUR
    move = next_move(seen(lineage, now=later))
    assert isinstance(move, Advance)
    expected: dict[str, Any] = {recorded: later}
    assert move.record == replace(lineage.newest.record, **expected)


ENDED = NOW + 10 * YEAR


@pytest.mark.parametrize("phase_", ["Prepare", "Reissue", "Soak"])
@pytest.mark.parametrize("strategy", RotationStrategy)
@pytest.mark.parametrize("evicting", [False, True], ids=["usual", "evicting"])
def test_an_old_root_that_has_ended_holds_nothing_up(
    phase_: str,
    strategy: RotationStrategy,
    evicting: bool,  # noqa: FBT001 - a column of the table
) -> None:
    begun_late = begun(ONE, strategy, now=ENDED - HOUR, evicting=evicting)
    record = replace(begun_late.newest.record, soak=timedelta(days=9))
    lineage = reached(begun_late.with_record(record), phase_, ENDED - HOUR)
    stuck = seen(lineage, pending=("c",), behind=("l",), old_leaves=("c",), now=ENDED)
    assert goes_on_to(next_move(stuck)) is not None
    lasts = not (phase_ == "Prepare" and (strategy is not BUNDLE or evicting))
    lasts &= not (evicting and phase_ == "Reissue")  # an eviction has no such patience
    assert (next_move(replace(stuck, now=ENDED - timedelta(seconds=1))) is None) == lasts


def test_an_overlap_of_nothing_still_gives_an_hour_for_what_can_be_issued() -> None:
    spec = authority(rotation={"minimumSoak": "0s", "overlap": "0s"}).spec
    waiting = seen(rotating("Reissue"), spec=spec, pending=("c",))
    assert next_move(replace(waiting, now=NOW + HOUR - timedelta(seconds=1))) is None
    assert goes_on_to(next_move(replace(waiting, now=NOW + HOUR))) is SOAK


def test_nobody_can_put_off_an_eviction_by_never_getting_ready() -> None:
    waiting = seen(rotating("Reissue", evicting=True), pending=("ClientCert team-a/evil",))
    assert next_move(replace(waiting, now=NOW + timedelta(minutes=9))) is None
    move = next_move(replace(waiting, now=NOW + timedelta(minutes=10)))
    assert goes_on_to(move) is SOAK
    assert str(move) == "go on to Soak; no longer waiting for ClientCert team-a/evil"


def test_an_eviction_soaks_as_asked() -> None:
    lineage = rotating("Soak", evicting=True)
    lineage = lineage.with_record(replace(lineage.newest.record, soak=timedelta(minutes=10)))
    assert next_move(seen(lineage, now=NOW + timedelta(minutes=9))) is None
    move = next_move(seen(lineage, old_leaves=("edge/c",), now=NOW + timedelta(minutes=10)))
    assert str(move) == "go on to Switch; no longer waiting for edge/c"


def test_who_is_left_behind_is_named_at_most_ten_times() -> None:
    many = tuple(f"edge/c{number:02}" for number in range(SHOWN + 1))
    move = next_move(seen(rotating("Soak"), old_leaves=many, now=NOW + 10 * HOUR))
    assert str(move) == f"go on to Switch; no longer waiting for {', '.join(many[:SHOWN])} …"


ASKS: list[tuple[str, Situation, str | None]] = [
    ("nothing", seen(), None),
    ("the annotation", seen(token="now"), "make the next root, by CrossSign: the annotation rotate asks"),
    ("the end is a fifth away", seen(now=NOW + 8 * YEAR), "make the next root, by CrossSign: it nears its"),
    ("the end is more than that away", seen(now=NOW + 8 * YEAR - HOUR), None),
    (
        "a successor",
        seen(first(source="a"), successor="of another root"),
        "make the next root, by Bundle: nextSecretRef names a successor",
    ),
    ("a rotation goes on", seen(rotating("Soak"), token="another", now=NOW), None),
]


@pytest.mark.parametrize(("situation", "expected"), [row[1:] for row in ASKS], ids=[row[0] for row in ASKS])
def test_a_rotation_begins_when_it_is_asked_for(situation: Situation, expected: str | None) -> None:
    move = next_move(situation)
    assert (move is None) == (expected is None)
    assert str(move).startswith(expected or "None")


def test_a_root_that_the_authority_has_had_is_no_successor() -> None:
    lineage = rotated(first(source="a"), BUNDLE)
    situation = seen(lineage, successor=lineage.generations[0].fingerprint)
    assert next_move(situation) is None
    assert "holds root 1, which this authority has had already" in (refusal(situation) or "")


def test_a_request_is_served_once_and_another_value_is_another_request() -> None:
    served = replace(ONE.newest.record, token="one")
    assert next_move(seen(ONE.with_record(served), token="one")) is None
    assert isinstance(next_move(seen(ONE.with_record(served), token="two")), Start)
    assert next_move(seen(ONE.with_record(served), token="")) is None


def test_a_served_request_means_nothing_for_a_successor() -> None:
    lineage = first(source="a")
    lineage = lineage.with_record(replace(lineage.newest.record, token="evict-1;soak=soon"))
    move = next_move(seen(lineage, token="evict-1;soak=soon", successor="of another root"))
    assert isinstance(move, Start)
    assert move.request == RotateRequest(strategy=BUNDLE, from_source=True)


def test_a_successor_can_come_with_an_eviction() -> None:
    move = next_move(seen(first(source="a"), token="evict-1", successor="of another root"))
    assert isinstance(move, Start)
    assert move.request == RotateRequest(strategy=BUNDLE, evicting=True, from_source=True)
    assert move.token == "evict-1"


SAME_KEY_SPEC: dict[str, Any] = {"rotation": {"strategy": "SameKey"}}
RENAMED = authority(**SAME_KEY_SPEC, subject={"commonName": "Another name"})
REKEYED = authority(**SAME_KEY_SPEC, privateKey={"algorithm": "ECDSA", "size": 384})
REFUSALS: list[tuple[str, Situation, str]] = [
    (
        "an eviction by the same key",
        seen(spec=authority(**SAME_KEY_SPEC).spec, token="evict-1"),
        "set it to CrossSign, then change the annotation",
    ),
    (
        "the same key under another name",
        seen(spec=RENAMED.spec, token="now"),
        "change them back, or set spec.rotation.strategy to CrossSign",
    ),
    (
        "the same key of another kind",
        seen(spec=REKEYED.spec, token="now"),
        "change them back, or set spec.rotation.strategy to CrossSign",
    ),
    (
        "a soak that is no duration",
        seen(token="evict-1;soak=soon"),
        "'soon', which is no duration: write evict-<anything>;soak=10m",
    ),
    (
        "somebody else's root",
        seen(first(source="corp"), token="now"),
        "name that in spec.source.nextSecretRef",
    ),
    (
        "somebody else's root, by its end",
        seen(first(source="corp"), now=NOW + 9 * YEAR),
        "name that in spec.source.nextSecretRef",
    ),
    ("a successor that is no good", seen(successor_problem="it is a leaf"), "it is a leaf"),
]


@pytest.mark.parametrize(
    ("situation", "said"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_what_cannot_be_done_is_not_begun_and_says_what_could_be(situation: Situation, said: str) -> None:
    assert next_move(situation) is None
    assert said in (refusal(situation) or "")


@pytest.mark.parametrize(
    "situation", [seen(), seen(token="now"), seen(rotating("Soak"), token="evict-1;soak=soon")]
)
def test_nothing_is_refused_that_nobody_asks_for_or_that_has_to_wait(situation: Situation) -> None:
    assert refusal(situation) is None


TWICE = rotated(rotated(ONE))
TIDY: list[tuple[str, Situation, str | None]] = [
    ("what signed still counts", seen(TWICE, idle=frozenset()), None),
    ("the newest keeps its key", seen(TWICE, idle=frozenset({3})), None),
    ("nothing is left of the first", seen(TWICE, idle=frozenset({1})), "drop the key of root 1"),
    ("nothing is left of both", seen(TWICE, idle=frozenset({1, 2})), "drop the key of root 1"),
    ("it is dropped once", seen(TWICE.without_key(ONE.newest), idle=frozenset({1})), None),
    ("a key that still signs stays", seen(rotated(ONE, SAME_KEY), idle=frozenset({1, 2})), None),
    ("a key of two generations", seen(rotated(rotated(ONE, SAME_KEY)), idle=frozenset({1})), None),
    (
        "a key of two generations, both idle",
        seen(rotated(rotated(ONE, SAME_KEY)), idle=frozenset({1, 2})),
        "drop the key of root 1",
    ),
    ("nothing is tidied in a rotation", seen(rotating("Soak"), idle=frozenset({1})), None),
    (
        "a root that has ended",
        seen(rotated(ONE, now=NOW + 5 * YEAR), idle=frozenset({1}), now=ENDED),
        "drop root 1, which has ended",
    ),
    ("a root of which an hour is left", seen(rotated(ONE, now=NOW + 5 * YEAR), now=ENDED - HOUR), None),
]


@pytest.mark.parametrize(("situation", "expected"), [row[1:] for row in TIDY], ids=[row[0] for row in TIDY])
def test_old_roots_go_when_nothing_needs_them(situation: Situation, expected: str | None) -> None:
    move = next_move(situation)
    assert move is None or isinstance(move, DropKey | DropRoot)
    assert (str(move) if move is not None else None) == expected


WHOLE: list[tuple[Situation, RotationPhase, datetime | None, tuple[str, ...], tuple[str, ...]]] = [
    (seen(), STABLE, NOW + 8 * YEAR, (), ()),
    (seen(first(source="corp")), STABLE, None, (), ()),
    (seen(rotating("Prepare", BUNDLE), behind=("l",)), RotationPhase.PREPARE, None, (), ("l",)),
    (
        seen(rotating("Reissue"), pending=("c",), excused=("d",)),
        REISSUE,
        NOW + 10 * HOUR,
        ("c",),
        ("d",),
    ),
    (seen(rotating("Soak"), old_leaves=("c",)), SOAK, NOW + 10 * HOUR, ("c",), ()),
    (seen(rotating("Soak", SAME_KEY), old_leaves=("c",)), SOAK, NOW + HOUR, (), ()),
    (seen(rotating("Soak", evicting=True), old_leaves=("c",)), SOAK, NOW, (), ()),
    (seen(rotating("Switch"), behind=("l",)), SWITCH, None, (), ("l",)),
    (seen(rotating("Drain"), is_drained=False), RotationPhase.DRAIN, None, (), ()),
]


@pytest.mark.parametrize(
    ("situation", "now_in", "due", "remaining", "blockers"),
    WHOLE,
    ids=[
        f"{row[1]} {row[0].lineage.newest.record.strategy} {row[0].lineage.newest.record.evicting}"
        for row in WHOLE
    ],
)
def test_the_status_says_how_far_it_is_and_what_it_waits_for(
    situation: Situation,
    now_in: RotationPhase,
    due: datetime | None,
    remaining: tuple[str, ...],
    blockers: tuple[str, ...],
) -> None:
    status = progress(situation)
    assert phase(situation) is now_in
    assert (status.phase, status.next_time) == (now_in, due)
    assert (status.remaining, status.blockers) == (remaining, blockers)


def test_a_phase_began_when_the_last_one_ended() -> None:
    at = [NOW + number * HOUR for number in range(4)]
    lineage = begun(ONE, now=at[0])
    assert since(ONE) is None
    assert since(lineage) == at[0]
    for moment, name in zip(at[1:], ("prepared_at", "reissued_at", "switched_at"), strict=True):
        recorded: dict[str, Any] = {name: moment}
        lineage = lineage.with_record(replace(lineage.newest.record, **recorded))
        assert since(lineage) == moment
