"""What a crash or a deletion by force left in the cloud is collected after a grace, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import Manifest, authority_manifest, domain_manifest, listener_manifest, node
from foreign_pki import authority, server
from unit.fakes.certificates import Upload
from unit.fakes.world import ORPHAN_GRACE, World

from mtls_operator import errors
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CertificateOwner,
    CloudCertificate,
    Fingerprint,
)

LISTENER, AUTHORITY = Kind.MUTUAL_TLS_LISTENER, Kind.CERTIFICATE_AUTHORITY
API, CLIENTS = ObjectRef("edge", "api"), ObjectRef("edge", "clients")
FIRST = server("api.acme.example", by=authority())
LEFT = CertId("cert-left")
SWEEPS = 7
A_WHILE = timedelta(minutes=10)


def manifest(**spec: Any) -> Manifest:
    source = {"secretRef": {"name": "purchased"}}
    tls = {"caRef": {"name": "clients"}, "serverCertificate": source}
    return listener_manifest("api", domain_manifest(), tls=tls, drainPeriod="0s", **spec)


async def settled(**spec: Any) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    world.kube.put_secret(FIRST.secret())
    world.apply(authority_manifest(**spec), manifest(**spec))
    await world.settle()
    return world


def leave(
    world: World, kind: CertificateKind = CertificateKind.SERVER, fingerprint: str = "aa", **owner: str
) -> CertId:
    """Put an upload into the cloud as a crash leaves it."""
    tags = {"cluster": "cluster-1", "namespace": "edge", "name": "gone", "uid": "uid-gone", **owner}
    certificate = CloudCertificate(
        id=LEFT, kind=kind, fingerprint=Fingerprint(fingerprint), owner=CertificateOwner(**tags)
    )
    world.store.uploads[LEFT] = Upload(certificate, "", "", {})
    return LEFT


async def sweeps(world: World, number: int = SWEEPS, each: Callable[[], None] = lambda: None) -> None:
    for _ in range(number):
        each()
        await world.collector.sweep()
        world.clock.advance(A_WHILE)


@pytest.mark.parametrize("kind", CertificateKind)
async def test_an_orphan_goes_when_the_grace_is_over_and_not_before(kind: CertificateKind) -> None:
    world = await settled()
    left, before = leave(world, kind), set(world.store.uploads)
    assert ORPHAN_GRACE // A_WHILE == SWEEPS - 1
    await sweeps(world, SWEEPS - 1)
    assert set(world.store.uploads) == before
    await sweeps(world, 1)
    assert set(world.store.uploads) == before - {left}


async def test_what_a_crash_between_upload_and_bind_left_goes_although_its_owner_lives() -> None:
    world = await settled()
    uid = world.kube.objects[LISTENER, API]["metadata"]["uid"]
    left = leave(world, name="api", uid=uid)
    await sweeps(world)
    assert left not in world.store.uploads


async def test_an_unused_copy_of_what_is_wanted_goes_and_the_one_that_is_shown_stays() -> None:
    world = await settled()
    (mine,) = [u for u in world.store.uploads.values() if u.certificate.kind is CertificateKind.SERVER]
    copy = replace(mine, certificate=replace(mine.certificate, id=CertId("z-copy")))
    world.store.uploads[copy.certificate.id] = copy
    await sweeps(world)
    assert copy.certificate.id not in world.store.uploads
    assert mine.certificate.id in world.store.uploads


async def test_a_certificate_that_a_listener_wants_is_none_although_nobody_shows_it() -> None:
    world = await settled()
    before = set(world.store.uploads)
    world.balancers.state.clear()
    await sweeps(world, 2 * SWEEPS)
    assert set(world.store.uploads) == before


async def test_the_clock_begins_anew_with_each_use() -> None:
    world = await settled()
    left, uses = leave(world), iter([False] * 5 + [True] + [False] * 20)

    def perhaps_used() -> None:
        world.store.used_elsewhere = {left: ["lb-hongkong"]} if next(uses) else {}

    await sweeps(world, SWEEPS + 5, perhaps_used)
    assert left in world.store.uploads
    await sweeps(world, 1, perhaps_used)
    assert left not in world.store.uploads


async def test_another_clusters_upload_and_a_persons_are_none() -> None:
    world = await settled()
    left = leave(world, cluster="another")
    await sweeps(world, 2 * SWEEPS)
    assert left in world.store.uploads


async def test_nothing_goes_before_each_listener_has_had_a_pass() -> None:
    world = await settled()
    left = leave(world)
    world.restart()
    await sweeps(world, 2 * SWEEPS)
    assert left in world.store.uploads
    await world.settle()
    await sweeps(world)
    assert left not in world.store.uploads


async def test_what_a_retained_authority_and_listener_left_stays() -> None:
    world = await settled(deletionPolicy="Retain")
    before = set(world.store.uploads)
    for kind, ref in ((LISTENER, API), (AUTHORITY, CLIENTS)):
        world.kube.delete(kind, ref)
    await world.settle()
    assert world.kube.objects == {}
    await sweeps(world, 2 * SWEEPS)
    assert set(world.store.uploads) == before


async def test_when_a_retained_authority_is_taken_out_by_hand_its_upload_goes() -> None:
    world = await settled(deletionPolicy="Retain")
    for kind, ref in ((LISTENER, API), (AUTHORITY, CLIENTS)):
        world.kube.delete(kind, ref)
    await world.settle()
    world.balancers.state.clear()
    world.kube.config_maps.clear()
    await sweeps(world)
    assert world.store.uploads == {}


async def test_what_the_cloud_refuses_is_said_and_tried_again_after_another_grace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await settled()
    left = leave(world)
    world.store.used_by_other_products.add(left)
    before = len(world.faults.cloud_writes)
    await sweeps(world, 2 * SWEEPS)
    assert world.faults.cloud_writes[before:] == [f"DeleteCertificate {left}"] * 2
    assert f"certificate {left} stays in the cloud: the cloud says that something uses it" in caplog.text
    world.store.used_by_other_products.clear()
    await sweeps(world)
    assert left not in world.store.uploads


async def test_a_cloud_that_does_not_answer_ends_a_sweep_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await settled()
    left = leave(world)
    world.store.unreachable = errors.Unavailable("DescribeCertificates", "Timeout", "no answer")
    await sweeps(world, 2)
    assert "certificates that nobody needs could not be looked for" in caplog.text
    world.store.unreachable = None
    await sweeps(world)
    assert left not in world.store.uploads
