"""A door that stands open is closed although nothing else of the manifest can be done."""

from dataclasses import replace
from typing import Any

from builders import authority_manifest, domain_manifest, listener_manifest, node
from unit.fakes.faults import Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import Listener, TlsBinding

CA_KEY = ObjectRef("edge", "clients-ca-key")


async def settled(**spec: Any) -> World:
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(authority_manifest(), listener_manifest(**spec))
    await world.settle()
    return world


def ours(world: World) -> Listener:
    (listener,) = world.balancers.on(BALANCER)
    return listener


def one_way(binding: TlsBinding | None) -> TlsBinding:
    assert binding is not None
    return replace(binding, mutual=False, ca_certificate_id=None)


async def test_it_is_closed_while_the_authoritys_key_is_missing() -> None:
    world = await settled()
    closed = ours(world).tls
    world.balancers.edit(ours(world).id, lambda known: replace(known, tls=one_way(known.tls)))
    del world.kube.secrets[CA_KEY]
    await world.pass_over_all()
    assert ours(world).tls == closed
    ready = world.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["reason"] == "AuthorityNotReady"


async def test_it_is_closed_when_the_authority_itself_is_gone_by_what_the_status_remembers() -> None:
    world = await settled()
    closed = ours(world).tls
    world.balancers.edit(ours(world).id, lambda known: replace(known, tls=one_way(known.tls)))
    del world.kube.objects[Kind.CERTIFICATE_AUTHORITY, ObjectRef("edge", "clients")]
    await world.pass_over_all()
    assert ours(world).tls == closed


async def test_with_sni_it_is_the_domain_that_is_closed() -> None:
    world = await settled(
        sni=True, domains=[domain_manifest("a.acme.example"), domain_manifest("b.acme.example")]
    )
    closed = [rule.tls for rule in ours(world).rules]

    def open_the_second(known: Listener) -> Listener:
        first, second = known.rules
        return replace(known, rules=(first, replace(second, tls=one_way(second.tls))))

    world.balancers.edit(ours(world).id, open_the_second)
    del world.kube.secrets[CA_KEY]
    await world.pass_over_all()
    assert [rule.tls for rule in ours(world).rules] == closed


async def test_where_somebody_switched_sni_on_the_domains_are_closed_and_nothing_else_can_be_done() -> None:
    world = await settled()
    closed = ours(world).tls

    def switch_on(known: Listener) -> Listener:
        rules = tuple(replace(rule, tls=one_way(known.tls)) for rule in known.rules)
        return replace(known, sni=True, tls=None, rules=rules)

    world.balancers.edit(ours(world).id, switch_on)
    await world.pass_over_all()
    assert [rule.tls for rule in ours(world).rules] == [closed]
    ready = world.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["reason"] == "SNIDiffers"


async def test_nothing_is_written_when_no_door_is_open() -> None:
    world = await settled()
    del world.kube.secrets[CA_KEY]
    await world.pass_over_all()
    before = len(world.faults.writes)
    await world.reconcile(Kind.MUTUAL_TLS_LISTENER, "api")
    assert len(world.faults.writes) == before


async def test_an_authority_that_waits_to_be_deleted_lets_its_listener_follow_the_nodes() -> None:
    world = await settled()
    world.kube.delete(Kind.CERTIFICATE_AUTHORITY, ObjectRef("edge", "clients"))
    world.view.held_nodes = [node(1), node(2), node(3)]
    await world.settle()
    assert len(ours(world).rules[0].targets) == 3
    assert (Kind.CERTIFICATE_AUTHORITY, ObjectRef("edge", "clients")) in world.kube.objects


async def test_an_upload_that_somebody_deleted_wakes_its_authority() -> None:
    world = await settled()
    world.store.uploads.clear()
    world.woken.clear()
    await world.reconcile(Kind.MUTUAL_TLS_LISTENER, "api")
    assert [key.kind for key in world.woken] == [Kind.CERTIFICATE_AUTHORITY]
    await world.settle()
    assert ours(world).tls is not None
    ready = world.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["status"] == "True"


async def test_an_authority_that_is_gone_leaves_no_key_in_memory() -> None:
    world = await settled(drainPeriod="0s")
    world.kube.delete(Kind.MUTUAL_TLS_LISTENER, ObjectRef("edge", "api"))
    await world.settle()
    world.kube.delete(Kind.CERTIFICATE_AUTHORITY, ObjectRef("edge", "clients"))
    await world.settle()
    assert (Kind.CERTIFICATE_AUTHORITY, ObjectRef("edge", "clients")) not in world.kube.objects
    assert ObjectRef("edge", "clients") not in world.signers.held()


async def test_a_listener_that_is_renamed_before_its_first_pass_has_ended_is_known_again_and_closed() -> None:
    whole = World()
    whole.view.held_nodes = [node(1)]
    whole.apply(authority_manifest(), listener_manifest())
    await whole.settle()
    number = next(n for n, write in enumerate(whole.faults.writes) if write.startswith("create rules"))
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), listener_manifest())
    world.faults.plan(number, Fault.ACCESS_DENIED)
    await world.pass_over_all()
    closed = ours(world)

    world.balancers.edit(closed.id, lambda known: replace(known, name="renamed", tls=one_way(known.tls)))
    world.restart()
    await world.settle()

    assert (ours(world).id, ours(world).name, ours(world).tls) == (closed.id, closed.name, closed.tls)
