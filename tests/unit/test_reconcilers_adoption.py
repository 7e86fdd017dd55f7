"""A listener that somebody made by hand becomes ours when the manifest asks for it and it is alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import authority_manifest, domain_manifest, listener_manifest, node, route_manifest
from unit.by_hand import CA, REF, SERVER, abandoned, listener_of, manifest
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import BALANCER, CLUSTER, World

from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.build import listener_name
from mtls_operator.core.cloud import CertId, Listener, Rule, Target

KIND = Kind.MUTUAL_TLS_LISTENER


def ready(world: World, name: str = "api") -> tuple[str, str]:
    condition = world.condition(KIND, name, "Ready")
    assert condition is not None
    return condition["reason"], condition["message"]


def own_name(world: World) -> str:
    return listener_name(CLUSTER, MutualTLSListener.parse(world.kube.objects[KIND, REF]))


def adoptions(world: World) -> list[str]:
    return [message for reason, message in events(world) if reason == "Adopted"]


def events(world: World) -> list[tuple[str, str]]:
    return [(event.reason, event.message) for event in world.recorder.events]


def behaviour(listener: Listener) -> object:
    """Return what clients and backends notice of a listener: all but names and ids of certificates."""
    closed = listener.tls is None or (listener.tls.mutual and listener.tls.required)
    rules = [replace(rule, tls=None) for rule in listener.rules]
    return (listener.id, listener.port, listener.sni, closed, rules)


@pytest.mark.parametrize("sni", [False, True], ids=["method 1", "method 2"])
async def test_one_that_is_alike_gets_our_name_and_our_uploads_and_nothing_else(*, sni: bool) -> None:
    world = await abandoned(sni=sni)
    before = listener_of(world)
    world.apply(manifest(sni=sni))
    await world.settle()
    after = listener_of(world)
    assert ready(world)[0] == "Succeeded"
    assert after.name == own_name(world)
    assert behaviour(after) == behaviour(before)
    binding = after.rules[0].tls if sni else after.tls
    assert binding is not None
    assert {binding.certificate_id, binding.ca_certificate_id} == set(world.store.uploads)
    change = f"bind domain api.acme.example on {after.id}" if sni else f"bind on {after.id}"
    assert world.faults.cloud_writes == [
        "UploadCertificate CA edge/clients",
        f"rename on {after.id}",
        "UploadCertificate server edge/purchased",
        change,
    ]
    assert world.status(KIND, "api")["listenerId"] == after.id


async def test_one_event_says_that_it_is_ours_now() -> None:
    world = await abandoned()
    world.apply(manifest())
    await world.settle()
    (said,) = adoptions(world)
    assert f"listener {listener_of(world).id} (by hand) of load balancer lb-1a2b3c4d" in said
    written = world.written()
    await world.settle()
    assert world.written() == written


async def test_it_is_known_by_its_name_even_when_the_policy_is_taken_back() -> None:
    world = await abandoned()
    world.apply(manifest())
    await world.settle()
    world.kube.objects[KIND, REF].pop("status")
    world.apply(manifest("Never"))
    await world.settle()
    assert ready(world)[0] == "Succeeded"


async def test_it_goes_with_its_object_and_the_uploads_of_others_stay() -> None:
    world = await abandoned()
    world.apply(manifest())
    await world.settle()
    world.kube.delete(KIND, REF)
    await world.settle()
    world.clock.advance(timedelta(seconds=31))
    await world.settle()
    assert world.balancers.on(BALANCER) == []
    assert set(world.store.foreign) == {CA, SERVER}


async def test_under_never_it_is_left_alone() -> None:
    world = await abandoned()
    before = listener_of(world)
    world.apply(manifest("Never"))
    await world.settle()
    assert ready(world)[0] == "PortTaken"
    assert listener_of(world) == before


def rule(change: Callable[[Rule], Rule]) -> Callable[[Listener], Listener]:
    return lambda known: replace(known, rules=tuple(change(one) for one in known.rules))


def tls(**changes: Any) -> Callable[[Listener], Listener]:
    def change(known: Listener) -> Listener:
        assert known.tls is not None
        return replace(known, tls=replace(known.tls, **changes))

    return change


def probe(**changes: Any) -> Callable[[Listener], Listener]:
    return rule(lambda one: replace(one, health_check=replace(one.health_check, **changes)))


def without_first_target(one: Rule) -> Rule:
    return replace(one, targets=one.targets[1:])


def with_stranger(one: Rule) -> Rule:
    endpoint = replace(one.targets[0].endpoint, instance_id="ins-stranger")
    return replace(one, targets=(*one.targets, Target(endpoint=endpoint, weight=10)))


def with_weight(one: Rule) -> Rule:
    return replace(one, targets=tuple(replace(target, weight=7) for target in one.targets))


DIFFERENT = {
    "one-way": (tls(mutual=False, ca_certificate_id=None), "the listener asks clients for no certificate"),
    "optional": (tls(required=False), "the listener lets in clients without a certificate, too"),
    "another CA": (tls(ca_certificate_id=CertId("ca-2")), "admits the clients of CA certificate ca-2"),
    "another server certificate": (tls(certificate_id=CertId("s-2")), "shows server certificate s-2"),
    "a second server certificate": (
        tls(further_certificate_ids=(CertId("s-2"),)),
        "shows server certificate s-2",
    ),
    "a scheduler": (rule(lambda one: replace(one, scheduler="IP_HASH")), "scheduler is IP_HASH, not WRR"),
    "a protocol": (
        rule(lambda one: replace(one, backend_protocol="HTTPS")),
        "backendProtocol is HTTPS, not HTTP",
    ),
    "a session": (rule(lambda one: replace(one, session_seconds=60)), "sessionPersistence is 60s, not 0s"),
    "a probe's path": (probe(path="/up"), "healthCheck.path is /up, not /"),
    "a probe's codes": (probe(codes=frozenset({"2xx"})), "healthCheck.codes is 2xx, not 2xx, 3xx"),
    "no probes": (probe(enabled=False), "healthCheck.enabled is false"),
    "no HTTP/2": (rule(lambda one: replace(one, http2=False)), "HTTP/2 off"),
    "a rule more": (
        lambda known: replace(known, rules=(*known.rules, replace(known.rules[0], path="/old"))),
        "it has a rule api.acme.example/old",
    ),
    "no rule": (lambda known: replace(known, rules=()), "it has no rule api.acme.example/"),
    "a target less": (rule(without_first_target), "ins-00000001:30080 is not bound"),
    "a target more": (rule(with_stranger), "ins-stranger:30080 is bound"),
    "weights": (rule(with_weight), "the weight of ins-00000001:30080 is 7, not 10"),
}


@pytest.mark.parametrize(("change", "sentence"), DIFFERENT.values(), ids=DIFFERENT)
async def test_one_that_differs_is_refused_and_left_alone(
    change: Callable[[Listener], Listener], sentence: str
) -> None:
    world = await abandoned()
    world.balancers.edit(listener_of(world).id, change)
    before = listener_of(world)
    world.apply(manifest())
    await world.settle()
    reason, message = ready(world)
    assert reason == "AdoptionRefused"
    assert sentence in message
    assert "`kubectl mtls import lb-1a2b3c4d 443 --region ap-guangzhou`" in message
    assert listener_of(world) == before
    assert world.faults.cloud_writes == ["UploadCertificate CA edge/clients"]
    assert world.condition(KIND, "api", "Stalled") is not None


async def test_once_the_difference_is_gone_it_is_adopted() -> None:
    world = await abandoned()
    known = listener_of(world)
    world.balancers.edit(known.id, rule(with_weight))
    world.apply(manifest())
    await world.settle()
    world.balancers.edit(known.id, lambda _: known)
    await world.settle()
    assert ready(world)[0] == "Succeeded"


@pytest.mark.parametrize(("change", "sentence"), DIFFERENT.values(), ids=DIFFERENT)
async def test_always_takes_it_whatever_it_is_and_makes_it_what_the_manifest_says(
    change: Callable[[Listener], Listener], sentence: str
) -> None:
    world = await abandoned()
    known = listener_of(world)
    world.balancers.edit(known.id, change)
    world.allow_always = True
    world.restart()
    world.apply(manifest("Always", drainPeriod="0s"))
    await world.settle()
    after = listener_of(world)
    assert ready(world)[0] == "Succeeded"
    assert (after.id, after.name) == (known.id, own_name(world))
    assert after.tls is not None
    assert {after.tls.certificate_id, after.tls.ca_certificate_id} == set(world.store.uploads)
    assert [(one.domain, one.path) for one in after.rules] == [("api.acme.example", "/")]
    assert len(adoptions(world)) == 1


async def test_always_without_consent_changes_nothing() -> None:
    world = await abandoned()
    before = listener_of(world)
    world.apply(manifest("Always"))
    await world.settle()
    assert ready(world)[0] == "AdoptionRefused"
    assert "adoption.allowAlways" in ready(world)[1]
    assert listener_of(world) == before


async def test_of_several_copies_the_one_that_was_there_before_ours_is_known_later_too() -> None:
    """The service then names ours: what it named when ours was uploaded tells that the other is a copy."""
    world = await abandoned()
    world.store.names_newest = True
    world.apply(manifest())
    await world.settle()
    assert ready(world)[0] == "Succeeded"


async def test_of_several_copies_one_that_was_never_named_is_not_taken_for_a_copy() -> None:
    world = await abandoned()
    twin = CertId("ca-twin")
    world.store.foreign[twin] = world.store.foreign[CA]
    world.balancers.edit(listener_of(world).id, tls(ca_certificate_id=twin))
    world.apply(manifest())
    await world.settle()
    reason, message = ready(world)
    (own,) = world.store.uploads
    assert reason == "AdoptionRefused"
    assert f"CA certificate {twin}, which is not seen to hold the same as the manifest's, {own}" in message
    world.balancers.edit(listener_of(world).id, tls(ca_certificate_id=own))
    await world.settle()
    assert ready(world)[0] == "Succeeded"


async def test_an_upload_with_more_roots_than_ours_is_no_copy() -> None:
    """The service may compare first certificates alone; the other root's clients would be shut out."""
    world = await abandoned()
    alone = world.store.authorities_in

    async def of_two(certificate: CertId) -> int:
        return await alone(certificate) + 1

    world.store.authorities_in = of_two  # type: ignore[method-assign]
    world.apply(manifest())
    await world.settle()
    assert ready(world)[0] == "AdoptionRefused"


