"""Listeners share an upload of the same certificate; it goes with the last of them, and harms nobody."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from builders import Manifest, authority_manifest, domain_manifest, listener_manifest, node
from foreign_pki import authority, server
from unit.fakes.certificates import Upload
from unit.fakes.cloud import bound
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import PLAN_FOR_ANNOTATION, PLAN_ONLY_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.balancer_access import NAMESPACES_TAG
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    Listener,
    ListenerId,
    LoadBalancer,
    LoadBalancerId,
    MutualBinding,
)

LISTENER, AUTHORITY = Kind.MUTUAL_TLS_LISTENER, Kind.CERTIFICATE_AUTHORITY
API, SHOP = ObjectRef("edge", "api"), ObjectRef("edge", "shop")
PORTS = {"api": 443, "shop": 9443}
ROOT = authority()
FIRST, SECOND = (server("api.acme.example", by=ROOT) for _ in range(2))
ELSEWHERE = LoadBalancerId("lb-elsewhere")
PURCHASED: Manifest = {"secretRef": {"name": "purchased"}}
ISSUED: Manifest = {"issue": {"privateKey": {"algorithm": "ECDSA"}}}


def manifest(name: str, source: Manifest = PURCHASED, **spec: Any) -> Manifest:
    tls = {"caRef": {"name": "clients"}, "serverCertificate": source}
    return listener_manifest(name, domain_manifest(), port=PORTS[name], tls=tls, drainPeriod="0s", **spec)


async def settled(*names: str) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    world.kube.put_secret(FIRST.secret())
    world.apply(authority_manifest(), *(manifest(name) for name in names))
    await world.settle()
    return world


def servers(world: World) -> dict[CertId, Upload]:
    return {i: u for i, u in world.store.uploads.items() if u.certificate.kind is CertificateKind.SERVER}


def only(world: World) -> CertId:
    (certificate,) = servers(world)
    return certificate


def shown(world: World, name: str) -> tuple[CertId, ...]:
    """Return what a listener of ours presents."""
    (known,) = [one for one in world.balancers.on(BALANCER) if one.port == PORTS[name]]
    assert known.tls is not None
    return known.tls.server


def bind_elsewhere(world: World, certificate: CertId) -> ListenerId:
    """Let a person bind a certificate to a load balancer of another region."""
    binding = bound(MutualBinding(server=(certificate,), ca=CertId("cert-theirs")))
    theirs = Listener(
        id=ListenerId("lbl-theirs"),
        name="theirs",
        protocol="HTTPS",
        port=443,
        sni=False,
        tls=binding,
        create_time="t",
    )
    world.balancers.balancers[ELSEWHERE] = LoadBalancer(
        id=ELSEWHERE, region="ap-hongkong", addresses=(), tags={NAMESPACES_TAG: "edge"}, ready=True
    )
    world.balancers.put(ELSEWHERE, theirs)
    return theirs.id


def put_upload(world: World, number: str, like: Upload, **owner: str) -> CertId:
    """Leave an upload of the same certificate in the cloud, made by somebody else."""
    known = like.certificate
    made = CertId(number)
    twin = replace(known, id=made, owner=replace(known.owner, **owner))
    world.store.uploads[made] = replace(like, certificate=twin)
    return made


async def still(world: World) -> None:
    before = world.written()
    await world.settle(1)
    assert world.written() == before


async def test_two_listeners_with_one_secret_share_one_upload() -> None:
    world = await settled("api", "shop")
    assert shown(world, "api") == shown(world, "shop") == (only(world),)
    await still(world)


@pytest.mark.parametrize("first", ["api", "shop"])
async def test_the_upload_stays_for_the_other_and_goes_with_the_last(first: str) -> None:
    world = await settled("api", "shop")
    last = "shop" if first == "api" else "api"
    world.kube.delete(LISTENER, ObjectRef("edge", first))
    await world.settle()
    assert shown(world, last) == (only(world),)
    assert (LISTENER, ObjectRef("edge", first)) not in world.kube.objects
    (event,) = [e for e in world.recorder.events if e.reason == "CertificateKept"]
    assert f"MutualTLSListener edge/{last} shows it, too" in event.message
    world.kube.delete(LISTENER, ObjectRef("edge", last))
    await world.settle()
    assert servers(world) == {}


async def test_both_are_deleted_at_once_and_nothing_is_left() -> None:
    world = await settled("api", "shop")
    for ref in (API, SHOP):
        world.kube.delete(LISTENER, ref)
    await world.settle()
    assert servers(world) == {}
    assert world.balancers.state == {}


@pytest.mark.parametrize("restart", [False, True], ids=["", "with a restart between"])
async def test_the_last_listener_takes_the_upload_along_whoever_made_it(restart: bool) -> None:  # noqa: FBT001
    world = await settled("api", "shop")
    world.kube.delete(LISTENER, API)
    await world.settle()
    if restart:
        world.restart()
    world.kube.delete(LISTENER, SHOP)
    await world.settle()
    assert servers(world) == {}


async def test_a_renewed_certificate_is_uploaded_once_and_the_old_one_goes_when_both_have_changed() -> None:
    world = await settled("api", "shop")
    old, before = only(world), len(world.faults.cloud_writes)
    world.kube.put_secret(SECOND.secret())
    await world.reconcile(LISTENER, "api")
    assert shown(world, "shop") == (old,)
    assert old in servers(world)
    await world.settle()
    assert shown(world, "api") == shown(world, "shop") == (only(world),)
    kinds = [write.split()[0] for write in world.faults.cloud_writes[before:]]
    assert kinds == ["UploadCertificate", "bind", "bind", "DeleteCertificate"]
    await still(world)


async def test_after_a_restart_nothing_is_deleted_before_each_listener_has_had_a_pass() -> None:
    """`shop` wants the old certificate again, and its claim is not known any more."""
    world = await settled("api", "shop")
    old = only(world)
    world.apply(manifest("shop", ISSUED))
    await world.reconcile(LISTENER, "shop")
    world.apply(manifest("api", ISSUED), manifest("shop"))
    world.restart()
    await world.reconcile(LISTENER, "api")
    assert old in servers(world)
    await world.settle()
    assert shown(world, "shop") == (old,)
    await still(world)


async def test_a_listener_that_cannot_be_done_or_is_paused_holds_no_deletion_up() -> None:
    world = await settled("api", "shop")
    refused = manifest("shop", loadBalancer={"id": "lb-00000000", "region": "ap-guangzhou"})
    del world.kube.objects[LISTENER, SHOP]
    world.apply(refused)
    paused = listener_manifest("late", port=444, annotations={"mtls.clb-operator.dev/paused": "true"})
    world.apply(paused)
    world.restart()
    world.balancers.state = {i: kept for i, kept in world.balancers.state.items() if kept[1].port == 443}
    world.kube.delete(LISTENER, API)
    await world.settle()
    assert (LISTENER, API) not in world.kube.objects
    assert servers(world) == {}


async def test_a_deletion_waits_for_the_first_passes_of_the_others() -> None:
    world = await settled("api", "shop")
    world.restart()
    world.kube.delete(LISTENER, API)
    await world.reconcile(LISTENER, "api")
    assert [known.port for known in world.balancers.on(BALANCER)] == [PORTS["shop"]]
    condition = world.condition(LISTENER, "api", "Ready")
    assert condition is not None
    assert condition["reason"] == "Deleting"
    await world.reconcile(LISTENER, "shop")
    await world.reconcile(LISTENER, "api")
    assert (LISTENER, API) not in world.kube.objects


async def test_a_user_in_another_region_keeps_the_old_certificate_after_a_renewal() -> None:
    world = await settled("api")
    old = only(world)
    theirs = bind_elsewhere(world, old)
    world.kube.put_secret(SECOND.secret())
    await world.settle()
    assert old in servers(world)
    assert world.condition(LISTENER, "api", "Ready")["status"] == "True"  # type: ignore[index]
    await still(world)
    del world.balancers.state[theirs]
    await world.settle()
    assert old not in servers(world)


async def test_what_others_have_is_neither_used_nor_deleted() -> None:
    """Another cluster's upload of the same certificate is none of ours."""
    world = await settled("api")
    mine = world.store.uploads[only(world)]
    theirs = put_upload(world, "cert-0", mine, cluster="another")
    world.kube.delete(LISTENER, API)
    await world.settle()
    assert list(servers(world)) == [theirs]
    assert f"DeleteCertificate {theirs}" not in world.faults.writes


