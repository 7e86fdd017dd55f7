"""`kubectl mtls issued`: which certificates are shown, how, and what is said about the rest."""

import json
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, authority, authority_manifest
from unit.fakes.plugin import FakeApi, Manifest, run

from kubectl_mtls.issued import Filter, State, list_entries, state_of
from mtls_operator.api.meta import Kind
from mtls_operator.core.ledger import ENTRIES_PER_SHARD, Entry, Revocation, new_shard

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def entry(serial: str = "a1", **fields: Any) -> Entry:
    known: dict[str, Any] = {
        "serial": serial,
        "kind": Kind.CLIENT_CERT,
        "namespace": "team-a",
        "name": "payments",
        "uid": "uid-payments",
        "secret": "payments",
        "common_name": "payments.team-a",
        "generation": 1,
        "not_before": NOW - 2 * DAY,
        "not_after": NOW + 30 * DAY,
        "issued_at": NOW - 2 * DAY,
        "why": "there is none yet",
    }
    return Entry(**{**known, **fields})


def revoked(serial: str = "b2", **fields: Any) -> Entry:
    return entry(serial, revoked=Revocation(at=NOW - HOUR, reason="KeyCompromise"), **fields)


def shard(*entries: Entry, number: int = 0, ca: str = "clients") -> Manifest:
    made = new_shard(authority(ca), number, entries)
    metadata = {
        "name": made.ref.name,
        "namespace": made.ref.namespace,
        "labels": dict(made.labels),
        "annotations": dict(made.annotations),
    }
    return {"kind": "ConfigMap", "metadata": metadata, "data": dict(made.data)}


def shown(*arguments: str, of: tuple[Entry, ...]) -> list[str]:
    """Return the serial numbers that the command shows, in order."""
    result = run(FakeApi(shard(*of)), "issued", "--ca", "clients", "-o", "json", *arguments)
    assert result.exit_code == 0, result.output
    return [one["serial"] for one in json.loads(result.stdout)["entries"]]


FILTERS = [
    ("nothing asked for", Filter(), entry(), True),
    ("one that has ended", Filter(), entry(not_after=NOW), False),
    ("one that ends in a moment", Filter(), entry(not_after=NOW + timedelta(seconds=1)), True),
    ("one that has ended, asked for", Filter(ended=True), entry(not_after=NOW), True),
    ("expired ones are asked for by their state", Filter(state=State.EXPIRED), entry(not_after=NOW), True),
    ("a valid one is not expired", Filter(state=State.EXPIRED), entry(), False),
    ("a revoked one", Filter(), revoked(), True),
    ("a revoked one is not valid", Filter(state=State.VALID), revoked(), False),
    ("a revoked one that has ended", Filter(state=State.REVOKED), revoked(not_after=NOW), False),
    (
        "a revoked one that has ended is not expired",
        Filter(state=State.EXPIRED),
        revoked(not_after=NOW),
        False,
    ),
    ("the namespace", Filter(namespace="team-a"), entry(), True),
    ("another namespace", Filter(namespace="team"), entry(), False),
    ("the name", Filter(name="payments"), entry(), True),
    ("another name", Filter(name="pay"), entry(), False),
    ("the beginning of the serial number", Filter(serial="a1"), entry("a1b2"), True),
    ("not its middle", Filter(serial="1b"), entry("a1b2"), False),
    ("as OpenSSL shows it", Filter(serial="0A:1B"), entry("a1b2"), True),
    ("the generation", Filter(generation=2), entry(generation=2), True),
    ("another generation", Filter(generation=2), entry(), False),
    ("within the time", Filter(since=2 * DAY), entry(), True),
    ("before that time", Filter(since=2 * DAY - HOUR), entry(), False),
    ("all must hold", Filter(name="payments", generation=2), entry(), False),
]


@pytest.mark.parametrize(
    ("wanted", "given", "admitted"), [row[1:] for row in FILTERS], ids=[r[0] for r in FILTERS]
)
def test_a_filter_admits(wanted: Filter, given: Entry, *, admitted: bool) -> None:
    assert wanted.admits(given, NOW) is admitted


def test_a_revoked_certificate_stays_revoked_after_its_end() -> None:
    assert state_of(revoked(not_after=NOW), NOW) is State.REVOKED


OPTIONS = [
    (["--requester-namespace", "team-b"], ["2"]),
    (["--name", "reports"], ["2"]),
    (["--serial", "3"], ["3"]),
    (["--state", "Revoked"], ["3"]),
    (["--state", "expired"], ["4"]),
    (["--generation", "2"], ["2"]),
    (["--since", "24h"], ["2"]),
    (["--all"], ["2", "3", "1", "4"]),
    ([], ["2", "3", "1"]),
]


@pytest.mark.parametrize(("arguments", "serials"), OPTIONS, ids=[" ".join(o[0]) or "none" for o in OPTIONS])
def test_options_choose_and_the_newest_come_first(arguments: list[str], serials: list[str]) -> None:
    entries = (
        entry("1", issued_at=NOW - 4 * DAY),
        entry("2", namespace="team-b", name="reports", generation=2, issued_at=NOW - HOUR),
        revoked("3", issued_at=NOW - 3 * DAY),
        entry("4", not_after=NOW - DAY, issued_at=NOW - 9 * DAY),
    )
    assert shown(*arguments, of=entries) == serials


