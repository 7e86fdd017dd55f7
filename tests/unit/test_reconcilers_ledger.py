"""The ledger over a ConfigMap API that is slow, loses replies and has other writers."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from builders import NOW, authority, authority_manifest, client_cert_manifest
from unit.fakes.cluster import FakeClock, FakeKube
from unit.fakes.faults import Crash, Fault, Faults
from unit.fakes.world import World
from unit.ledgers import LONGEST_NAME, entry, largest_entry

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.core.ledger import (
    ENTRIES_PER_SHARD,
    Entry,
    entries_of,
    new_shard,
    parse_entry,
    render_entry,
)
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import KubeConflict, KubeForbidden, KubeUnavailable, OperatorError, SpecError
from mtls_operator.pki.inspect import inspect_certificate, load_chain
from mtls_operator.reconcilers.ledger import Ledger

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
CLIENTS, PAYMENTS = ObjectRef("edge", "clients"), ObjectRef("edge", "payments")
AUTHORITY = authority()


class SlowKube(FakeKube):
    """An API server that takes its time for what the ledger writes, and remembers how much that was."""

    def __init__(self, faults: Faults, clock: FakeClock) -> None:
        super().__init__(faults, clock)
        self.opened = asyncio.Event()
        self.opened.set()
        self.answers = asyncio.Event()
        self.answers.set()
        self.sent: list[int] = []

    async def create_config_map(self, config_map: ConfigMap) -> ConfigMap:
        await asyncio.sleep(0)
        await self.opened.wait()
        self.sent.append(len(config_map.data))
        made = await super().create_config_map(config_map)
        await self.answers.wait()
        return made

    async def merge_config_map(self, config_map: ConfigMap, data: Mapping[str, str]) -> ConfigMap:
        await asyncio.sleep(0)
        await self.opened.wait()
        self.sent.append(len(data))
        written = await super().merge_config_map(config_map, data)
        await self.answers.wait()
        return written


class Desk:
    """A ledger and what is under it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.clock = FakeClock(NOW)
        self.kube = SlowKube(self.faults, self.clock)
        self.ledger = Ledger(self.kube, self.clock)
        self._serials = count(1)

    def entry(self, **fields: Any) -> Entry:
        return entry(f"{next(self._serials):x}", **fields)

    async def commit(self, number: int = 1, **fields: Any) -> list[Entry]:
        """Have as many entries as that recorded at the same moment."""
        wanted = [self.entry(**fields) for _ in range(number)]
        await asyncio.gather(*(self.ledger.commit(AUTHORITY, one) for one in wanted))
        return wanted

    def stored(self) -> dict[str, list[str]]:
        """Return the serials in each shard."""
        return {
            ref.name: list(found.data)
            for ref, found in self.kube.config_maps.items()
            if "-ledger-" in ref.name
        }

    def serials(self) -> set[str]:
        return {serial for serials in self.stored().values() for serial in serials}

    async def known(self) -> set[str]:
        return set(await self.ledger.entries(CLIENTS))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_commits_of_one_moment_share_a_write(desk: Desk) -> None:
    await desk.commit(50)
    assert len(desk.faults.writes) <= 2
    assert len(desk.serials()) == 50
    assert await desk.known() == desk.serials()


async def test_a_commit_returns_when_it_is_recorded_and_not_before(desk: Desk) -> None:
    desk.kube.opened.clear()
    waiting = asyncio.create_task(desk.commit())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    desk.kube.opened.set()
    assert {one.serial for one in await waiting} == desk.serials()


async def test_a_shard_is_full_at_500_and_then_there_is_another(desk: Desk) -> None:
    await desk.commit(ENTRIES_PER_SHARD - 1)
    await desk.commit(3)
    await desk.commit()
    assert {name: len(serials) for name, serials in desk.stored().items()} == {
        "clients-ledger-0": ENTRIES_PER_SHARD,
        "clients-ledger-1": 3,
    }
    again = Ledger(desk.kube, desk.clock)
    assert set(await again.entries(CLIENTS)) == desk.serials()


