"""An authority's roots: who signs, who is trusted and what a leaf is sent with, in every phase."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.lineages import (
    BUNDLE,
    CROSS_SIGN,
    SAME_KEY,
    YEAR,
    begun,
    first,
    key_of,
    leaf,
    reached,
    rotated,
)

from mtls_operator.api.authority_rotation import RotationStrategy
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.core.lineage import Lineage, Record, bundle_fingerprint, read_lineage, render_lineage
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.keys import key_to_pem
from mtls_operator.pki.profiles import Usage
from mtls_operator.pki.verify import verify_leaf

ONE = first()
PHASES = ("Prepare", "Reissue", "Soak", "Switch", "Stable")


def secret(data: Mapping[str, bytes]) -> Secret:
    return Secret(ref=ObjectRef("edge", "clients-ca-key"), type="Opaque", data=data)


def read(lineage: Lineage) -> Lineage:
    return read_lineage(secret(render_lineage(lineage)))


def same(one: Lineage, other: Lineage) -> bool:
    """Compare by what is written, since two parsed keys are never equal."""
    return render_lineage(one) == render_lineage(other)


MOMENTS = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis adds the zone
    lambda moment: moment.replace(microsecond=0)
)
RECORDS = st.builds(
    Record,
    strategy=st.sampled_from(RotationStrategy),
    token=st.text(),
    source=st.text(),
    evicting=st.booleans(),
    soak=st.none() | st.integers(0, 10**8).map(lambda n: timedelta(milliseconds=n)),
    made_at=st.just(NOW),
    prepared_at=MOMENTS,
    reissued_at=MOMENTS,
    switched_at=MOMENTS,
    finished_at=MOMENTS,
)


@settings(max_examples=50, deadline=None)
@given(RECORDS)
def test_a_record_survives_the_secret(record: Record) -> None:
    assert read(begun(ONE).with_record(record)).newest.record == record


CHAIN = rotated(rotated(rotated(ONE), SAME_KEY))
"""Four roots: the third has the second's key."""


@pytest.mark.parametrize(
    "lineage",
    [ONE, begun(ONE), begun(ONE, SAME_KEY), begun(ONE, BUNDLE), CHAIN, first(source="corporate-root")],
    ids=["one root", "CrossSign", "SameKey", "Bundle", "a chain of four", "somebody else's"],
)
def test_roots_survive_the_secret(lineage: Lineage) -> None:
    again = read(lineage)
    assert same(again, lineage)
    assert [g.record for g in again.generations] == [g.record for g in lineage.generations]


def test_a_key_of_somebody_else_is_not_in_the_secret() -> None:
    assert set(render_lineage(first(source="corporate-root"))) == {"g1.crt", "g1.json"}


@pytest.mark.parametrize("strategy", RotationStrategy)
@pytest.mark.parametrize("evicting", [False, True], ids=["usual", "evicting"])
@pytest.mark.parametrize("phase", PHASES)
def test_who_signs_and_who_is_admitted(strategy: RotationStrategy, evicting: bool, phase: str) -> None:  # noqa: FBT001 - a column of the table
    lineage = reached(begun(ONE, strategy, evicting=evicting), phase)
    switched = phase in {"Switch", "Stable"}
    client = 1 if phase == "Prepare" else 2
    server = (2 if switched else 1) if strategy is BUNDLE else client
    assert lineage.signer(Usage.CLIENT).number == client
    assert lineage.signer(Usage.SERVER).number == server
    before = (1, 2) if strategy is BUNDLE and not evicting else (1,)
    assert tuple(g.number for g in lineage.admitted()) == ((2,) if switched else before)
    assert len(lineage.roots()) == 2
    assert (lineage.retiring is None) == (phase == "Stable")