async def test_what_an_earlier_life_left_is_had_back_with_the_certificates_of_its_successor() -> None:
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(authority_manifest(), listener_manifest())
    await world.settle()
    before = listener_of(world)
    world.kube.objects[KIND, REF]["metadata"]["finalizers"] = []
    world.kube.delete(KIND, REF)
    world.apply(listener_manifest())
    await world.settle()
    assert ready(world)[0] == "PortTaken"
    assert "to have it back" in ready(world)[1]
    world.apply(listener_manifest(adoptionPolicy="IfIdentical"))
    await world.settle()
    after = listener_of(world)
    assert ready(world)[0] == "Succeeded"
    assert behaviour(after) == behaviour(before)
    assert after.tls != before.tls


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
async def test_one_failed_write_changes_nothing_in_the_end(number: int, fault: Fault) -> None:
    world = await abandoned()
    before = behaviour(listener_of(world))
    seen: list[object] = []
    world.faults.watchers.append(lambda _: seen.append(behaviour(listener_of(world))))
    world.apply(manifest())
    world.faults.plan(number, fault)
    for _ in range(6):
        try:
            await world.pass_over_all()
        except Crash:
            world.restart()
    assert [one for one in seen if one != before] == []
    assert len(seen) > 4
    after = listener_of(world)
    assert after.name == own_name(world)
    assert after.tls is not None
    assert {after.tls.certificate_id, after.tls.ca_certificate_id} == set(world.store.uploads)


