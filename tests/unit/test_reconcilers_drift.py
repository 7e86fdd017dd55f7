"""What somebody changes in the cloud is found, named once, and repaired or left as it is, by the policy."""

import re
from datetime import timedelta
from typing import Any

import pytest
from builders import listener, node
from unit.drifts import DEEDS, ONE_WAY, STRANGER, Deed, _tls, edit, manifest, ours, rules, settled
from unit.fakes.cluster import Event
from unit.fakes.faults import Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.listener_status import Applied
from mtls_operator.api.meta import RENEW_ANNOTATION, Kind
from mtls_operator.core.actions import Plan, RenameListener
from mtls_operator.core.cloud import CertificateKind, Listener, ListenerId
from mtls_operator.core.drift import Judgement
from mtls_operator.core.outcome import Stuck
from mtls_operator.core.reasons import Reason
from mtls_operator.reconcilers.drift_report import with_drift
from mtls_operator.reconcilers.passes import Result
from mtls_operator.reconcilers.rounds import Arrival

LISTENER = Kind.MUTUAL_TLS_LISTENER
REPORT: dict[str, Any] = {"driftPolicy": "Report"}
every_deed = pytest.mark.parametrize("deed", DEEDS, ids=[deed.name for deed in DEEDS])


def said(world: World, kind: str = "MutualTLSListener") -> list[Event]:
    return [event for event in world.recorder.events if event.type == "Warning" and kind in event.key]


def names(deed: Deed, message: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in deed.found.split("…"))
    return re.search(pattern, message) is not None


async def passed(world: World, *, passes: int = 1) -> None:
    for _ in range(passes):
        await world.pass_over_all()


def condition(world: World, type_: str) -> dict[str, Any]:
    found = world.condition(LISTENER, "api", type_)
    assert found is not None
    return found


def plan(world: World) -> list[str]:
    found: list[str] = world.status(LISTENER, "api").get("plan", [])
    return found


def shape(known: Listener) -> object:
    """What a listener is, without the ids that the cloud gives anew."""
    routes = {
        (r.domain, r.path): (r.default, r.http2, r.scheduler, r.tls, frozenset(r.targets))
        for r in known.rules
    }
    return known.name, known.tls, routes


@every_deed
async def test_it_is_repaired_and_said_once(deed: Deed) -> None:
    world = await settled(sni=deed.sni)
    before = shape(ours(world))
    deed.do(world)
    await passed(world, passes=2)
    world.clock.advance(timedelta(seconds=31))
    await passed(world, passes=2)
    (event,) = said(world)
    assert event.reason == "DriftFound"
    assert names(deed, event.message), event.message
    assert "put right" in event.message
    if deed.name != "the certificate is deleted":
        assert shape(ours(world)) == before
    assert condition(world, "Ready")["status"] == "True"
    assert plan(world) == []


@every_deed
async def test_with_report_it_is_left_listed_and_said_once(deed: Deed) -> None:
    world = await settled(sni=deed.sni, **REPORT)
    deed.do(world)
    left = list(world.balancers.on(BALANCER))
    writes = len(world.faults.cloud_writes)
    await passed(world, passes=3)
    assert world.balancers.on(BALANCER) == left
    assert world.faults.cloud_writes[writes:] == []
    reason = "MutualTLSNotEnforced" if deed.opens else "DriftFound"
    (event,) = said(world)
    assert event.reason == reason
    assert names(deed, event.message), event.message
    ready, stalled = condition(world, "Ready"), condition(world, "Stalled")
    assert (ready["status"], ready["reason"], stalled["status"]) == ("False", reason, "True")
    programmed = condition(world, "Programmed")
    assert (programmed["status"], programmed["reason"]) == ("False", "DriftFound")
    assert plan(world)


@every_deed
async def test_with_report_nothing_is_written_while_nothing_changes(deed: Deed) -> None:
    world = await settled(sni=deed.sni, **REPORT)
    deed.do(world)
    await passed(world, passes=2)
    written = world.written()
    world.restart()
    await passed(world, passes=2)
    assert world.written() == written


@every_deed
async def test_the_report_goes_with_the_drift(deed: Deed) -> None:
    world = await settled(sni=deed.sni, **REPORT)
    deed.do(world)
    await passed(world)
    world.apply(manifest(sni=deed.sni))
    await passed(world, passes=2)
    world.clock.advance(timedelta(seconds=31))
    await passed(world)
    assert condition(world, "Ready")["status"] == "True"
    assert condition(world, "Programmed")["status"] == "True"
    assert plan(world) == []


