"""The operator's own trials of a listener's doors, beside the passes; in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, domain_manifest, listener_manifest, node
from unit.fakes.doors import DoorWorld
from unit.fakes.virtual_time import run_virtually
from unit.fakes.world import BALANCER

from mtls_operator.api.listener_status import VerificationResult
from mtls_operator.api.meta import Key, Kind, ObjectRef
from mtls_operator.core.ledger import Entry, entries_of

API = ObjectRef("edge", "api")
KEY = Key(Kind.MUTUAL_TLS_LISTENER, "edge", "api")
INTERVAL = 300.0


def virtually(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test on a loop where waits of minutes take no time."""

    def run() -> None:
        async def main() -> None:
            await test()

        run_virtually(main())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


async def settled(**spec: Any) -> DoorWorld:
    """A world whose listener has converged; its doors are hung before anybody has tried them."""
    world = DoorWorld()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(authority_manifest(), listener_manifest(**spec))
    await world.settle()
    world.hang_doors()
    return world


async def pass_by(world: DoorWorld, seconds: float) -> None:
    """Let time pass, and make a pass whenever the listener is woken."""
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        step = min(left, 1.0)
        await asyncio.sleep(step)
        world.clock.advance(timedelta(seconds=step))
        if KEY in world.woken:
            world.woken.clear()
            await world.settle(1)


def ledger(world: DoorWorld) -> list[Entry]:
    return [entry for entry in entries_of(world.kube.config_maps.values()) if entry.is_probe]


@virtually
async def test_closed_doors_are_enforced_soon_after_convergence() -> None:
    world = await settled()
    await pass_by(world, 5)
    assert world.verified() == ("True", "MutualTLSEnforced")
    assert world.ready() == "Succeeded"
    status = world.status(Kind.MUTUAL_TLS_LISTENER, "api")["verification"]
    assert status["result"] == "Enforced"
    assert status["served"] == [world.door.shown]
    assert status["backendsSeen"] == ["rs-1", "rs-2"]
    assert world.gauges.verification == {API: VerificationResult.ENFORCED}
    await world.verifier.stop()


@virtually
async def test_a_steady_door_is_tried_at_each_interval_and_written_never() -> None:
    world = await settled()
    await pass_by(world, 5)
    tried, written, events = len(world.door.knocks), list(world.faults.writes), len(world.recorder.events)
    await pass_by(world, 3 * INTERVAL)
    assert len(world.door.knocks) == 4 * tried
    ours = [write for write in world.faults.writes[len(written) :] if "ledger" not in str(write)]
    assert ours == []
    assert len(world.recorder.events) == events
    await world.verifier.stop()


@virtually
async def test_an_open_door_is_said_at_once_with_an_event_and_taken_back_when_it_is_closed() -> None:
    world = await settled()
    await pass_by(world, 5)
    world.door.are_open = True
    await pass_by(world, INTERVAL + 5)
    assert world.verified() == ("False", "MutualTLSNotEnforced")
    assert world.ready() == "MutualTLSNotEnforced"
    (event,) = [one for one in world.recorder.events if one.reason == "MutualTLSNotEnforced"]
    assert event.type == "Warning"
    assert "api.acme.example, no certificate: HTTP 200" in event.message
    assert world.gauges.verification == {API: VerificationResult.OPEN}
    world.door.are_open = False
    await pass_by(world, 20)
    assert world.verified() == ("True", "MutualTLSEnforced")
    assert world.ready() == "Succeeded"
    await world.verifier.stop()


@virtually
async def test_an_open_door_is_said_although_there_is_drift_that_is_left_as_it_is() -> None:
    world = await settled(driftPolicy="Report")
    await pass_by(world, 5)
    (ours,) = world.balancers.on(BALANCER)
    world.balancers.edit(ours.id, lambda known: replace(known, name="renamed"))
    await world.settle()
    assert world.ready() == "DriftFound"
    assert world.verified() == ("True", "MutualTLSEnforced")
    world.door.are_open = True
    await pass_by(world, INTERVAL + 5)
    assert world.ready() == "MutualTLSNotEnforced"
    assert world.status(Kind.MUTUAL_TLS_LISTENER, "api")["plan"] != []
    await world.verifier.stop()


@virtually
async def test_an_address_that_swallows_everything_is_unknown_and_blocks_nothing() -> None:
    world = await settled()
    world.door.silent = "no answer within 5 s"
    await pass_by(world, 20)
    assert world.verified() == ("Unknown", "VerificationInconclusive")
    assert world.ready() == "Succeeded"
    assert world.gauges.verification == {API: VerificationResult.UNKNOWN}
    await world.verifier.stop()