async def test_one_more_certificate_after_20_000_costs_a_write_of_one_entry(desk: Desk) -> None:
    desk.kube.config_maps = {
        shard.ref: replace(shard, uid=f"uid-{number}", resource_version="1")
        for number in range(40)
        for shard in [
            new_shard(
                AUTHORITY,
                number,
                (largest_entry(number * ENTRIES_PER_SHARD + one) for one in range(ENTRIES_PER_SHARD)),
            )
        ]
    }
    assert len(await desk.known()) == 20_000
    await desk.commit()
    await desk.commit()
    assert desk.kube.sent == [1, 1]
    assert desk.faults.writes == [
        "create config map edge/clients-ledger-40",
        "merge config map edge/clients-ledger-40",
    ]


def test_what_is_held_in_memory_is_not_held_twice() -> None:
    desk = Desk()
    asyncio.run(desk.commit(3))
    held = desk.ledger._books[CLIENTS].shards[0].found
    assert held.data == {}


# Others write, too.


async def test_somebody_elses_config_map_under_a_shards_name_is_left_alone(desk: Desk) -> None:
    theirs = ConfigMap(
        ref=ObjectRef("edge", "clients-ledger-0"), data={"theirs": "1"}, uid="u", resource_version="1"
    )
    desk.kube.config_maps[theirs.ref] = theirs
    await desk.commit()
    await desk.commit()
    assert desk.kube.config_maps[theirs.ref] == theirs
    assert desk.stored()["clients-ledger-1"] == ["1", "2"]


async def test_two_operators_at_once_lose_nothing_and_learn_of_each_other(desk: Desk) -> None:
    other = Ledger(desk.kube, desk.clock)
    await desk.commit()
    await other.entries(CLIENTS)
    for number in range(10):
        await (desk.ledger if number % 2 else other).commit(AUTHORITY, desk.entry())
    assert len(desk.serials()) == 11
    assert await desk.known() == desk.serials()
    await other.commit(AUTHORITY, desk.entry())
    assert set(await other.entries(CLIENTS)) == desk.serials()


async def test_two_operators_that_begin_the_same_shard_share_it(desk: Desk) -> None:
    other = Ledger(desk.kube, desk.clock)
    await other.entries(CLIENTS)
    await desk.commit()
    await other.commit(AUTHORITY, desk.entry())
    assert desk.stored() == {"clients-ledger-0": ["1", "2"]}
    assert set(await other.entries(CLIENTS)) == {"1", "2"}


async def test_a_conflict_that_goes_on_is_an_error_and_nothing_is_recorded(desk: Desk) -> None:
    await desk.commit()
    for number in range(3):
        desk.faults.plan(number, Fault.BUSY)
    with pytest.raises(KubeConflict):
        await desk.commit()
    assert desk.serials() == await desk.known() == {"1"}


async def test_a_shard_deleted_by_hand_is_noticed_by_the_next_write(desk: Desk) -> None:
    await desk.commit(3)
    del desk.kube.config_maps[ObjectRef("edge", "clients-ledger-0")]
    await desk.commit()
    assert await desk.known() == desk.serials() == {"4"}


async def test_a_shard_that_was_deleted_and_made_by_somebody_else_is_not_written_to(desk: Desk) -> None:
    await desk.commit()
    theirs = ConfigMap(ref=ObjectRef("edge", "clients-ledger-0"), data={}, uid="theirs", resource_version="9")
    desk.kube.config_maps[theirs.ref] = theirs
    await desk.commit()
    assert desk.kube.config_maps[theirs.ref] == theirs
    assert desk.stored()["clients-ledger-1"] == ["2"]


# Writes fail, or nobody knows.


@pytest.mark.parametrize("fault", [Fault.REPLY_LOST, Fault.NOT_ARRIVED], ids=lambda fault: fault.value)
@pytest.mark.parametrize("before", [0, 1], ids=["a new shard", "a shard with room"])
async def test_after_a_lost_reply_what_counts_is_what_was_written(
    desk: Desk, before: int, fault: Fault
) -> None:
    await desk.commit(before)
    desk.faults.plan(0, fault)
    with pytest.raises(KubeUnavailable):
        await desk.commit()
    await desk.commit()
    assert await desk.known() == desk.serials()
    assert len(desk.stored()) == 1
    assert len(desk.serials()) == before + 1 + (fault is Fault.REPLY_LOST)