async def test_an_open_door_is_closed_before_anything_else_is_done_or_said() -> None:
    world = await settled()
    for upload in list(world.store.uploads.values()):
        if upload.certificate.kind is CertificateKind.SERVER:
            del world.store.uploads[upload.certificate.id]
    edit(lambda known: _tls(known, **ONE_WAY))(world)
    rules(lambda rule: rule.__class__(**{**_fields(rule), "targets": ()}))(world)
    events: list[int] = []
    world.faults.watchers.append(lambda _: events.append(len(world.recorder.events)))
    writes = len(world.faults.writes)
    await world.reconcile(LISTENER, "api")
    assert world.faults.writes[writes].startswith("bind on ")
    assert events[0] == 0


def _fields(rule: Any) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in rule.__slots__}


async def test_a_repair_that_fails_is_said_once_and_done_later() -> None:
    world = await settled()
    edit(lambda known: _tls(known, **ONE_WAY))(world)
    for _ in range(3):
        world.faults.plan(0, Fault.NOT_ARRIVED)
        await world.reconcile(LISTENER, "api")
    await world.reconcile(LISTENER, "api")
    assert [event.reason for event in said(world)] == ["DriftFound"]
    binding = ours(world).tls
    assert binding is not None
    assert binding.required


async def test_the_same_deed_is_said_again_when_it_is_done_again() -> None:
    world = await settled()
    for _ in range(2):
        edit(lambda known: _tls(known, certificate_id=STRANGER))(world)
        await passed(world)
    assert len(said(world)) == 2


OURS: list[tuple[str, dict[str, Any], list[int]]] = [
    ("a manifest that changes", {"domains": manifest()["spec"]["domains"][:1]}, [1, 2]),
    ("a node that joins", {}, [1, 2, 3]),
    ("a node that leaves", {}, [1]),
    ("a renewed certificate", {"annotations": {RENEW_ANNOTATION: "1"}}, [1, 2]),
]


@pytest.mark.parametrize("policy", ["Repair", "Report"])
@pytest.mark.parametrize(("change", "nodes"), [row[1:] for row in OURS], ids=[row[0] for row in OURS])
async def test_a_change_of_ours_is_no_drift(change: dict[str, Any], nodes: list[int], policy: str) -> None:
    world = await settled(driftPolicy=policy)
    before = ours(world)
    world.view.held_nodes = [node(number) for number in nodes]
    fields = {key: value for key, value in change.items() if key != "domains"}
    changed = manifest(driftPolicy=policy, **fields)
    changed["spec"] |= {key: value for key, value in change.items() if key == "domains"}
    world.apply(changed)
    await passed(world, passes=2)
    world.clock.advance(timedelta(seconds=31))
    await passed(world, passes=2)
    assert said(world) == []
    assert ours(world) != before
    assert (condition(world, "Ready")["status"], plan(world)) == ("True", [])


async def test_with_report_a_node_joins_what_is_left_of_the_rules() -> None:
    world = await settled(**REPORT)
    next(deed for deed in DEEDS if deed.name == "a rule is deleted").do(world)
    await passed(world)
    world.view.held_nodes = [node(1), node(2), node(3)]
    await passed(world, passes=2)
    bound = {f"{rule.domain}{rule.path}": len(rule.targets) for rule in ours(world).rules}
    assert bound == {"a.acme.example/": 3, "b.acme.example/": 3}
    assert condition(world, "Ready")["reason"] == "DriftFound"


async def test_with_report_nothing_joins_behind_an_open_door() -> None:
    world = await settled(**REPORT)
    edit(lambda known: _tls(known, **ONE_WAY))(world)
    world.view.held_nodes = [node(1), node(2), node(3)]
    writes = len(world.faults.cloud_writes)
    await passed(world, passes=2)
    assert world.faults.cloud_writes[writes:] == []
    assert any("bind ins-00000003:30080" in sentence for sentence in plan(world))


async def test_with_report_a_rule_that_a_crash_left_empty_is_filled() -> None:
    """It was made for a change of the manifest, so what completes it is no drift either."""
    world = await settled(**REPORT)
    changed = manifest(**REPORT)
    changed["spec"]["domains"][1]["routes"].append(
        {"path": "/new", "backends": [{"nodePort": 30080}]},
    )
    world.apply(changed)
    world.faults.plan(1, Fault.NOT_ARRIVED)
    await world.reconcile(LISTENER, "api")
    assert [rule.path for rule in ours(world).rules if not rule.targets] == ["/new"]
    await passed(world, passes=2)
    assert [rule.path for rule in ours(world).rules if not rule.targets] == []
    assert said(world) == []


