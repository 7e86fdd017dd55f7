"""A revocation covers all that was issued, needs nobody's leave, and says what it does not do."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, client_cert_manifest
from unit.fakes.cluster import Manifest
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import START, World

from mtls_operator.api.meta import FINALIZER, RENEW_ANNOTATION, Key, Kind, ObjectRef

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
CLIENTS, PAYMENTS = ObjectRef("edge", "clients"), ObjectRef("edge", "payments")
KEY_COMPROMISE = {"reason": "KeyCompromise"}
SINCE = "2026-11-23T12:00:00Z"


async def settled(**spec: Any) -> World:
    world = World()
    world.apply(authority_manifest(), client_cert_manifest(**spec))
    await world.settle()
    return world


async def revoked(world: World, **spec: Any) -> World:
    world.apply(client_cert_manifest(revoked=KEY_COMPROMISE, **spec))
    await world.settle()
    return world


def ledger(world: World) -> list[Manifest]:
    shards = (c for ref, c in world.kube.config_maps.items() if "-ledger-" in ref.name)
    return [json.loads(text) for shard in shards for text in shard.data.values()]


def reasons(world: World) -> dict[str, tuple[str, str]]:
    found = world.status(CERT, "payments")["conditions"]
    return {c["type"]: (c["status"], c["reason"]) for c in found}


def sentence(world: World) -> str:
    condition = world.condition(CERT, "payments", "Revoked")
    assert condition is not None
    return str(condition["message"])


async def test_every_unexpired_certificate_of_the_object_is_revoked_once() -> None:
    world = await settled(duration="240h")
    for number in range(2):
        world.apply(client_cert_manifest(duration="240h", annotations={RENEW_ANNOTATION: str(number)}))
        await world.settle()
    world.apply(client_cert_manifest("other"))
    await world.settle()
    await revoked(world, duration="240h")
    by_name = [(entry["name"], entry.get("revoked")) for entry in ledger(world)]
    mark = {"at": SINCE, "reason": "KeyCompromise"}
    assert by_name.count(("payments", mark)) == 3
    assert by_name.count(("other", None)) == 1


async def test_the_conditions_tell_what_is_true_and_no_more() -> None:
    world = await revoked(await settled())
    assert reasons(world) == {
        "Ready": ("False", "Revoked"),
        "Stalled": ("True", "Revoked"),
        "Revoked": ("True", "Revoked"),
    }
    end = (START + timedelta(hours=2160)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for part in (
        f"1 certificate is on the revocation list of CertificateAuthority edge/clients since {SINCE}",
        f"CLB checks no list: it still accepts the certificate until it ends, at {end}",
        "short durations",
        "kubectl mtls rotate ca edge/clients --evict",
    ):
        assert part in sentence(world)
    assert "renewalTime" not in world.status(CERT, "payments")
    assert world.status(CERT, "payments")["serialNumber"]


async def test_a_second_pass_writes_nothing_and_the_first_wakes_the_authority() -> None:
    world = await settled()
    world.woken.clear()
    await revoked(world)
    assert world.woken == [Key(CA, "edge", "clients")]
    written = world.written()
    world.restart()
    await world.settle()
    assert world.written() == written


async def test_the_list_names_the_certificate() -> None:
    world = await revoked(await settled())
    assert world.status(CA, "clients")["revoked"] == 1


async def test_nothing_is_issued_any_more_and_the_secret_stays() -> None:
    world = await revoked(await settled())
    kept = world.kube.secrets[PAYMENTS]
    world.apply(
        client_cert_manifest(
            revoked=KEY_COMPROMISE, dnsNames=["a.example"], annotations={RENEW_ANNOTATION: "1"}
        )
    )
    world.clock.advance(timedelta(days=80))
    await world.settle()
    assert world.kube.secrets[PAYMENTS] == kept
    del world.kube.secrets[PAYMENTS]
    await world.settle()
    assert PAYMENTS not in world.kube.secrets
    assert len(ledger(world)) == 1


async def test_one_that_was_never_issued_is_never_issued() -> None:
    world = World()
    world.apply(authority_manifest(), client_cert_manifest(revoked={}))
    await world.settle()
    assert reasons(world)["Revoked"] == ("True", "Revoked")
    assert "No certificate of it is valid" in sentence(world)
    assert PAYMENTS not in world.kube.secrets


async def test_when_the_last_certificate_has_ended_the_sentence_says_so() -> None:
    world = await revoked(await settled())
    world.clock.advance(timedelta(days=91))
    await world.settle()
    assert "No certificate of it is valid" in sentence(world)


def deny(world: World) -> None:
    world.apply(authority_manifest(clientCertPolicy={"allowedCommonNames": ["nobody"]}))


def ask_for_approval(world: World) -> None:
    world.apply(authority_manifest(clientCertPolicy={"approval": "Manual"}))


def damage_key(world: World) -> None:
    key = world.kube.secrets[ObjectRef("edge", "clients-ca-key")]
    world.kube.put_secret(replace(key, data={}))


def delete_authority(world: World) -> None:
    world.kube.objects[CA, CLIENTS]["metadata"]["deletionTimestamp"] = SINCE
    world.kube.objects[CA, CLIENTS]["metadata"]["finalizers"] = ["somebody/else"]


@pytest.mark.parametrize("obstacle", [deny, ask_for_approval, damage_key, delete_authority])
async def test_nothing_stands_in_the_way(obstacle: Any) -> None:
    world = await settled()
    obstacle(world)
    world.apply(client_cert_manifest(revoked=KEY_COMPROMISE))
    await world.reconcile(CERT, "payments")
    assert [entry["revoked"]["reason"] for entry in ledger(world)] == ["KeyCompromise"]
    assert reasons(world)["Revoked"] == ("True", "Revoked")


async def test_without_its_authority_it_waits_and_issues_nothing() -> None:
    world = World()
    world.apply(client_cert_manifest(revoked={}))
    await world.settle()
    assert reasons(world)["Ready"] == ("False", "AuthorityNotFound")
    world.apply(authority_manifest())
    await world.settle()
    assert reasons(world)["Ready"] == ("False", "Revoked")
    assert PAYMENTS not in world.kube.secrets


async def test_a_lost_answer_does_not_keep_the_authority_asleep() -> None:
    world = await settled()
    world.woken.clear()
    world.apply(client_cert_manifest(revoked=KEY_COMPROMISE))
    world.faults.plan(0, Fault.REPLY_LOST)
    await world.reconcile(CERT, "payments")
    assert world.woken == []
    await world.reconcile(CERT, "payments")
    assert world.woken == [Key(CA, "edge", "clients")]


# Deletion.


def finalizers(world: World) -> list[str]:
    found: list[str] = world.kube.objects[CERT, PAYMENTS]["metadata"].get("finalizers", [])
    return found


async def test_only_what_is_to_be_revoked_at_its_deletion_is_held() -> None:
    world = await settled()
    assert finalizers(world) == []
    world.apply(client_cert_manifest(revokeOnDelete=True))
    await world.settle()
    assert finalizers(world) == [FINALIZER]
    world.apply(client_cert_manifest())
    await world.settle()
    assert finalizers(world) == []


async def test_it_is_held_before_its_first_certificate_with_three_writes() -> None:
    world = World()
    world.apply(authority_manifest())
    await world.settle()
    before = len(world.faults.writes)
    world.apply(client_cert_manifest(revokeOnDelete=True))
    await world.settle()
    assert [write for write in world.faults.writes[before:] if "payments" in write] == [
        "add finalizer ClientCert edge/payments",
        "create secret edge/payments",
        "apply status ClientCert edge/payments",
    ]


REASONS = [({}, "CessationOfOperation"), ({"revoked": {"reason": "Superseded"}}, "Superseded")]


@pytest.mark.parametrize(("spec", "reason"), REASONS, ids=["by the deletion", "by the manifest"])
async def test_its_deletion_revokes_wakes_the_authority_and_lets_go(spec: Manifest, reason: str) -> None:
    world = await settled(revokeOnDelete=True)
    if spec:
        world.apply(client_cert_manifest(revokeOnDelete=True, **spec))
    world.kube.delete(CERT, PAYMENTS)
    world.woken.clear()
    await world.reconcile(CERT, "payments")
    assert [entry["revoked"]["reason"] for entry in ledger(world)] == [reason]
    assert world.woken == [Key(CA, "edge", "clients")]
    assert (CERT, PAYMENTS) not in world.kube.objects
    assert PAYMENTS not in world.kube.secrets


async def test_a_deletion_without_it_revokes_nothing() -> None:
    world = await settled()
    world.kube.delete(CERT, PAYMENTS)
    await world.settle()
    assert [entry.get("revoked") for entry in ledger(world)] == [None]


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.REPLY_LOST, Fault.NOT_ARRIVED])
@pytest.mark.parametrize("number", [0, 1], ids=["at the ledger", "at the finalizer"])
async def test_a_disturbed_deletion_ends_the_same(fault: Fault, number: int) -> None:
    world = await settled(revokeOnDelete=True)
    world.kube.delete(CERT, PAYMENTS)
    world.faults.plan(number, fault)
    for _ in range(4):
        try:
            await world.pass_over_all()
        except Crash:
            world.restart()
    assert [entry["revoked"]["reason"] for entry in ledger(world)] == ["CessationOfOperation"]
    assert (CERT, PAYMENTS) not in world.kube.objects


def authority_is_gone(world: World) -> None:
    del world.kube.objects[CA, CLIENTS]


def ledger_is_gone_with_its_authority(world: World) -> None:
    delete_authority(world)
    world.kube.config_maps.clear()


@pytest.mark.parametrize("obstacle", [authority_is_gone, delete_authority, ledger_is_gone_with_its_authority])
async def test_an_authority_that_goes_does_not_hold_it_up(obstacle: Any) -> None:
    world = await settled(revokeOnDelete=True)
    obstacle(world)
    world.kube.delete(CERT, PAYMENTS)
    await world.reconcile(CERT, "payments")
    assert (CERT, PAYMENTS) not in world.kube.objects


async def test_a_damaged_ledger_of_a_living_authority_does() -> None:
    world = await settled(revokeOnDelete=True)
    shard = next(c for ref, c in world.kube.config_maps.items() if "-ledger-" in ref.name)
    world.kube.config_maps[shard.ref] = replace(shard, data={"ab": "no entry"})
    world.restart()
    world.kube.delete(CERT, PAYMENTS)
    await world.reconcile(CERT, "payments")
    assert reasons(world)["Ready"] == ("False", "LedgerDamaged")