@pytest.mark.parametrize("strategy", [CROSS_SIGN, SAME_KEY], ids=str)
@pytest.mark.parametrize("usage", Usage)
@pytest.mark.parametrize("phase", PHASES)
def test_in_every_phase_a_new_leaf_verifies_by_either_root(
    strategy: RotationStrategy, usage: Usage, phase: str
) -> None:
    lineage = reached(begun(ONE, strategy), phase)
    known_to_the_old = lineage.generations[0].certificate
    for root in (known_to_the_old, *(g.certificate for g in lineage.admitted())):
        verify_leaf(leaf(lineage, usage), (root,), NOW, usage)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_leaf_of_a_long_chain_verifies_by_every_root_of_it(number: int) -> None:
    assert [g.cross is not None for g in CHAIN.generations] == [False, True, False, True]
    root = CHAIN.generations[number - 1].certificate
    verify_leaf(leaf(CHAIN), (root,), NOW, Usage.CLIENT)


@pytest.mark.parametrize(
    ("lineage", "length"),
    [
        (ONE, 0),
        (begun(ONE), 0),
        (rotated(ONE), 1),
        (rotated(ONE, SAME_KEY), 0),
        (rotated(ONE, BUNDLE), 0),
        (rotated(rotated(ONE), SAME_KEY), 1),
        (rotated(rotated(ONE, SAME_KEY)), 1),
        (rotated(rotated(ONE)), 2),
        (rotated(rotated(ONE), BUNDLE), 0),
        (rotated(rotated(ONE, BUNDLE)), 1),
        (CHAIN, 2),
    ],
    ids=[
        "one root",
        "not published yet",
        "cross-signed",
        "renewed",
        "bundled",
        "renewed after cross-signed",
        "cross-signed after renewed",
        "cross-signed twice",
        "bundled after cross-signed",
        "cross-signed after bundled",
        "cross-signed, renewed, cross-signed",
    ],
)
def test_the_tail_holds_what_leads_to_older_roots_and_no_more(lineage: Lineage, length: int) -> None:
    assert len(lineage.tail(lineage.signer(Usage.CLIENT))) == length


def test_keys_tell_which_generations_are_one_for_a_verifier() -> None:
    assert [CHAIN.with_key_of(g) for g in CHAIN.generations] == [{1}, {2, 3}, {2, 3}, {4}]


def test_a_root_that_goes_takes_along_what_it_cross_signed() -> None:
    left = CHAIN.without(CHAIN.generations[0])
    assert [(g.number, g.cross is not None) for g in left.generations] == [(2, False), (3, False), (4, True)]
    assert len(left.tail(left.newest)) == 1
    assert same(read(left), left)


def test_a_root_is_found_by_its_fingerprint() -> None:
    assert CHAIN.find(CHAIN.generations[1].fingerprint) is CHAIN.generations[1]
    assert CHAIN.find(ONE.newest.fingerprint[::-1]) is None


def test_an_upload_of_one_root_has_its_fingerprint_and_one_of_two_another_in_each_order() -> None:
    one, two = CHAIN.generations[:2]
    assert bundle_fingerprint((one,)) == one.fingerprint
    assert len({bundle_fingerprint(roots) for roots in ((one,), (two,), (one, two), (two, one))}) == 4


def test_a_key_can_be_dropped_once_another_signs() -> None:
    lineage = rotated(ONE).without_key(ONE.newest)
    assert "g1.key" not in render_lineage(lineage)
    assert same(read(lineage), lineage)


