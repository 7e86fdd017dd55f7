"""Which revocation lists are signed anew, what is on them, and that their numbers only grow."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import NOW
from unit.ledgers import entry
from unit.lineages import BUNDLE, SAME_KEY, YEAR, begun, first, key_of, reached, rotated

from mtls_operator.core.ledger import Entry
from mtls_operator.core.lineage import Generation, Lineage
from mtls_operator.core.revocation import (
    MOST_BYTES,
    ListToSign,
    earliest_update,
    expected_bytes,
    highest_number,
    last_list,
    list_name,
    lists_due,
    lists_together,
    revoked_under,
)
from mtls_operator.pki.crl import RevokedSerial, build_crl, crls_to_pem, inspect_crl, load_crls
from mtls_operator.pki.issue import Issuer

VALIDITY = timedelta(hours=168)
ONE = first()
TWO = rotated(ONE)
REVOKED = entry("a1").revoke(NOW, "KeyCompromise")


def signed(
    generation: Generation,
    number: int = 1,
    *revoked: RevokedSerial,
    now: datetime = NOW,
    validity: timedelta = VALIDITY,
    key: int | None = None,
) -> str:
    issuer = Issuer(generation.certificate, generation.key or key_of(key or generation.number))
    crl = build_crl(issuer=issuer, revoked=revoked, number=number, validity=validity, now=now)
    return crls_to_pem((crl,)).decode()


def publish(lineage: Lineage, entries: Sequence[Entry] = (), number: int = 1) -> dict[str, str]:
    """Return what is published when all lists are right."""
    return {
        list_name(g): signed(g, number, *revoked_under(lineage, g, entries, NOW)) for g in lineage.generations
    }


def due(
    lineage: Lineage,
    published: dict[str, str],
    entries: Sequence[Entry] = (),
    *,
    now: datetime = NOW,
    validity: timedelta = VALIDITY,
    known_number: int = 0,
) -> dict[int, int]:
    """Return the numbers of the lists to sign, by generation."""
    found = lists_due(lineage, entries, published, validity=validity, known_number=known_number, now=now)
    return {one.generation.number: one.number for one in found}


RIGHT = publish(ONE)
HALF = NOW + VALIDITY / 2
DUE: list[tuple[str, dict[str, str], Sequence[Entry], datetime, bool]] = [
    ("nothing changed", RIGHT, (), NOW, False),
    ("missing", {}, (), NOW, True),
    ("empty", {"g1.crl": ""}, (), NOW, True),
    ("damaged", {"g1.crl": RIGHT["g1.crl"][:200]}, (), NOW, True),
    ("something else", {"g1.crl": "by hand"}, (), NOW, True),
    ("two lists in one", {"g1.crl": 2 * RIGHT["g1.crl"]}, (), NOW, True),
    ("signed by another root", {"g1.crl": signed(TWO.newest)}, (), NOW, True),
    ("something was revoked", RIGHT, (REVOKED,), NOW, True),
    ("it is on the list", publish(ONE, [REVOKED]), (REVOKED,), NOW, False),
    ("for another reason", publish(ONE, [entry("a1").revoke(NOW, "Superseded")]), (REVOKED,), NOW, True),
    ("what was on it has ended", publish(ONE, [REVOKED]), (replace(REVOKED, not_after=NOW),), NOW, True),
    ("a moment before its half", RIGHT, (), HALF - timedelta(seconds=1), False),
    ("half through", RIGHT, (), HALF, True),
    ("over", RIGHT, (), NOW + 2 * VALIDITY, True),
    ("from a clock ahead of ours", RIGHT, (), NOW - timedelta(minutes=4), False),
]


@pytest.mark.parametrize(
    ("published", "entries", "now", "expected"), [row[1:] for row in DUE], ids=[row[0] for row in DUE]
)
def test_a_list_is_due_when_it_is_not_right_any_more(
    published: dict[str, str],
    entries: Sequence[Entry],
    now: datetime,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert bool(due(ONE, published, entries, now=now)) is expected


def test_a_shorter_validity_counts_at_once() -> None:
    assert due(ONE, RIGHT, validity=VALIDITY / 4) == {1: 2}
    assert due(ONE, RIGHT, validity=VALIDITY - timedelta(minutes=1)) == {}


def test_each_key_lists_what_it_signed() -> None:
    entries = [
        REVOKED,
        entry("a2", generation=2).revoke(NOW, "Superseded"),
        entry("a3"),
        entry("a4", generation=2),
    ]
    on = [[one.serial for one in revoked_under(TWO, g, entries, NOW)] for g in TWO.generations]
    assert on == [[0xA1], [0xA2]]
    renewed = rotated(ONE, SAME_KEY)
    on = [[one.serial for one in revoked_under(renewed, g, entries, NOW)] for g in renewed.generations]
    assert on == [[0xA1, 0xA2]] * 2


def test_servers_are_listed_like_clients_once_revoked() -> None:
    assert len(revoked_under(ONE, ONE.newest, [REVOKED, entry("a2").revoke(NOW, "Superseded")], NOW)) == 2


NUMBERS: list[tuple[str, dict[str, str], int, int]] = [
    ("the first list", {}, 0, 1),
    ("the status knows more", {}, 7, 8),
    ("the ConfigMap knows more", {"g1.crl": signed(ONE.newest, 9)}, 7, 10),
    ("the ConfigMap was lost", {}, 9, 10),
    ("the status was lost", {"g1.crl": signed(ONE.newest, 9)}, 0, 10),
    ("the list is damaged", {"g1.crl": "x"}, 9, 10),
    ("another root's list has the highest", {"g2.crl": signed(TWO.newest, 20)}, 9, 21),
]


@pytest.mark.parametrize(
    ("published", "known", "expected"), [row[1:] for row in NUMBERS], ids=[row[0] for row in NUMBERS]
)
def test_numbers_only_grow(published: dict[str, str], known: int, expected: int) -> None:
    lineage = TWO if "g2.crl" in published else ONE
    found = lists_due(lineage, [REVOKED], published, validity=VALIDITY, known_number=known, now=NOW)
    assert {one.number for one in found} == {expected}
    assert highest_number(lineage, published, known) == expected - 1


def test_the_status_keeps_the_highest_number_of_all_lists() -> None:
    published = {"g1.crl": signed(TWO.generations[0], 12), "g2.crl": signed(TWO.newest, 3)}
    assert highest_number(TWO, published, 0) == 12


def test_the_first_list_to_end_says_when_to_look_again() -> None:
    early = signed(TWO.generations[0], 1, now=NOW - timedelta(hours=1))
    published = {"g1.crl": early, "g2.crl": signed(TWO.newest)}
    assert earliest_update(TWO, published) == NOW - timedelta(hours=1) + VALIDITY
    dropped = TWO.without_key(TWO.generations[0])
    assert earliest_update(dropped, published) == NOW + VALIDITY
    assert earliest_update(ONE, {}) is None


def test_a_root_without_its_key_has_had_its_last_list() -> None:
    lineage = TWO.without_key(TWO.generations[0])
    assert due(lineage, {}) == {2: 1}


def test_somebody_elses_earlier_root_signs_as_long_as_it_has_something_to_say() -> None:
    theirs = first(source="corp")
    rotating = begun(theirs, BUNDLE, source="corp-2")
    finished = reached(rotating, "Stable")
    assert set(due(rotating, {})) == {1, 2}
    assert set(due(finished, {})) == {2}
    assert set(due(finished, {}, [entry()])) == {1, 2}
    assert set(due(finished, {}, [entry(not_after=NOW)])) == {2}


def test_the_last_list_is_empty_and_valid_as_long_as_the_root() -> None:
    old = TWO.generations[0]
    last = last_list(TWO, old, publish(TWO, number=5), 0)
    end = old.certificate.not_valid_after_utc
    assert last == ListToSign(generation=old, revoked=(), number=6, next_update=end)


def test_the_last_list_is_signed_once() -> None:
    old = TWO.generations[0]
    assert old.key is not None
    end = old.certificate.not_valid_after_utc
    crl = build_crl(
        issuer=Issuer(old.certificate, old.key),
        revoked=(),
        number=6,
        validity=VALIDITY,
        now=NOW,
        next_update=end,
    )
    assert last_list(TWO, old, {"g1.crl": crls_to_pem((crl,)).decode()}, 0) is None


def test_the_lists_come_together_oldest_first_and_one_for_each_key() -> None:
    lineage = rotated(rotated(ONE, SAME_KEY))
    published = {
        list_name(g): signed(g, g.number, key={1: 1, 2: 1, 3: 3}[g.number]) for g in lineage.generations
    }
    together = load_crls(lists_together(lineage, published))
    assert [inspect_crl(crl).number for crl in together] == [2, 3]


def many(count: int, generation: int = 1) -> list[Entry]:
    revoked = entry(generation=generation).revoke(NOW, "KeyCompromise")
    return [replace(revoked, serial=f"{2**158 + generation * 10**6 + number:x}") for number in range(count)]


def test_the_size_is_known_before_anything_is_signed_and_never_below_the_real_one() -> None:
    entries = many(2000)
    found = lists_due(ONE, entries, {}, validity=VALIDITY, known_number=0, now=NOW)
    published = {"g1.crl": signed(ONE.newest, 1, *found[0].revoked)}
    real = len(published["g1.crl"]) + len(lists_together(ONE, published))
    expected = expected_bytes(ONE, {}, found)
    assert real <= expected <= 1.3 * real + 50_000


def test_a_list_that_is_not_due_takes_its_room_all_the_same() -> None:
    half = many(4000)
    published = {"g1.crl": signed(TWO.generations[0], 1, *revoked_under(TWO, TWO.generations[0], half, NOW))}
    entries = [*half, *many(4000, generation=2)]
    found = lists_due(TWO, entries, published, validity=VALIDITY, known_number=0, now=NOW)
    assert [one.generation.number for one in found] == [2]
    assert expected_bytes(TWO, {}, found) <= MOST_BYTES
    assert expected_bytes(TWO, published, found) > MOST_BYTES


def test_a_root_that_has_ended_may_still_sign_its_list() -> None:
    ended = NOW + 11 * YEAR
    assert due(ONE, {}, now=ended) == {1: 1}
