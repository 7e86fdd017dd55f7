"""What becomes of the ledger's entries: revoked, pruned, damaged, mended, gone with their authority."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, authority, authority_manifest, client_cert_manifest
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import World
from unit.ledger_desk import AUTHORITY, CLIENTS, Desk, damage
from unit.ledgers import LONGEST_NAME, largest_entry

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.ledger import ENTRIES_PER_SHARD, Entry, entries_of, parse_entry, render_entry
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OperatorError, SpecError
from mtls_operator.pki.inspect import inspect_certificate, load_chain
from mtls_operator.reconcilers.ledger import Ledger

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
PAYMENTS = ObjectRef("edge", "payments")


@pytest.fixture
def desk() -> Desk:
    return Desk()


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
