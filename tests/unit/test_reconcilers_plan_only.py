"""`plan-only` and drafts: the plan in the words of the executor, and nothing written to the cloud."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, listener_manifest, node
from unit.drifts import ONE_WAY, _tls, edit, manifest, ours, settled
from unit.fakes.cluster import Event
from unit.fakes.faults import Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import PLAN_FOR_ANNOTATION, PLAN_ONLY_ANNOTATION, SYNC_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.cloud import CertificateKind, TargetHealth
from mtls_operator.core.outcome import Done, Waiting

LISTENER, AUTHORITY = Kind.MUTUAL_TLS_LISTENER, Kind.CERTIFICATE_AUTHORITY
PLAN_ONLY = {PLAN_ONLY_ANNOTATION: "true"}
REF, DRAFT = ObjectRef("edge", "api"), ObjectRef("edge", "api-plan-1")


def plan(world: World, name: str = "api") -> list[str]:
    found: list[str] = world.status(LISTENER, name).get("plan", [])
    return found


def condition(world: World, type_: str, name: str = "api") -> dict[str, Any] | None:
    return world.condition(LISTENER, name, type_)


def draft(**changes: Any) -> dict[str, Any]:
    """Return a draft for the listener `api`."""
    made = manifest(**changes)
    made["metadata"] |= {"name": DRAFT.name, "annotations": {PLAN_FOR_ANNOTATION: "api"}}
    return made


async def new_world(**annotations: str) -> World:
    """Return a world whose listener is planned only from the beginning."""
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(authority_manifest(), listener_manifest(annotations={**PLAN_ONLY, **annotations}))
    await world.settle()
    return world


async def test_a_new_listener_is_planned_with_what_has_to_come_first() -> None:
    world = await new_world()
    assert plan(world) == [
        "upload the certificate of CertificateAuthority edge/clients",
        "issue a server certificate into Secret api-server: there is no usable certificate yet",
        "upload the server certificate of Secret api-server (yet to be issued…)",
        "create HTTPS listener on port 443 with mutual authentication",
        "create forwarding rule api.acme.example/",
        "bind ins-00000001:30080, ins-00000002:30080",
    ]


async def test_nothing_is_written_for_it_but_its_status_and_one_event() -> None:
    world = await new_world()
    await world.settle()
    assert world.faults.cloud_writes == []
    assert ObjectRef("edge", "api-server") not in world.kube.secrets
    assert "finalizers" not in world.kube.objects[LISTENER, REF]["metadata"]
    of_ours = [write for write in world.faults.writes if "edge/api" in write]
    assert of_ours == ["apply status MutualTLSListener edge/api"]
    (event,) = [event for event in world.recorder.events if "edge/api" in event.key]
    assert (event.type, event.reason) == ("Normal", "PlanOnly")
    assert "create HTTPS listener on port 443" in event.message


async def test_it_is_reconciling_for_as_long_as_something_is_planned() -> None:
    world = await new_world()
    outcome = await world.reconcile(LISTENER, "api")
    assert isinstance(outcome, Waiting)
    assert outcome.after is None
    ready, reconciling = condition(world, "Ready"), condition(world, "Reconciling")
    assert ready is not None
    assert reconciling is not None
    assert (ready["status"], ready["reason"], reconciling["status"]) == ("False", "PlanOnly", "True")
    assert condition(world, "Stalled") is None


async def test_one_that_agrees_is_ready() -> None:
    world = await settled()
    world.apply(manifest(annotations=PLAN_ONLY))
    outcome = await world.reconcile(LISTENER, "api")
    assert isinstance(outcome, Done)
    healthy = condition(world, "BackendsHealthy")
    assert healthy is not None
    assert world.status(LISTENER, "api")["listenerId"] == ours(world).id


async def test_one_that_agrees_is_reported_on_like_any_other() -> None:
    world = await settled()
    world.apply(manifest(annotations=PLAN_ONLY))
    world.balancers.sick = {ours(world).rules[0].targets[0].endpoint: TargetHealth.DEAD}
    await world.reconcile(LISTENER, "api")
    healthy = condition(world, "BackendsHealthy")
    assert healthy is not None
    assert healthy["reason"] == "SomeBackendsUnhealthy"
    assert world.status(LISTENER, "api")["healthy"] == "3/6"


async def test_an_open_door_is_planned_first_and_left() -> None:
    world = await settled()
    world.apply(manifest(annotations=PLAN_ONLY))
    edit(lambda known: _tls(known, **ONE_WAY))(world)
    left = ours(world)
    await world.settle()
    assert plan(world) == [f"require client certificates again on listener {left.id}, which lets in others"]
    assert ours(world) == left


async def test_an_open_door_is_left_although_the_manifest_cannot_be_done() -> None:
    world = await settled()
    changed = manifest(annotations=PLAN_ONLY)
    changed["spec"]["tls"]["caRef"]["name"] = "nobody"
    world.apply(changed)
    edit(lambda known: _tls(known, **ONE_WAY))(world)
    left = ours(world)
    await world.settle()
    assert ours(world) == left


async def test_the_plan_is_what_is_done_when_the_annotation_goes() -> None:
    world = await settled()
    changed = manifest(annotations=PLAN_ONLY)
    changed["spec"]["domains"][0]["routes"].pop()
    world.apply(changed)
    await world.settle()
    assert plan(world) == ["delete forwarding rule a.acme.example/x"]
    changed["metadata"]["annotations"] = {}
    world.apply(changed)
    await world.settle()
    assert plan(world) == []
    assert [rule.path for rule in ours(world).rules] == ["/", "/"]


async def test_an_event_is_recorded_only_when_the_plan_changes() -> None:
    world = await new_world()
    world.apply(listener_manifest(annotations={**PLAN_ONLY, SYNC_ANNOTATION: "1"}))
    await world.settle()
    assert len(_planned(world)) == 1
    world.view.held_nodes = [node(1)]
    await world.settle()
    assert len(_planned(world)) == 2


def _planned(world: World) -> list[Event]:
    return [event for event in world.recorder.events if event.reason == "PlanOnly"]


async def test_its_deletion_waits_with_what_it_has_in_the_cloud() -> None:
    world = await settled()
    world.apply(manifest(annotations=PLAN_ONLY))
    world.kube.delete(LISTENER, REF)
    left = ours(world)
    await world.settle()
    assert ours(world) == left
    assert plan(world) == [f"delete listener {left.id} and the certificates uploaded for it"]
    del world.kube.objects[LISTENER, REF]["metadata"]["annotations"][PLAN_ONLY_ANNOTATION]
    await world.settle()
    world.clock.advance(timedelta(seconds=31))
    await world.settle()
    assert world.balancers.on(BALANCER) == []


async def test_one_that_was_never_made_is_deleted_at_once() -> None:
    world = await new_world()
    world.kube.delete(LISTENER, REF)
    await world.settle()
    assert (LISTENER, REF) not in world.kube.objects
    assert world.faults.cloud_writes == []


async def test_one_that_was_never_made_does_not_hold_up_its_authority() -> None:
    world = await new_world()
    world.kube.delete(AUTHORITY, ObjectRef("edge", "clients"))
    await world.settle()
    assert (AUTHORITY, ObjectRef("edge", "clients")) not in world.kube.objects


async def test_an_authority_is_uploaded_again_for_one_that_is_in_the_cloud() -> None:
    world = await settled()
    world.apply(manifest(annotations=PLAN_ONLY))
    (lost,) = [c for c, u in world.store.uploads.items() if u.certificate.kind is CertificateKind.CA]
    del world.store.uploads[lost]
    await world.settle()
    assert any(u.certificate.kind is CertificateKind.CA for u in world.store.uploads.values())


async def test_a_draft_is_planned_in_the_place_of_the_object_that_it_names() -> None:
    world = await settled()
    before, status = ours(world), world.status(LISTENER, "api")
    wanted = draft()
    wanted["spec"]["domains"][0]["routes"].pop()
    world.apply(wanted)
    writes = len(world.faults.writes)
    await world.settle()
    assert plan(world, DRAFT.name) == ["delete forwarding rule a.acme.example/x"]
    assert world.faults.writes[writes:] == [f"apply status MutualTLSListener {DRAFT}"]
    assert (ours(world), world.status(LISTENER, "api")) == (before, status)
    assert world.recorder.events == []


async def test_a_draft_as_its_object_is_plans_nothing() -> None:
    world = await settled()
    world.apply(draft())
    assert isinstance(await world.reconcile(LISTENER, DRAFT.name), Done)
    assert plan(world, DRAFT.name) == []


async def test_a_draft_of_nothing_is_planned_as_new() -> None:
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), draft())
    await world.settle()
    assert "create HTTPS listener on port 443 with mutual authentication" in plan(world, DRAFT.name)
    assert "issue a server certificate into Secret api-server: there is no usable certificate yet" in plan(
        world, DRAFT.name
    )
    assert world.faults.cloud_writes == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("port", 8443), ("sni", True), ("loadBalancer", {"id": "lb-2", "region": "ap-guangzhou"})],
)
async def test_a_draft_with_what_cannot_be_changed_is_refused(field: str, value: object) -> None:
    world = await settled()
    wanted = draft()
    wanted["spec"][field] = value
    world.apply(wanted)
    await world.settle()
    ready = condition(world, "Ready", DRAFT.name)
    assert ready is not None
    assert ready["reason"] == "InvalidSpec"
    assert f"{field} of MutualTLSListener edge/api cannot be changed" in ready["message"]


async def test_a_draft_goes_without_a_trace() -> None:
    world = await settled()
    world.apply(draft())
    await world.settle()
    before, uploads = ours(world), dict(world.store.uploads)
    writes = len(world.faults.writes)
    world.kube.delete(LISTENER, DRAFT)
    await world.settle()
    assert (LISTENER, DRAFT) not in world.kube.objects
    assert (ours(world), world.store.uploads, world.faults.writes[writes:]) == (before, uploads, [])


async def test_a_draft_holds_up_no_authority() -> None:
    world = World()
    world.apply(authority_manifest(), draft())
    await world.settle()
    world.kube.delete(AUTHORITY, ObjectRef("edge", "clients"))
    await world.settle()
    assert (AUTHORITY, ObjectRef("edge", "clients")) not in world.kube.objects


async def test_a_listener_that_is_called_a_draft_later_is_still_held_by_what_it_has() -> None:
    """The finalizer decides, so that nobody loses a listener in the cloud by an annotation."""
    world = await settled()
    world.apply(manifest(annotations={PLAN_FOR_ANNOTATION: "api"}))
    world.kube.delete(LISTENER, REF)
    await world.settle()
    assert (LISTENER, REF) in world.kube.objects
    assert len(world.balancers.on(BALANCER)) == 1


async def test_a_plan_does_not_touch_the_clocks_of_draining_targets() -> None:
    world = await settled()
    world.view.held_nodes = [node(1)]
    await world.settle()
    wanted = draft()
    wanted["spec"]["nodeSelector"] = {"pool": "none"}
    world.apply(wanted)
    await world.settle()
    outcome = await world.reconcile(LISTENER, "api")
    assert outcome is not None
    assert outcome.after is not None
    assert outcome.after.total_seconds() <= 30


async def test_a_sync_is_answered_and_asks_the_cloud_afresh() -> None:
    world = await settled()
    world.apply(manifest(annotations={SYNC_ANNOTATION: "now"}))
    await world.reconcile(LISTENER, "api")
    assert world.status(LISTENER, "api")["lastHandledSync"] == "now"
    assert world.store.expired == 1
    written = world.written()
    await world.settle()
    assert (world.written(), world.store.expired) == (written, 1)


async def test_a_sync_is_answered_in_failure_too() -> None:
    world = await settled()
    edit(lambda known: replace(known, name="another"))(world)
    world.apply(manifest(annotations={SYNC_ANNOTATION: "now"}))
    world.faults.plan(0, Fault.ACCESS_DENIED)
    await world.reconcile(LISTENER, "api")
    assert world.status(LISTENER, "api")["lastHandledSync"] == "now"
    ready = condition(world, "Ready")
    assert ready is not None
    assert ready["reason"] == "CloudAccessDenied"


async def test_a_sync_is_answered_with_plan_only() -> None:
    world = await new_world(**{SYNC_ANNOTATION: "now"})
    assert world.status(LISTENER, "api")["lastHandledSync"] == "now"
