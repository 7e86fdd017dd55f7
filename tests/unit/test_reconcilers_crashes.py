"""After any single write the process may die or an answer be lost; the world comes out the same."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from builders import authority_manifest, client_cert_manifest, domain_manifest, listener_manifest, node
from unit.fakes.certificates import Upload
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cloud import CertificateKind

DRAIN_PERIOD = timedelta(seconds=30)
SNI_DOMAINS = (domain_manifest("a.acme.example"), domain_manifest("b.acme.example"))


def start() -> World:
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(
        authority_manifest(), client_cert_manifest(), listener_manifest("api", *SNI_DOMAINS, sni=True)
    )
    return world


async def settle_with_restarts(world: World) -> None:
    """Pass on, starting anew after a crash, until the plan is used up and all is still.

    Between the passes time goes by, so that what drains is drained; twice, should the first clock be lost.
    """
    for _ in range(2):
        for _ in range(3):
            try:
                await world.pass_over_all()
            except Crash:
                world.restart()
        world.clock.advance(DRAIN_PERIOD)
    for _ in range(2):
        await world.pass_over_all()
    world.faults.clear()


def shape(world: World) -> object:
    """Return what should be the same whatever went wrong on the way; ids and keys differ."""
    (listener,) = world.balancers.on(BALANCER)
    names = {u.certificate.id: (u.certificate.kind, u.certificate.owner.name) for u in all_uploads(world)}
    ready = [world.condition(kind, ref.name, "Ready") for kind, ref in sorted(world.kube.objects)]
    return (
        [(c or {}).get("status") for c in ready],
        sorted(str(ref) for ref in world.kube.secrets),
        sorted(str(ref) for ref in world.kube.config_maps),
        sorted(names.values()),
        sorted(
            (
                rule.domain,
                rule.path,
                rule.default,
                [str(t.endpoint) for t in rule.targets],
                rule.tls is not None and names[rule.tls.certificate_id or next(iter(names))],
                rule.tls is not None and rule.tls.ca_certificate_id in names,
            )
            for rule in listener.rules
        ),
    )


def all_uploads(world: World) -> list[Upload]:
    return list(world.store.uploads.values())


async def undisturbed() -> tuple[object, int]:
    world = start()
    await settle_with_restarts(world)
    return shape(world), len(world.faults.writes)


EXPECTED, WRITES = asyncio.run(undisturbed())
"""Known when the tests are collected, so that each write is a test of its own."""


@pytest.mark.parametrize("number", range(WRITES))
@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
async def test_one_failed_write_changes_nothing_in_the_end(number: int, fault: Fault) -> None:
    world = start()
    world.faults.plan(number, fault)
    await settle_with_restarts(world)
    assert shape(world) == EXPECTED
    written = world.written()
    await world.settle()
    assert world.written() == written


def test_a_whole_convergence_is_what_is_interrupted() -> None:
    assert WRITES > 12


async def gone(world: World) -> World:
    for kind, ref in list(world.kube.objects):
        if (kind, ref) in world.kube.objects:
            world.kube.delete(kind, ref)
    await settle_with_restarts(world)
    return world


async def _deletion_writes() -> int:
    world = start()
    await settle_with_restarts(world)
    before = len(world.faults.writes)
    await gone(world)
    return len(world.faults.writes) - before


@pytest.mark.parametrize("number", range(asyncio.run(_deletion_writes())))
@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
async def test_one_failed_write_of_a_deletion_leaves_nothing_behind(number: int, fault: Fault) -> None:
    world = start()
    await settle_with_restarts(world)
    world.faults.plan(number, fault)
    await gone(world)
    assert world.kube.objects == {}
    assert world.kube.secrets == {}
    assert world.kube.config_maps == {}
    assert world.store.uploads == {}
    assert world.balancers.state == {}


async def test_a_crash_between_the_key_and_its_publication_keeps_the_key() -> None:
    world = World()
    world.apply(authority_manifest())
    world.faults.plan(2, Fault.CRASH)
    with contextlib.suppress(Crash):
        await world.pass_over_all()
    key = world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data
    world.restart()
    await world.settle()
    assert world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data == key
    assert world.kube.config_maps[ObjectRef("edge", "clients-ca")].data["ca.crt"].encode() == key["g1.crt"]


async def test_a_lost_reply_to_an_upload_does_not_upload_twice() -> None:
    world = start()
    await world.settle()
    kinds = [u.certificate.kind for u in world.store.uploads.values()]
    assert sorted(kinds) == [CertificateKind.CA, CertificateKind.SERVER, CertificateKind.SERVER]