TWO = render_lineage(rotated(ONE))
PREPARING = render_lineage(begun(ONE))
BUNDLED = render_lineage(reached(begun(ONE, BUNDLE), "Soak"))
DAMAGES: list[tuple[str, Mapping[str, bytes], str]] = [
    ("nothing in it", {}, "there is no certificate g1.crt"),
    ("an empty certificate", {**TWO, "g1.crt": b""}, ""),
    ("a cut certificate", {**TWO, "g2.crt": TWO["g2.crt"][:90]}, ""),
    ("a cut cross certificate", {**TWO, "g2.cross.crt": b"-----BEGIN"}, ""),
    ("a cut key", {**TWO, "g2.key": TWO["g2.key"][:60]}, "not a readable PEM key"),
    ("another root's key", {**TWO, "g2.key": TWO["g1.key"]}, "does not belong"),
    ("another key under the old root", {**TWO, "g1.key": key_to_pem(key_of(9))}, "does not belong"),
    ("no key for the newest", {k: v for k, v in TWO.items() if k != "g2.key"}, "g2.key is missing"),
    (
        "no key for who still signs",
        {k: v for k, v in PREPARING.items() if k != "g1.key"},
        "g1.key is missing",
    ),
    (
        "no key for who signs servers",
        {k: v for k, v in BUNDLED.items() if k != "g1.key"},
        "g1.key is missing",
    ),
    ("no record of a rotation", {k: v for k, v in TWO.items() if k != "g2.json"}, "g2.json is missing"),
    ("an empty record of a rotation", {**TWO, "g2.json": b"{}"}, "g2.json is missing"),
    ("a record that is no JSON", {**TWO, "g2.json": b"finished"}, "a record in it is damaged"),
    ("a record that is no UTF-8", {**TWO, "g2.json": b"\xff\xfe\x00"}, "a record in it is damaged"),
    ("a record that is a list", {**TWO, "g2.json": b"[]"}, "a record in it is damaged"),
    ("an unknown strategy", {**TWO, "g2.json": b'{"strategy":"Magic"}'}, "a record in it is damaged"),
    ("a time without a zone", {**TWO, "g2.json": b'{"madeAt":"2026-01-01T00:00:00"}'}, "a record in it"),
    ("a soak without end", {**TWO, "g2.json": b'{"soakSeconds":1e999}'}, "a record in it is damaged"),
    ("nesting without end", {**TWO, "g2.json": b"[" * 100_000}, "a record in it is damaged"),
]


@pytest.mark.parametrize(("data", "said"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_what_cannot_be_relied_on_is_damaged_and_nothing_of_it_is_said(
    data: Mapping[str, bytes], said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        read_lineage(secret(data))
    assert caught.value.reason == Reason.CA_KEY_DAMAGED
    assert said in str(caught.value)
    assert "Restore it from a backup" in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)


def test_a_first_root_from_before_there_were_records_is_read() -> None:
    data = {name: value for name, value in render_lineage(ONE).items() if name != "g1.json"}
    assert read_lineage(secret(data)).newest.record == Record()


def test_other_things_in_the_secret_are_no_roots() -> None:
    data = {**render_lineage(ONE), "note.txt": b"by hand", "g0.crt": b"x", "g01.crt": b"x", "ca.crt": b"x"}
    assert same(read_lineage(secret(data)), ONE)


def test_records_are_plain_json() -> None:
    lineage = reached(begun(ONE), "Reissue")
    record = replace(lineage.newest.record, token="evict-1", evicting=True, soak=timedelta(minutes=10))
    assert json.loads(render_lineage(lineage.with_record(record))["g2.json"]) == {
        "strategy": "CrossSign",
        "token": "evict-1",
        "evicting": True,
        "soakSeconds": 600.0,
        "madeAt": "2026-11-23T12:00:00Z",
        "preparedAt": "2026-11-23T12:00:00Z",
    }


def test_keys_are_in_no_repr() -> None:
    assert "PrivateKey" not in repr(CHAIN)


def test_a_cross_certificate_ends_with_the_first_of_its_two_roots() -> None:
    lineage = rotated(first(duration=2 * YEAR))
    later = NOW + 3 * YEAR
    with pytest.raises(PkiError):
        verify_leaf(leaf(lineage, now=later), (lineage.generations[0].certificate,), later, Usage.CLIENT)
    verify_leaf(leaf(lineage, now=later), (lineage.newest.certificate,), later, Usage.CLIENT)
