"""The ledger over a ConfigMap API that is slow, loses replies and has other writers."""

import asyncio
from dataclasses import replace

import pytest
from unit.fakes.faults import Crash, Fault
from unit.ledger_desk import AUTHORITY, CLIENTS, Desk
from unit.ledgers import largest_entry

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.core.ledger import ENTRIES_PER_SHARD, new_shard
from mtls_operator.errors import KubeConflict, KubeForbidden, KubeUnavailable
from mtls_operator.reconcilers.ledger import Ledger


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
    shards = 20_000 // ENTRIES_PER_SHARD
    desk.kube.config_maps = {
        shard.ref: replace(shard, uid=f"uid-{number}", resource_version="1")
        for number in range(shards)
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
        f"create config map edge/clients-ledger-{shards}",
        f"merge config map edge/clients-ledger-{shards}",
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