async def test_with_report_a_rule_that_a_change_of_the_rules_brings_back_gets_its_targets() -> None:
    world = await settled(**REPORT)
    next(deed for deed in DEEDS if deed.name == "a rule is deleted").do(world)
    await passed(world)
    changed = manifest(**REPORT)
    changed["spec"]["domains"][1]["http2"] = False
    world.apply(changed)
    await passed(world, passes=2)
    assert [len(rule.targets) for rule in ours(world).rules] == [2, 2, 2]
    assert plan(world) == []


async def test_with_report_a_deleted_certificate_is_uploaded_when_a_new_rule_needs_it() -> None:
    world = await settled(sni=True, **REPORT)
    for certificate, upload in list(world.store.uploads.items()):
        if upload.certificate.kind is CertificateKind.SERVER:
            del world.store.uploads[certificate]
    await passed(world)
    changed = manifest(sni=True, **REPORT)
    changed["spec"]["domains"][1]["routes"].append({"path": "/new", "backends": [{"nodePort": 30080}]})
    world.apply(changed)
    await passed(world, passes=2)
    assert "/new" in [rule.path for rule in ours(world).rules]
    assert condition(world, "Ready")["reason"] == "DriftFound"


async def test_with_report_a_further_finding_is_said_too() -> None:
    world = await settled(**REPORT)
    first = next(deed for deed in DEEDS if deed.name == "a rule is deleted")
    second = next(deed for deed in DEEDS if deed.name == "the listener is renamed")
    first.do(world)
    await passed(world, passes=2)
    second.do(world)
    await passed(world, passes=2)
    assert [names(second, event.message) for event in said(world)] == [False, True]


async def test_with_report_an_open_door_is_said_although_the_manifest_cannot_be_done() -> None:
    world = await settled(**REPORT)
    edit(lambda known: _tls(known, **ONE_WAY))(world)
    changed = manifest(**REPORT)
    changed["spec"]["tls"]["caRef"]["name"] = "nobody"
    world.apply(changed)
    left = ours(world)
    await passed(world, passes=2)
    assert ours(world) == left
    assert condition(world, "Ready")["reason"] == "MutualTLSNotEnforced"


async def test_what_agrees_is_remembered_and_written_once_for_each_change() -> None:
    world = await settled()
    applied = world.status(LISTENER, "api")["applied"]
    assert set(applied) == {"certificates", "rules", "targets"}
    world.view.held_nodes = [node(1), node(2), node(3)]
    writes = len(world.faults.writes)
    await passed(world, passes=3)
    after = world.status(LISTENER, "api")["applied"]
    assert {name for name in applied if applied[name] != after[name]} == {"targets"}
    assert [w for w in world.faults.writes[writes:] if "status" in w] == [
        "apply status MutualTLSListener edge/api"
    ]


async def test_a_deleted_certificate_of_an_authority_is_uploaded_again_and_said_of_it() -> None:
    world = await settled()
    (lost,) = [c for c, u in world.store.uploads.items() if u.certificate.kind is CertificateKind.CA]
    del world.store.uploads[lost]
    await passed(world, passes=3)
    (event,) = said(world, "CertificateAuthority")
    assert (event.reason, str(lost) in event.message) == ("DriftFound", True)
    binding = ours(world).tls
    assert binding is not None
    assert binding.ca_certificate_id in world.store.uploads
    assert condition(world, "Ready")["status"] == "True"


def test_with_report_a_door_that_a_trial_found_open_matters_more() -> None:
    resource = listener(driftPolicy="Report")
    rename = RenameListener(listener=ListenerId("lbl-1"), name="ours")
    judged = Judgement(
        plan=Plan((rename,)),
        drift=(rename,),
        ours=(),
        found=("the listener is called 'mine'",),
        is_open=False,
        is_gone=False,
        applied=Applied(),
        is_settled=False,
    )
    trial = Stuck(reason=Reason.MUTUAL_TLS_NOT_ENFORCED, message="a.acme.example answered without one")
    result = with_drift(
        Result(status=resource.status, outcome=trial), resource, Arrival(listener=None, judged=judged)
    )
    assert isinstance(result.outcome, Stuck)
    assert result.outcome.reason is Reason.MUTUAL_TLS_NOT_ENFORCED
    assert result.outcome.message.startswith(trial.message)
    assert "the listener is called 'mine'" in result.outcome.message
