"""A private key that the manifest does not ask for any more goes, once its certificate is not shown."""

from dataclasses import replace
from typing import Any

import pytest
from builders import FAST_KEY, Manifest, authority_manifest, domain_manifest, listener_manifest, node
from unit.fakes.faults import Fault
from unit.fakes.world import World

from mtls_operator.api.meta import Kind, ObjectRef

LISTENER = Kind.MUTUAL_TLS_LISTENER
NAMES = ("a.example", "b.example")
ONE: Manifest = {"issue": {"privateKey": FAST_KEY}}
PAIR: Manifest = {"issue": {"privateKey": {"algorithm": "RSA"}, "additional": "ECDSA"}}


def manifest(*names: str, source: Manifest = ONE, **spec: Any) -> Manifest:
    tls = {"caRef": {"name": "clients"}, "serverCertificate": source}
    return listener_manifest("api", *map(domain_manifest, names), tls=tls, **spec)


async def settled(first: Manifest) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), first)
    await world.settle()
    return world


def keys(world: World) -> set[str]:
    return {ref.name for ref in world.kube.secrets if ref.name.startswith("api-server")}


async def test_the_second_of_a_pair_goes_when_it_is_not_asked_for() -> None:
    world = await settled(manifest("a.example", source=PAIR))
    assert keys(world) == {"api-server", "api-server-ecdsa"}
    before = len(world.faults.writes)
    world.apply(manifest("a.example", source={"issue": {"privateKey": {"algorithm": "RSA"}}}))
    await world.settle()
    assert keys(world) == {"api-server"}
    done = [write.split()[0] for write in world.faults.writes[before:] if not write.startswith("apply")]
    assert done == ["bind", "DeleteCertificate", "delete"]


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.REPLY_LOST, Fault.NOT_ARRIVED], ids=lambda f: f.value)
async def test_that_of_a_domain_goes_with_it_also_when_the_first_try_fails(fault: Fault) -> None:
    world = await settled(manifest(*NAMES, sni=True))
    assert len(keys(world)) == len(NAMES)
    world.apply(manifest(NAMES[0], sni=True))

    def fail_the_next(what: str) -> None:
        if what.startswith("DeleteCertificate"):
            world.faults.plan(0, fault)

    world.faults.watchers.append(fail_the_next)
    await world.settle(5)
    assert len(keys(world)) == 1


async def test_the_secret_of_somebody_else_stays_whatever_its_name_and_labels() -> None:
    world = await settled(manifest("a.example", source=PAIR))
    own = world.kube.secrets[ObjectRef("edge", "api-server")]
    theirs = replace(own, ref=ObjectRef("edge", "api-server-theirs"), owner=None)
    world.kube.put_secret(theirs)
    world.apply(manifest("a.example"))
    await world.settle()
    assert keys(world) == {"api-server", "api-server-theirs"}


async def test_it_is_not_looked_for_again_while_the_manifest_stays() -> None:
    world = await settled(manifest("a.example"))
    own = world.kube.secrets[ObjectRef("edge", "api-server")]
    world.kube.put_secret(replace(own, ref=ObjectRef("edge", "api-server-left")))
    await world.settle()
    assert "api-server-left" in keys(world)
    world.apply(manifest("a.example", drainPeriod="1s"))
    await world.settle()
    assert keys(world) == {"api-server"}