async def test_an_object_that_is_deleted_amid_its_adoption_leaves_nothing() -> None:
    world = await abandoned()
    world.apply(manifest())
    await world.pass_over_all()
    world.faults.clear()
    world.kube.delete(KIND, REF)
    await world.settle()
    world.clock.advance(timedelta(seconds=31))
    await world.settle()
    assert world.balancers.on(BALANCER) == []
    assert {upload.certificate.kind.value for upload in world.store.uploads.values()} <= {"CA"}


async def test_of_two_objects_that_want_it_one_gets_it_and_the_other_says_so() -> None:
    world = await abandoned()
    rival = manifest()
    rival["metadata"]["name"] = "rival"
    world.apply(manifest(), rival)
    await world.settle()
    reasons = {name: ready(world, name)[0] for name in ("api", "rival")}
    assert sorted(reasons.values()) == ["AdoptionRefused", "Succeeded"]
    assert len(adoptions(world)) == 1
    written = len(world.faults.cloud_writes)
    await world.settle()
    assert len(world.faults.cloud_writes) == written


async def test_two_that_adopted_it_at_the_same_moment_do_not_rename_it_in_turns() -> None:
    world = await abandoned()
    rival = manifest()
    rival["metadata"]["name"] = "rival"
    world.apply(manifest())
    await world.settle()
    world.apply(rival)
    body = MutualTLSListener.parse(world.kube.objects[KIND, ObjectRef("edge", "rival")])
    world.balancers.edit(
        listener_of(world).id, lambda known: replace(known, name=listener_name(CLUSTER, body))
    )
    await world.settle()
    assert {name: ready(world, name)[0] for name in ("api", "rival")} == {
        "api": "AdoptionRefused",
        "rival": "Succeeded",
    }


async def test_more_domains_than_the_listener_has_are_all_named() -> None:
    world = await abandoned()
    world.apply(
        manifest(domains=[domain_manifest("api.acme.example", route_manifest(), route_manifest("/v1"))])
    )
    await world.settle()
    assert "it has no rule api.acme.example/v1" in ready(world)[1]


async def test_planned_only_the_adoption_is_a_sentence_and_nothing_is_written() -> None:
    world = await abandoned()
    before = listener_of(world)
    planned = manifest()
    planned["metadata"]["annotations"] = {"mtls.clb-operator.dev/plan-only": "true"}
    world.apply(planned)
    await world.settle()
    planned = world.status(KIND, "api")["plan"]
    assert f"adopt listener {before.id} (by hand) by the name {own_name(world)!r}" in planned
    assert [sentence.partition(" ")[0] for sentence in planned] == ["upload", "adopt", "upload", "bind"]
    assert listener_of(world) == before
    assert adoptions(world) == []


@pytest.mark.parametrize("policy", ["Repair", "Report"])
async def test_an_adoption_is_no_drift(policy: str) -> None:
    world = await abandoned()
    world.apply(manifest(driftPolicy=policy))
    await world.settle()
    assert ready(world)[0] == "Succeeded"
    assert {reason for reason, _ in events(world)} <= {"Adopted", "Succeeded"}
    assert listener_of(world).name == own_name(world)
