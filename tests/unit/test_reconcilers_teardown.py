"""A listener drains before it goes, and goes whatever has become of the cloud meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import authority_manifest, client_cert_manifest, domain_manifest, listener_manifest, node
from unit.fakes.faults import Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import Listener
from mtls_operator.core.outcome import Stuck, Waiting
from mtls_operator.core.reasons import Reason

CA, LISTENER = Kind.CERTIFICATE_AUTHORITY, Kind.MUTUAL_TLS_LISTENER
CLIENTS, API = ObjectRef("edge", "clients"), ObjectRef("edge", "api")
DRAIN = timedelta(seconds=30)


async def deleting(*, sni: bool = False) -> World:
    """Return a world whose listener has just been deleted, with no pass made since."""
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    domains = (domain_manifest("a.acme.example"), domain_manifest("b.acme.example"))
    world.apply(authority_manifest(), client_cert_manifest(), listener_manifest("api", *domains, sni=sni))
    await world.settle()
    world.kube.delete(LISTENER, API)
    return world


def known(world: World) -> Listener:
    (listener,) = world.balancers.on(BALANCER)
    return listener


def cloud_writes(world: World, since: int) -> list[str]:
    return [write.split(" lbl")[0].split(" cert")[0] for write in world.faults.cloud_writes[since:]]


@pytest.mark.parametrize("sni", [False, True])
async def test_all_targets_drain_then_one_call_takes_the_listener_away_and_then_its_certificates(
    *, sni: bool
) -> None:
    world = await deleting(sni=sni)
    before = len(world.faults.cloud_writes)

    outcome = await world.reconcile(LISTENER, "api")

    assert isinstance(outcome, Waiting)
    assert (outcome.reason, outcome.after) == (Reason.DELETING, DRAIN)
    assert {target.weight for rule in known(world).rules for target in rule.targets} == {0}
    world.clock.advance(DRAIN + timedelta(seconds=1))
    assert await world.reconcile(LISTENER, "api") is None
    certificates = ["DeleteCertificate"] * (2 if sni else 1)
    assert cloud_writes(world, before) == ["set weights on", "DeleteListener", *certificates]
    assert (LISTENER, API) not in world.kube.objects


async def test_a_pass_before_its_time_writes_nothing_and_waits_for_the_rest() -> None:
    world = await deleting()
    await world.reconcile(LISTENER, "api")
    written = world.written()
    world.clock.advance(timedelta(seconds=12))

    outcome = await world.reconcile(LISTENER, "api")

    assert outcome is not None
    assert outcome.after == timedelta(seconds=18)
    assert world.written() == written


async def test_after_a_restart_it_drains_a_little_longer_and_never_shorter() -> None:
    world = await deleting()
    await world.reconcile(LISTENER, "api")
    world.clock.advance(timedelta(seconds=12))
    world.restart()
    outcome = await world.reconcile(LISTENER, "api")
    assert outcome is not None
    assert outcome.after == DRAIN


async def test_a_weight_that_somebody_raises_meanwhile_is_taken_back_and_drains_anew() -> None:
    world = await deleting()
    await world.reconcile(LISTENER, "api")
    listener = known(world)
    raised = tuple(
        replace(rule, targets=tuple(replace(t, weight=10) for t in rule.targets)) for rule in listener.rules
    )
    world.balancers.edit(listener.id, lambda current: replace(current, rules=raised))
    world.clock.advance(DRAIN)

    outcome = await world.reconcile(LISTENER, "api")

    assert outcome is not None
    assert outcome.after == DRAIN
    assert {target.weight for rule in known(world).rules for target in rule.targets} == {0}


async def test_a_load_balancer_that_is_gone_has_taken_the_listener_along() -> None:
    world = await deleting()
    world.balancers.state.clear()
    world.balancers.balancers.clear()
    assert await world.reconcile(LISTENER, "api") is None
    assert [upload.certificate.kind.value for upload in world.store.uploads.values()] == ["CA"]


async def test_a_load_balancer_that_goes_in_the_middle_is_as_good_as_deleted() -> None:
    world = await deleting()

    def goes(what: str) -> None:
        if what.startswith("set weights"):
            world.balancers.state.clear()
            world.balancers.balancers.clear()

    world.faults.watchers.append(goes)
    assert await world.reconcile(LISTENER, "api") is None
    assert (LISTENER, API) not in world.kube.objects


async def test_a_listener_that_somebody_deleted_is_not_missed() -> None:
    world = await deleting()
    del world.balancers.state[known(world).id]
    assert await world.reconcile(LISTENER, "api") is None
    assert (LISTENER, API) not in world.kube.objects


async def test_without_credentials_it_is_stuck_and_says_both_ways_out() -> None:
    world = await deleting()
    world.faults.plan(0, Fault.ACCESS_DENIED)

    outcome = await world.reconcile(LISTENER, "api")

    assert isinstance(outcome, Stuck)
    assert outcome.reason is Reason.CLOUD_ACCESS_DENIED
    for words in (
        "Restore the operator's credentials",
        "set spec.deletionPolicy of MutualTLSListener edge/api to Retain",
        f"listener {known(world).id} of load balancer {BALANCER} and certificate cert-",
    ):
        assert words in outcome.message
    assert world.condition(LISTENER, "api", "Stalled") is not None


async def test_an_authority_without_credentials_says_the_ways_out_as_well() -> None:
    world = await deleting()
    await world.reconcile(LISTENER, "api")
    world.clock.advance(DRAIN)
    await world.reconcile(LISTENER, "api")
    world.kube.delete(CA, CLIENTS)
    world.faults.plan(0, Fault.ACCESS_DENIED)
    outcome = await world.reconcile(CA, "clients")
    assert isinstance(outcome, Stuck)
    assert "set spec.deletionPolicy of CertificateAuthority edge/clients to Retain" in outcome.message


async def test_retain_lets_go_of_what_is_being_deleted_already() -> None:
    world = await deleting()
    await world.reconcile(LISTENER, "api")
    body = world.kube.objects[LISTENER, API]
    body["spec"]["deletionPolicy"] = "Retain"
    before = len(world.faults.cloud_writes)
    assert await world.reconcile(LISTENER, "api") is None
    assert (LISTENER, API) not in world.kube.objects
    assert known(world).tls is not None
    assert world.faults.cloud_writes[before:] == []


async def test_an_open_door_is_not_drained() -> None:
    world = await deleting()
    listener = known(world)
    assert listener.tls is not None
    one_way = replace(listener.tls, mutual=False, required=False, ca_certificate_id=None)
    world.balancers.edit(listener.id, lambda current: replace(current, tls=one_way))
    assert await world.reconcile(LISTENER, "api") is None
    assert world.balancers.state == {}


async def test_nothing_is_needed_of_a_namespace_that_is_being_emptied() -> None:
    """Secrets and ConfigMaps may go first, and nothing can be made again there."""
    world = await deleting()
    world.kube.delete(CA, CLIENTS)
    world.kube.secrets.clear()
    world.kube.config_maps.clear()
    before = len(world.faults.writes)
    await world.reconcile(LISTENER, "api")
    world.clock.advance(DRAIN)
    await world.settle()
    assert set(world.kube.objects) == {(Kind.CLIENT_CERT, ObjectRef("edge", "payments"))}
    assert world.store.uploads == {}
    listener_writes = [w for w in world.faults.writes[before:] if "payments" not in w]
    assert [w for w in listener_writes if w.startswith(("create", "update", "merge"))] == []
