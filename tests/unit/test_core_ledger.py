"""The ledger's entries and shards: what is written is read, and what is damaged is no entry."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import NOW, authority
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.ledgers import entry, largest_entry

from mtls_operator.api.meta import LEDGER_LABEL, WATCH_LABEL, Kind, ObjectRef
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.core.ledger import (
    ENTRIES_PER_SHARD,
    Entry,
    Revocation,
    entries_of,
    is_shard_of,
    new_shard,
    parse_entry,
    render_entry,
    revoked_of,
    shard_number,
    shard_ref,
)
from mtls_operator.core.ownership import OWNER_ANNOTATION
from mtls_operator.pki.crl import REASONS

LARGEST_CONFIG_MAP = 1024 * 1024
"""Of the keys and values together, by the API server's own validation."""

TIMES = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis adds the zone
    lambda moment: moment.replace(microsecond=0)
)
ENTRIES = st.builds(
    Entry,
    serial=st.integers(1, 2**159 - 1).map("{:x}".format),
    kind=st.sampled_from(Kind),
    namespace=st.text(),
    name=st.text(),
    uid=st.text(),
    secret=st.text(),
    common_name=st.text(),
    generation=st.integers(1, 999_999),
    not_before=TIMES,
    not_after=TIMES,
    issued_at=TIMES,
    why=st.text(),
    revoked=st.none() | st.builds(Revocation, at=TIMES, reason=st.sampled_from(REASONS)),
)


@given(ENTRIES)
def test_an_entry_survives_its_shard_whatever_the_names_are(wanted: Entry) -> None:
    assert parse_entry(wanted.serial, render_entry(wanted)) == wanted


@settings(max_examples=30)
@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_what_is_no_entry_is_none(text: str) -> None:
    assert parse_entry("1", text) is None


FIELDS: dict[str, Any] = json.loads(render_entry(entry()))


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, [], {}, True, 1.5], ids=repr)
def test_a_field_of_another_type_makes_it_no_entry(name: str, value: Any) -> None:
    assert parse_entry("1", json.dumps({**FIELDS, name: value})) is None


DAMAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("a kind that is none of ours", "1", {"kind": "Secret"}),
    ("a time without a zone", "1", {"notAfter": "2026-11-23T12:00:00"}),
    ("no time", "1", {"issuedAt": "yesterday"}),
    ("generation zero", "1", {"generation": 0}),
    ("a revocation that is only said", "1", {"revoked": True}),
    ("a revocation without a time", "1", {"revoked": {"reason": "KeyCompromise"}}),
    ("a reason that no list can hold", "1", {"revoked": {"at": "2026-11-23T12:00:00Z", "reason": "Boredom"}}),
    ("no serial number", "notes.txt", {}),
    ("capitals", "AB", {}),
    ("a leading zero", "01", {}),
    ("a serial number of 21 octets", "f" * 41, {}),
]