async def test_all_who_shared_a_write_learn_that_it_failed(desk: Desk) -> None:
    desk.faults.plan(1, Fault.ACCESS_DENIED)
    found = await asyncio.gather(
        *(desk.ledger.commit(AUTHORITY, desk.entry()) for _ in range(5)), return_exceptions=True
    )
    assert [type(one) for one in found] == [type(None), *4 * [KubeForbidden]]
    assert desk.serials() == {"1"}


async def test_a_defect_strands_nobody(desk: Desk) -> None:
    desk.kube.opened.clear()
    first, *others = [asyncio.create_task(desk.ledger.commit(AUTHORITY, desk.entry())) for _ in range(4)]
    await asyncio.sleep(0)
    desk.faults.plan(0, Fault.CRASH)
    desk.kube.opened.set()
    with pytest.raises(Crash):
        await first
    await asyncio.gather(*others)
    assert {"2", "3", "4"} <= await desk.known()
    assert await desk.known() == desk.serials()


@pytest.mark.parametrize("moment", ["before its effect", "after its effect"])
async def test_a_cancelled_pass_does_not_strand_those_who_wait_for_its_write(desk: Desk, moment: str) -> None:
    arrived = moment == "after its effect"
    (desk.kube.answers if arrived else desk.kube.opened).clear()
    writing = asyncio.create_task(desk.ledger.commit(AUTHORITY, desk.entry()))
    await asyncio.sleep(0)
    others = [asyncio.create_task(desk.ledger.commit(AUTHORITY, desk.entry())) for _ in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
    writing.cancel()
    desk.kube.opened.set()
    desk.kube.answers.set()
    await asyncio.gather(*others)
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert desk.serials() == {"2", "3", "4"} | ({"1"} if arrived else set())
    assert await desk.known() == desk.serials()
    assert len(desk.stored()) == 1


async def test_a_pass_that_is_cancelled_while_it_waits_leaves_no_entry(desk: Desk) -> None:
    desk.kube.opened.clear()
    writing = asyncio.create_task(desk.ledger.commit(AUTHORITY, desk.entry()))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(desk.ledger.commit(AUTHORITY, desk.entry())) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    desk.kube.opened.set()
    await asyncio.gather(writing, waiting[1])
    assert desk.serials() == {"1", "3"}


async def test_what_a_cancelled_pass_wrote_for_all_is_not_written_twice(desk: Desk) -> None:
    desk.kube.opened.clear()
    alone = asyncio.create_task(desk.ledger.commit(AUTHORITY, desk.entry()))
    await asyncio.sleep(0)
    together = [asyncio.create_task(desk.ledger.commit(AUTHORITY, desk.entry())) for _ in range(3)]
    await asyncio.sleep(0)
    desk.kube.opened.set()
    await alone
    desk.kube.answers.clear()
    for _ in range(5):
        await asyncio.sleep(0)
    assert desk.serials() == {"1", "2", "3", "4"}
    together[0].cancel()
    desk.kube.answers.set()
    await asyncio.gather(*together[1:])
    assert len(desk.faults.writes) == 2
    assert {name: sorted(serials) for name, serials in desk.stored().items()} == {
        "clients-ledger-0": sorted(await desk.known())
    }


# Revocations, and what goes.


async def test_a_revocation_reaches_every_shard_with_a_write_to_each(desk: Desk) -> None:
    await desk.commit(ENTRIES_PER_SHARD - 1, uid="others")
    await desk.commit(2)
    before = len(desk.faults.writes)
    assert await desk.ledger.revoke(CLIENTS, "uid-payments", "KeyCompromise") == 2
    assert len(desk.faults.writes) == before + 2
    assert await desk.ledger.revoke(CLIENTS, "uid-payments", "KeyCompromise") == 0
    assert len(desk.faults.writes) == before + 2
    revoked = [one.serial for one in entries_of(desk.kube.config_maps.values()) if one.revoked]
    assert len(revoked) == 2
    assert [one.serial for one in (await desk.ledger.entries(CLIENTS)).values() if one.revoked] == revoked


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
async def test_a_revocation_that_was_cut_off_is_finished_the_next_time(desk: Desk, fault: Fault) -> None:
    await desk.commit(ENTRIES_PER_SHARD + 1)
    desk.faults.plan(1, fault)
    with pytest.raises((OperatorError, Crash)):
        await desk.ledger.revoke(CLIENTS, "uid-payments", "KeyCompromise")
    await desk.ledger.revoke(CLIENTS, "uid-payments", "KeyCompromise")
    stored = list(entries_of(desk.kube.config_maps.values()))
    assert len(stored) == ENTRIES_PER_SHARD + 1
    assert all(one.revoked for one in stored)
    assert dict(await desk.ledger.entries(CLIENTS)) == {one.serial: one for one in stored}


async def test_shards_go_when_all_in_them_has_ended_and_the_last_one_stays(desk: Desk) -> None:
    early, late = NOW + timedelta(days=1), NOW + timedelta(days=90)
    await desk.commit(ENTRIES_PER_SHARD, not_after=early)
    await desk.commit(ENTRIES_PER_SHARD, not_after=late)
    await desk.commit(1, not_after=early)
    await desk.ledger.prune(CLIENTS)
    assert len(desk.stored()) == 3
    desk.clock.advance(timedelta(days=1))
    await desk.ledger.prune(CLIENTS)
    assert set(desk.stored()) == {"clients-ledger-1", "clients-ledger-2"}
    assert await desk.known() == desk.serials()
    await desk.commit()
    assert len(desk.stored()["clients-ledger-2"]) == 2
    desk.clock.advance(timedelta(days=90))
    await desk.ledger.prune(CLIENTS)
    assert set(desk.stored()) == {"clients-ledger-2"}


async def test_an_entry_in_two_shards_does_not_stop_the_pruning(desk: Desk) -> None:
    await desk.commit(2, not_after=NOW)
    one = desk.kube.config_maps[ObjectRef("edge", "clients-ledger-0")]
    for number in (1, 2):
        copy = replace(one, ref=ObjectRef("edge", f"clients-ledger-{number}"), uid=f"copy-{number}")
        desk.kube.config_maps[copy.ref] = copy
    fresh = Ledger(desk.kube, desk.clock)
    await fresh.prune(CLIENTS)
    assert set(desk.stored()) == {"clients-ledger-2"}


async def test_a_ledger_goes_with_its_authority_and_others_stay(desk: Desk) -> None:
    other = authority("clients-ledger-0")
    await desk.commit(ENTRIES_PER_SHARD + 1)
    await desk.ledger.commit(other, desk.entry())
    await desk.ledger.delete(CLIENTS)
    assert set(desk.stored()) == {"clients-ledger-0-ledger-0"}
    assert await desk.known() == set()
    assert len(await desk.ledger.entries(other.ref)) == 1


async def test_a_damaged_ledger_can_be_deleted(desk: Desk) -> None:
    await desk.commit()
    damage(desk.kube, "clients-ledger-0", "1")
    desk.ledger.forget(CLIENTS)
    with pytest.raises(SpecError):
        await desk.ledger.entries(CLIENTS)
    await desk.ledger.delete(CLIENTS)
    assert desk.stored() == {}


def damage(kube: FakeKube, shard: str, serial: str) -> ConfigMap:
    """Cut an entry short, as a person with an editor may; return the shard as it was."""
    ref = ObjectRef("edge", shard)
    found = kube.config_maps[ref]
    cut = {**found.data, serial: found.data[serial][:20]}
    kube.config_maps[ref] = replace(found, data=cut, resource_version=f"{found.resource_version}-edited")
    return found


async def test_damage_is_noticed_by_the_next_write_and_over_once_it_is_mended(desk: Desk) -> None:
    await desk.commit(2)
    before = damage(desk.kube, "clients-ledger-0", "1")
    with pytest.raises(SpecError) as caught:
        await desk.commit()
    assert caught.value.reason == Reason.LEDGER_DAMAGED
    assert "the entry '1' of ConfigMap edge/clients-ledger-0" in str(caught.value)
    assert "restored from a backup, or removed by a person" in str(caught.value)
    desk.kube.config_maps[before.ref] = replace(before, resource_version="restored")
    await desk.commit()
    assert await desk.known() == desk.serials() == {"1", "2", "4"}


async def test_what_is_returned_cannot_be_changed(desk: Desk) -> None:
    await desk.commit()
    assert not hasattr(await desk.ledger.entries(CLIENTS), "pop")


# In a whole world.


async def ready() -> World:
    world = World()
    world.apply(authority_manifest(), client_cert_manifest())
    await world.settle()
    return world


def in_ledger(world: World) -> list[Entry]:
    found = (
        text for ref, c in world.kube.config_maps.items() if "-ledger-" in ref.name for text in c.data.items()
    )
    return [one for serial, text in found if (one := parse_entry(serial, text)) is not None]


def serial_in(world: World, ref: ObjectRef = PAYMENTS) -> str:
    return inspect_certificate(load_chain(world.kube.secrets[ref].data["tls.crt"])[0]).serial_number


async def test_a_certificate_is_recorded_before_its_secret_is_written() -> None:
    world = World()
    world.apply(authority_manifest(), client_cert_manifest())
    checked: list[str] = []

    def look(write: str) -> None:
        if PAYMENTS in world.kube.secrets:
            assert serial_in(world) in {one.serial for one in in_ledger(world)}
            checked.append(write)

    world.faults.watchers.append(look)
    await world.settle()
    for token in ("one", "two"):
        world.kube.apply(client_cert_manifest(annotations={"mtls.clb-operator.dev/renew": token}))
        await world.settle()
    assert checked.count("update secret edge/payments") == 2
    (first, *_) = in_ledger(world)
    assert (first.name, first.secret, first.common_name) == ("payments", "payments", "payments.edge")


async def test_a_crash_after_the_record_leaves_an_entry_and_no_secret() -> None:
    world = World()
    world.apply(authority_manifest())
    await world.settle()
    world.apply(client_cert_manifest())
    world.faults.plan(0, Fault.CRASH)
    with pytest.raises(Crash):
        await world.pass_over_all()
    assert PAYMENTS not in world.kube.secrets
    assert len(in_ledger(world)) == 1
    world.restart()
    await world.settle()
    assert len(in_ledger(world)) == 2
    assert serial_in(world) in {one.serial for one in in_ledger(world)}


async def test_nothing_is_issued_while_an_entry_is_damaged_and_all_is_well_again_afterwards() -> None:
    world = await ready()
    before = damage(world.kube, "clients-ledger-0", serial_in(world))
    world.restart()
    world.apply(client_cert_manifest("orders"))
    await world.settle()
    assert ObjectRef("edge", "orders") not in world.kube.secrets
    for kind, name in ((CA, "clients"), (CERT, "orders")):
        condition = world.condition(kind, name, "Ready")
        assert condition is not None
        assert (condition["status"], condition["reason"]) == ("False", "LedgerDamaged")
    served = world.condition(CERT, "payments", "Ready")
    assert served is not None
    assert served["status"] == "True"
    world.kube.config_maps[before.ref] = replace(before, resource_version="restored")
    await world.settle()
    for kind, name in ((CA, "clients"), (CERT, "orders")):
        condition = world.condition(kind, name, "Ready")
        assert condition is not None
        assert condition["status"] == "True"
    assert world.status(CA, "clients")["issued"] == 2


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_a_deleted_authority_takes_its_ledger_along_unless_it_is_retained(policy: str) -> None:
    world = World()
    world.apply(authority_manifest(deletionPolicy=policy), client_cert_manifest())
    await world.settle()
    world.kube.delete(CERT, PAYMENTS)
    world.kube.delete(CA, CLIENTS)
    await world.settle()
    assert (CA, CLIENTS) not in world.kube.objects
    assert len(in_ledger(world)) == (1 if policy == "Retain" else 0)
    if policy == "Retain":
        world.apply(authority_manifest(deletionPolicy=policy), client_cert_manifest("orders"))
        await world.settle()
        assert world.status(CA, "clients")["issued"] == 2


async def test_an_authority_with_a_damaged_ledger_can_be_deleted() -> None:
    world = await ready()
    damage(world.kube, "clients-ledger-0", serial_in(world))
    world.restart()
    world.kube.delete(CA, CLIENTS)
    await world.settle()
    assert (CA, CLIENTS) not in world.kube.objects
    assert in_ledger(world) == []


async def test_names_as_long_as_they_may_be_are_recorded() -> None:
    desk = Desk()
    wanted = largest_entry()
    await desk.ledger.commit(AUTHORITY, wanted)
    (shard,) = desk.kube.config_maps.values()
    assert shard.data == {wanted.serial: render_entry(wanted)}
    assert LONGEST_NAME in shard.data[wanted.serial]