@virtually
async def test_a_moments_silence_is_no_news() -> None:
    world = await settled()
    await pass_by(world, 5)
    world.door.silent = "no connection: connection reset by peer"
    await pass_by(world, INTERVAL + 1)
    world.door.silent = ""
    await pass_by(world, 20)
    assert world.verified() == ("True", "MutualTLSEnforced")
    assert not [one for one in world.recorder.events if one.reason == "VerificationInconclusive"]
    since = world.status(Kind.MUTUAL_TLS_LISTENER, "api")["verification"]["since"]
    assert since < "2026-11-23T12:01:00Z"
    await world.verifier.stop()


@virtually
async def test_a_pass_does_not_wait_for_a_trial() -> None:
    world = await settled()
    world.door.silent = "no answer within 5 s"
    before = asyncio.get_running_loop().time()
    await world.settle()
    assert asyncio.get_running_loop().time() == before
    await world.verifier.stop()


@virtually
async def test_fifty_listeners_share_one_certificate_in_ten_minutes() -> None:
    world = await settled()
    for number in range(50):
        world.apply(listener_manifest(f"more-{number}", port=1000 + number))
    await world.settle()
    await pass_by(world, 9 * 60)
    (entry,) = ledger(world)
    assert (entry.kind, entry.name, entry.secret) == (Kind.CERTIFICATE_AUTHORITY, "clients", "")
    assert entry.common_name == "clb-mtls-operator probe"
    assert not entry.is_client
    assert entry.not_after - entry.issued_at == timedelta(minutes=10)
    await world.verifier.stop()


@virtually
async def test_a_day_of_trials_leaves_two_entries_in_the_ledger_at_most() -> None:
    world = await settled()
    for _ in range(24):
        await pass_by(world, 3600)
        assert len(ledger(world)) <= 2
    assert len([c for c in world.kube.config_maps if "ledger" in c.name]) == 1
    await world.verifier.stop()


@virtually
async def test_it_counts_neither_as_issued_nor_as_left_to_wait_for() -> None:
    world = await settled()
    before = world.status(Kind.CERTIFICATE_AUTHORITY, "clients")
    await pass_by(world, 5)
    assert len(ledger(world)) == 1
    await world.settle()
    assert world.status(Kind.CERTIFICATE_AUTHORITY, "clients") == before
    await world.verifier.stop()


@virtually
async def test_keys_of_trials_are_written_nowhere() -> None:
    world = await settled()
    await pass_by(world, 5)
    keys = {knock.credentials.key.decode() for knock in world.door.knocks if knock.credentials}
    assert len(keys) == 3
    stored = repr(world.kube.objects) + repr(world.kube.config_maps) + repr(world.recorder.events)
    stored += "".join(repr(dict(secret.data)) for secret in world.kube.secrets.values())
    assert not [key for key in keys if key in stored or repr(key) in stored]
    assert "PRIVATE KEY" not in repr(world.door.knocks)
    await world.verifier.stop()


@virtually
async def test_another_server_certificate_is_tried_at_once() -> None:
    world = await settled()
    await pass_by(world, 5)
    tried = len(world.door.knocks)
    annotations = {"mtls.clb-operator.dev/renew": "now"}
    world.apply(listener_manifest(annotations=annotations))
    await world.settle()
    world.hang_doors()
    await pass_by(world, 5)
    assert len(world.door.knocks) == 2 * tried
    assert world.status(Kind.MUTUAL_TLS_LISTENER, "api")["verification"]["served"] == [world.door.shown]
    await world.verifier.stop()


@virtually
async def test_somebody_elses_certificate_at_the_address_makes_it_unknown() -> None:
    world = await settled()
    world.door.shown = "ab" * 32
    world.door.are_open = True
    await pass_by(world, 30)
    assert world.verified() == ("Unknown", "VerificationInconclusive")
    await world.verifier.stop()


@virtually
async def test_it_can_be_switched_off_and_on() -> None:
    world = await settled(verification={"enabled": False})
    await pass_by(world, 2 * INTERVAL)
    assert world.verified() == ("Unknown", "VerificationDisabled")
    assert world.door.knocks == []
    assert "verification" not in world.status(Kind.MUTUAL_TLS_LISTENER, "api")
    assert world.gauges.verification == {}
    world.apply(listener_manifest())
    await world.settle()
    await pass_by(world, 5)
    assert world.verified() == ("True", "MutualTLSEnforced")
    world.apply(listener_manifest(verification={"enabled": False}))
    await world.settle()
    assert world.verified() == ("Unknown", "VerificationDisabled")
    assert world.gauges.verification == {}
    await world.verifier.stop()