def test_the_table_says_what_was_issued_for_whom_and_why() -> None:
    api = FakeApi(shard(entry("a1" * 20), revoked("b2" * 20, kind=Kind.MUTUAL_TLS_LISTENER)))
    lines = run(api, "issued", "--ca", "clients").stdout.splitlines()
    assert lines[0].split("   ")[0] == "SERIAL"
    by_serial = {line.split()[0]: line for line in lines[1:3]}
    assert by_serial.keys() == {"a1a1a1a1a1a1", "b2b2b2b2b2b2"}
    assert "2026-11-21 12:00Z" in by_serial["a1a1a1a1a1a1"]
    for text in ("ClientCert", "team-a/payments", "payments.team-a", " valid ", "there is none yet"):
        assert text in by_serial["a1a1a1a1a1a1"]
    assert "revoked (KeyCompromise)" in by_serial["b2b2b2b2b2b2"]
    assert "MutualTLSListener" in by_serial["b2b2b2b2b2b2"]
    assert lines[3] == "2 of 2 certificates in the ledger of CertificateAuthority edge/clients."


def test_the_wide_table_has_whole_serial_numbers_and_the_secret() -> None:
    output = run(FakeApi(shard(entry("a1" * 20))), "issued", "--ca", "clients", "-o", "wide").stdout
    assert "a1" * 20 in output
    assert "2026-11-21T12:00:00Z" in output
    assert "uid-payments" in output


def test_it_says_how_many_are_not_shown() -> None:
    api = FakeApi(shard(entry("1"), entry("2", not_after=NOW)))
    last = run(api, "issued", "--ca", "clients").stdout.splitlines()[-1]
    assert last.startswith("1 of 2 certificates")
    assert last.endswith("1 more has ended: --all shows it, too.")


def test_what_a_filter_leaves_out_is_not_said_to_have_ended() -> None:
    api = FakeApi(shard(entry("1"), entry("2", name="other", not_after=NOW)))
    last = run(api, "issued", "--ca", "clients", "--name", "payments").stdout.splitlines()[-1]
    assert last == "1 of 2 certificates in the ledger of CertificateAuthority edge/clients."


def test_json_is_json_alone_and_the_count_is_beside_it() -> None:
    result = run(FakeApi(shard(revoked())), "issued", "--ca", "clients", "-o", "json")
    found = json.loads(result.stdout)
    assert found["total"] == 1
    assert found["entries"][0]["state"] == "revoked"
    assert found["entries"][0]["revoked"]["reason"] == "KeyCompromise"
    assert "1 of 1 certificate " in result.stderr


def test_another_authoritys_ledger_in_the_same_namespace_is_not_shown() -> None:
    api = FakeApi(shard(entry("1")), shard(entry("2"), ca="partners"))
    assert "1 of 1" in run(api, "issued", "--ca", "clients").stdout


def test_the_authoritys_namespace_is_named_in_three_ways() -> None:
    api = FakeApi(shard(entry("1")))
    assert "1 of 1" in run(api, "issued", "--ca", "edge/clients", "-n", "elsewhere").stdout
    assert "1 of 1" in run(api, "issued", "--ca", "clients", "-n", "edge").stdout
    assert run(api, "issued", "--ca", "clients", "-n", "elsewhere").exit_code == 1


def test_a_ledger_outlives_its_authority() -> None:
    assert "1 of 1" in run(FakeApi(shard(entry())), "issued", "--ca", "clients").stdout


def test_an_authority_that_has_signed_nothing_is_told_from_one_that_is_not_there() -> None:
    there = run(FakeApi(authority_manifest()), "issued", "--ca", "clients")
    assert (there.exit_code, there.stdout.split()[:3]) == (0, ["0", "of", "0"])
    missing = run(FakeApi(), "issued", "--ca", "clients")
    assert missing.exit_code == 1
    assert missing.stderr == (
        "Error: CertificateAuthority edge/clients is not there. "
        "See which there are: kubectl get certificateauthorities -A\n"
    )


def test_entries_that_nobody_can_read_are_named() -> None:
    damaged = shard(entry("1"))
    damaged["data"]["feed"] = "{"
    result = run(FakeApi(damaged), "issued", "--ca", "clients")
    assert result.exit_code == 0
    assert "1 of 2" in result.stdout
    assert "feed" in result.stderr


def test_a_requesters_name_cannot_redraw_the_terminal() -> None:
    hostile = entry(common_name="pay\x1b[2K\rgood\u202e", why="a\nb")
    for form in ("table", "wide", "json"):
        output = run(FakeApi(shard(hostile)), "issued", "--ca", "clients", "-o", form).stdout
        assert not {"\x1b", "\r", "\u202e"} & set(output)
    assert "a\\nb" in run(FakeApi(shard(hostile)), "issued", "--ca", "clients").stdout


def test_twenty_thousand_entries_are_listed() -> None:
    count = 20_000 // ENTRIES_PER_SHARD
    shards = [
        new_shard(
            authority(),
            number,
            [entry(f"{number + 1:x}{one:03x}") for one in range(ENTRIES_PER_SHARD)],
        )
        for number in range(count)
    ]
    listing = list_entries(shards, Filter(), NOW)
    assert len(listing.entries) == listing.total == 20_000