async def test_of_several_copies_each_listener_keeps_its_own_and_a_new_one_takes_the_first() -> None:
    """As it was left by an operator that gave each listener an upload of its own."""
    world = await settled("shop")
    theirs = only(world)
    copy = put_upload(world, "cert-0", world.store.uploads[theirs], name="x", uid="x")
    await world.settle()
    assert shown(world, "shop") == (theirs,)
    world.apply(manifest("api"))
    await world.settle()
    assert shown(world, "api") == (copy,)
    assert shown(world, "shop") == (theirs,)
    await still(world)


async def test_what_the_cloud_will_not_delete_is_left_and_not_tried_in_every_pass() -> None:
    world = await settled("api")
    old = only(world)
    world.store.used_by_other_products.add(old)
    world.kube.put_secret(SECOND.secret())
    await world.settle()
    assert world.condition(LISTENER, "api", "Ready")["status"] == "True"  # type: ignore[index]
    assert old in servers(world)
    await still(world)


async def test_the_quota_of_certificates_has_a_reason_and_leaves_what_is_bound() -> None:
    world = await settled("api")
    old = shown(world, "api")
    world.kube.put_secret(SECOND.secret())
    world.store.quota = len(world.store.uploads)
    await world.settle()
    condition = world.condition(LISTENER, "api", "Ready")
    assert condition is not None
    assert condition["reason"] == "CertificateQuotaExceeded"
    assert "delete certificates that nothing uses" in condition["message"]
    assert shown(world, "api") == old
    world.store.quota = None
    await world.settle()
    assert world.condition(LISTENER, "api", "Ready")["status"] == "True"  # type: ignore[index]
    assert len(servers(world)) == 1