@virtually
async def test_a_deleted_listener_is_tried_no_more() -> None:
    world = await settled()
    await pass_by(world, 5)
    world.kube.delete(Kind.MUTUAL_TLS_LISTENER, API)
    await world.settle()
    tried = len(world.door.knocks)
    await pass_by(world, 2 * INTERVAL)
    assert len(world.door.knocks) == tried
    assert world.gauges.verification == {}


@virtually
async def test_a_restarted_operator_believes_the_status_until_it_has_tried() -> None:
    world = await settled()
    await pass_by(world, 5)
    before, tried = world.status(Kind.MUTUAL_TLS_LISTENER, "api"), len(world.door.knocks)
    await world.verifier.stop()
    world.restart()
    written = world.written()
    await world.settle()
    assert world.status(Kind.MUTUAL_TLS_LISTENER, "api") == before
    assert world.written() == written
    assert world.gauges.verification == {API: VerificationResult.ENFORCED}
    await pass_by(world, INTERVAL + 5)
    assert len(world.door.knocks) >= 2 * tried
    assert world.status(Kind.MUTUAL_TLS_LISTENER, "api") == before
    await world.verifier.stop()


@virtually
async def test_an_authority_that_cannot_sign_makes_it_unknown() -> None:
    world = await settled()
    await pass_by(world, 5)
    del world.kube.secrets[ObjectRef("edge", "clients-ca-key")]
    await pass_by(world, 2 * INTERVAL)
    await world.verifier.stop()
    assert world.gauges.verification == {API: VerificationResult.UNKNOWN}
    assert world.ready() == "AuthorityNotReady", "which is the authority's affair, and not the door's"


@virtually
async def test_that_domains_admit_different_authorities_is_said_once() -> None:
    first = domain_manifest("a.acme.example", default=True)
    second = domain_manifest("b.acme.example", tls={"caRef": {"name": "partners"}})
    world = DoorWorld()
    world.view.held_nodes = [node(1)]
    world.apply(
        authority_manifest(),
        authority_manifest("partners"),
        listener_manifest("api", first, second, sni=True),
    )
    await world.settle()
    await world.verifier.stop()
    world.restart()
    await world.settle()
    (event,) = [one for one in world.recorder.events if one.reason == "DomainsDifferInCA"]
    assert event.message.startswith("a.acme.example admits edge/clients; b.acme.example admits edge/partners")
    await world.verifier.stop()


@virtually
async def test_an_address_of_the_manifest_replaces_the_load_balancers() -> None:
    world = await settled(verification={"address": "127.0.0.1:9000"})
    await pass_by(world, 5)
    assert {(knock.address, knock.port) for knock in world.door.knocks} == {("127.0.0.1", 9000)}
    world.apply(listener_manifest(verification={"address": "no such:thing"}))
    await world.settle()
    assert world.verified() == ("Unknown", "VerificationInconclusive")
    await world.verifier.stop()


@pytest.mark.parametrize("strategy", ["CrossSign", "SameKey"])
def test_a_rotation_is_never_taken_for_an_open_door_nor_for_a_broken_one(strategy: str) -> None:
    """What is shown verifies for a listener that knows the old root alone, at every step."""

    async def main() -> None:
        rotation = {"strategy": strategy, "minimumSoak": "0s", "overlap": "1h"}
        world = DoorWorld()
        world.view.held_nodes = [node(1)]
        world.apply(authority_manifest(rotation=rotation), listener_manifest())
        await world.settle()
        world.hang_doors()
        await pass_by(world, 5)
        annotations = {"mtls.clb-operator.dev/rotate": "now"}
        world.apply(authority_manifest(rotation=rotation, annotations=annotations))
        results = set()
        for _ in range(12):
            await world.settle(1)
            world.hang_doors()
            world.door.roots = world.admitted_roots()
            await pass_by(world, INTERVAL + 10)
            results.add(world.verified())
        assert results == {("True", "MutualTLSEnforced")}
        assert world.status(Kind.CERTIFICATE_AUTHORITY, "clients")["active"]["generation"] == 2
        await world.verifier.stop()

    run_virtually(main())