@pytest.mark.parametrize(("serial", "fields"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_damage_that_would_be_counted_or_listed_wrongly_makes_it_no_entry(
    serial: str, fields: dict[str, Any]
) -> None:
    assert parse_entry(serial, json.dumps({**FIELDS, **fields})) is None


def test_a_number_beyond_every_bound_makes_it_no_entry() -> None:
    assert parse_entry("1", render_entry(entry()).replace('"generation":1', '"generation":1e999')) is None


def test_nesting_without_end_makes_it_no_entry() -> None:
    assert parse_entry("1", "[" * 100_000) is None


def test_an_entry_can_be_read_by_hand() -> None:
    assert json.loads(render_entry(entry().revoke(NOW, "Superseded"))) == {
        "kind": "ClientCert",
        "namespace": "edge",
        "name": "payments",
        "uid": "uid-payments",
        "secret": "payments",
        "commonName": "payments.edge",
        "generation": 1,
        "notBefore": "2026-11-23T12:00:00Z",
        "notAfter": "2027-02-21T12:00:00Z",
        "issuedAt": "2026-11-23T12:00:00Z",
        "why": "there is no usable certificate yet",
        "revoked": {"at": "2026-11-23T12:00:00Z", "reason": "Superseded"},
    }


def test_a_full_shard_of_the_longest_names_is_no_larger_than_a_config_map_may_be() -> None:
    shard = new_shard(authority(), 0, (largest_entry(number) for number in range(ENTRIES_PER_SHARD)))
    assert len(shard.data) == ENTRIES_PER_SHARD
    assert (
        sum(len(key.encode()) + len(text.encode()) for key, text in shard.data.items()) < LARGEST_CONFIG_MAP
    )


def test_nobody_watches_a_shard() -> None:
    shard = new_shard(authority(), 3, [entry()])
    assert shard.ref == ObjectRef("edge", "clients-ledger-3")
    assert WATCH_LABEL not in shard.labels
    assert is_shard_of(ObjectRef("edge", "clients"), shard)


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        ("a", "a-ledger-0", 0),
        ("a", "a-ledger-120", 120),
        ("a", "a-ledger-1-ledger-0", None),
        ("a-ledger-1", "a-ledger-1-ledger-0", 0),
        ("a-ledger-1", "a-ledger-1", None),
        ("a", "a-ledger-", None),
        ("a", "a-ledger-007", None),
        ("a", "a-ledger-x", None),
        ("a", "a-ledger--1", None),
        ("a", "a-ledger-\N{ARABIC-INDIC DIGIT ONE}", None),
        ("a", "b-ledger-0", None),
        ("a", "a-ca", None),
        ("a", "a-ledger-1" + "0" * 30, None),
    ],
)
def test_a_name_belongs_to_one_authority(owner: str, name: str, number: int | None) -> None:
    assert shard_number(ObjectRef("edge", owner), ObjectRef("edge", name)) == number


@given(st.sampled_from(["a", "a-ledger-1", "a-ledger-1-ledger-1", "a.b"]), st.integers(0, 99_999))
def test_the_name_of_a_shard_gives_its_number_and_no_other_authority_takes_it(name: str, number: int) -> None:
    shard = shard_ref(ObjectRef("edge", name), number)
    assert shard_number(ObjectRef("edge", name), shard) == number
    others = {"a", "a-ledger-1", "a-ledger-1-ledger-1", "a.b"} - {name}
    assert [shard_number(ObjectRef("edge", other), shard) for other in others] == [None] * 3


SHARD = new_shard(authority(), 0, [entry()])


@pytest.mark.parametrize(
    "found",
    [
        replace(SHARD, labels={}),
        replace(SHARD, labels={LEDGER_LABEL: "false"}),
        replace(SHARD, annotations={}),
        replace(SHARD, annotations={OWNER_ANNOTATION: "others"}),
        replace(SHARD, ref=ObjectRef("edge", "clients-notes")),
    ],
    ids=["no label", "another value", "no owner", "another owner", "another name"],
)
def test_a_config_map_of_somebody_else_is_no_shard(found: ConfigMap) -> None:
    assert not is_shard_of(ObjectRef("edge", "clients"), found)


def test_what_can_be_read_is_yielded_and_the_rest_left_out() -> None:
    shard = replace(SHARD, data={**SHARD.data, "2": "{}", "note": "by hand"})
    assert list(entries_of([shard])) == [entry()]


@pytest.mark.parametrize(
    ("one", "at", "live"),
    [
        (entry(), NOW, True),
        (entry(), NOW + timedelta(days=90), False),
        (entry().revoke(NOW, "Superseded"), NOW, False),
    ],
    ids=["issued", "ended", "revoked"],
)
def test_a_certificate_lives_until_it_ends_or_is_revoked(one: Entry, at: datetime, live: bool) -> None:  # noqa: FBT001 - a column of the table
    assert one.is_live(at) is live


def test_the_first_revocation_counts() -> None:
    first = entry().revoke(NOW, "KeyCompromise")
    assert first.revoke(NOW + timedelta(days=1), "Superseded") == first


def test_a_revocation_covers_every_live_client_certificate_of_the_object_and_no_other() -> None:
    known = [
        entry("1"),
        entry("2", not_after=NOW),
        entry("3", uid="another of the same name"),
        entry("4", kind=Kind.MUTUAL_TLS_LISTENER),
        entry("5").revoke(NOW - timedelta(days=1), "Superseded"),
        entry("6", generation=2),
    ]
    changed = revoked_of(known, "uid-payments", "KeyCompromise", NOW)
    assert set(changed) == {"1", "6"}
    assert {one.revoked for one in changed.values()} == {Revocation(at=NOW, reason="KeyCompromise")}