async def renewed_and_parted(world: World) -> None:
    """Renew what two listeners share, then delete them, one after the other, starting anew after crashes."""
    world.kube.put_secret(SECOND.secret())
    await persistently(world)
    for ref in (API, SHOP):
        if (LISTENER, ref) in world.kube.objects:
            world.kube.delete(LISTENER, ref)
        await persistently(world)


async def persistently(world: World) -> None:
    for _ in range(3):
        try:
            await world.pass_over_all()
        except Crash:
            world.restart()


async def _writes() -> int:
    world = await settled("api", "shop")
    before = len(world.faults.writes)
    await renewed_and_parted(world)
    return len(world.faults.writes) - before


@pytest.mark.parametrize("number", range(asyncio.run(_writes())))
@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.REPLY_LOST, Fault.NOT_ARRIVED], ids=lambda f: f.value)
async def test_after_any_failed_write_nothing_in_use_is_gone_and_nothing_is_left(
    number: int, fault: Fault
) -> None:
    world = await settled("api", "shop")
    world.faults.plan(number, fault)
    await renewed_and_parted(world)
    world.faults.clear()
    await persistently(world)
    assert servers(world) == {}
    assert world.balancers.state == {}
    assert [kind for kind, _ in world.kube.objects] == [AUTHORITY]


async def test_listeners_that_upload_the_same_certificate_at_the_same_moment_upload_it_once() -> None:
    world = await settled("api")
    like = servers(world).pop(only(world))
    world.store.uploads.clear()
    world.store.pauses = 3

    async def upload() -> None:
        await world.inventory.upload(
            chain=like.chain,
            key=like.key,
            alias="",
            owner=like.certificate.owner,
            fingerprint=like.certificate.fingerprint,
        )

    await asyncio.gather(upload(), upload(), upload())
    assert len(servers(world)) == 1


async def test_an_upload_that_somebody_deleted_in_the_console_is_made_again() -> None:
    world = await settled("api")
    world.store.uploads.pop(only(world))
    await world.settle()
    assert shown(world, "api") == (only(world),)


async def test_a_listener_that_begins_while_the_last_user_parts_gets_a_certificate_that_stays() -> None:
    """Whatever the order in which their calls come in."""
    for pauses in range(12):
        world = await settled("api")
        await world.reconcile(AUTHORITY, "clients")
        world.apply(manifest("shop"))
        await world.reconcile(LISTENER, "shop")
        world.apply(manifest("shop", ISSUED))
        await world.reconcile(LISTENER, "shop")
        world.apply(manifest("shop"))
        world.kube.delete(LISTENER, API)
        world.store.pauses = pauses
        await asyncio.gather(world.reconcile(LISTENER, "api"), world.reconcile(LISTENER, "shop"))
        assert shown(world, "shop")[0] in servers(world), f"after {pauses} pauses"


@pytest.mark.parametrize("head_start", range(0, 24, 3))
async def test_a_claim_comes_before_a_deletion_or_after_its_end_and_never_within(head_start: int) -> None:
    world = await settled("api")
    certificate = only(world)
    fingerprint = servers(world)[certificate].certificate.fingerprint
    world.balancers.state = {}
    await world.inventory.claim(API, frozenset())
    world.store.pauses = 5
    deletion = asyncio.create_task(world.inventory.delete(certificate))
    for _ in range(head_start):
        await asyncio.sleep(0)
    await world.inventory.claim(SHOP, frozenset({fingerprint}))
    seen = certificate in servers(world)
    assert (await deletion is not None) == seen
    assert (certificate in servers(world)) == seen


async def test_what_is_claimed_is_not_deleted() -> None:
    world = await settled("api")
    certificate = only(world)
    world.balancers.state = {}
    kept = await world.inventory.delete(certificate)
    assert kept is not None
    assert kept.why == "MutualTLSListener edge/api shows it, too"
    assert certificate in servers(world)


async def test_a_plan_of_another_certificate_claims_nothing_for_the_object_that_it_is_for() -> None:
    world = await settled("api")
    before = world.inventory.claimed()
    draft = manifest("api", ISSUED, annotations={PLAN_ONLY_ANNOTATION: "true", PLAN_FOR_ANNOTATION: "api"})
    draft["metadata"]["name"] = "draft"
    world.apply(draft)
    await world.reconcile(LISTENER, "draft")
    assert world.status(LISTENER, "draft")["plan"]
    assert world.inventory.claimed() == before
