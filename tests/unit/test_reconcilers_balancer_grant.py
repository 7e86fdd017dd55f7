"""A load balancer is used while it is granted: what was made there then stays as it is, and stays closed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import authority_manifest, domain_manifest, listener_manifest, node, route_manifest
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.balancer_access import NAMESPACES_TAG, AccessMode, BalancerAccess
from mtls_operator.core.cloud import Listener

KIND = Kind.MUTUAL_TLS_LISTENER


def tagged(world: World, *, granted: bool) -> None:
    tags = {NAMESPACES_TAG: "edge" if granted else "others"}
    world.balancers.balancers[BALANCER] = replace(world.balancers.balancers[BALANCER], tags=tags)


def listed(world: World, *, granted: bool) -> None:
    """The configuration is read at the start."""
    world.access = BalancerAccess(
        mode=AccessMode.LISTED, listed={BALANCER: ("edge",) if granted else ("others",)}
    )
    world.restart()


Grant = Callable[..., None]
MODES = {"Tagged": tagged, "Listed": listed}


async def settled(grant: Grant) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    grant(world, granted=True)
    world.apply(authority_manifest(), authority_manifest("partners"), listener_manifest())
    world.apply(listener_manifest("other", ca="partners", port=9443))
    await world.settle()
    return world


def ours(world: World) -> Listener:
    return next(one for one in world.balancers.on(BALANCER) if one.port == 443)


def ready(world: World) -> tuple[str, str]:
    condition = world.condition(KIND, "api", "Ready")
    assert condition is not None
    return condition["reason"], condition["message"]


def opened(known: Listener) -> Listener:
    assert known.tls is not None
    return replace(known, tls=replace(known.tls, mutual=False, ca_certificate_id=None))


@pytest.mark.parametrize("grant", MODES.values(), ids=MODES)
async def test_without_the_grant_nothing_is_changed_any_more(grant: Grant) -> None:
    world = await settled(grant)
    before = ours(world)
    grant(world, granted=False)
    world.apply(
        listener_manifest("api", domain_manifest("b.acme.example", route_manifest("/new")), ca="partners")
    )
    world.view.held_nodes = [node(1), node(2)]
    await world.settle()
    assert ours(world) == before
    reason, message = ready(world)
    assert reason == "LoadBalancerNotAllowed"
    assert f"Until then listener {before.id} stays as it is" in message
    assert world.condition(KIND, "api", "Stalled") is not None


@pytest.mark.parametrize("grant", MODES.values(), ids=MODES)
async def test_an_open_door_is_closed_all_the_same_for_whom_it_admitted_before(grant: Grant) -> None:
    world = await settled(grant)
    closed = ours(world).tls
    grant(world, granted=False)
    world.apply(listener_manifest(ca="partners"))
    world.balancers.edit(ours(world).id, opened)
    await world.settle()
    assert ours(world).tls == closed
    assert ready(world)[0] == "LoadBalancerNotAllowed"


@pytest.mark.parametrize("grant", MODES.values(), ids=MODES)
async def test_it_goes_on_when_the_grant_is_back(grant: Grant) -> None:
    world = await settled(grant)
    grant(world, granted=False)
    world.view.held_nodes = [node(1), node(2)]
    await world.settle()
    grant(world, granted=True)
    await world.settle()
    assert ready(world)[0] == "Succeeded"
    assert world.condition(KIND, "api", "Stalled") is None
    assert len(ours(world).rules[0].targets) == 2


@pytest.mark.parametrize("grant", MODES.values(), ids=MODES)
async def test_a_deletion_needs_no_grant(grant: Grant) -> None:
    world = await settled(grant)
    grant(world, granted=False)
    for name in ("api", "other"):
        world.kube.delete(KIND, ObjectRef("edge", name))
    await world.settle()
    world.clock.advance(timedelta(seconds=31))
    await world.settle()
    assert world.balancers.on(BALANCER) == []


async def test_with_any_neither_tag_nor_list_counts() -> None:
    world = await settled(tagged)
    world.access = BalancerAccess(mode=AccessMode.ANY)
    world.restart()
    tagged(world, granted=False)
    world.view.held_nodes = [node(1), node(2)]
    await world.settle()
    assert ready(world)[0] == "Succeeded"
    assert len(ours(world).rules[0].targets) == 2


async def test_a_door_is_not_closed_for_an_authority_that_does_not_admit_the_listener() -> None:
    """Else naming it in caRef and waiting for somebody to open the door would be a way around its access."""
    world = await settled(tagged)
    closed = ours(world).tls
    world.kube.namespaces["pki"] = replace(world.kube.namespaces["edge"], name="pki")
    world.apply(authority_manifest("secretive", namespace="pki"))
    world.apply(listener_manifest("own", namespace="pki", ca="secretive", port=7443))
    tags = {NAMESPACES_TAG: "*"}
    world.balancers.balancers[BALANCER] = replace(world.balancers.balancers[BALANCER], tags=tags)
    await world.settle()
    assert world.status(Kind.CERTIFICATE_AUTHORITY, "secretive", "pki")["active"]["cloudCertificateId"]
    manifest = listener_manifest()
    manifest["spec"]["tls"]["caRef"] = {"name": "secretive", "namespace": "pki"}
    world.apply(manifest)
    world.balancers.edit(ours(world).id, opened)
    await world.settle()
    assert ready(world)[0] == "NamespaceNotAllowed"
    assert ours(world).tls == closed
