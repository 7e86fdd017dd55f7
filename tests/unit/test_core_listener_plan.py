"""Every row of the listener plan's truth table, and the order of work."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, health_check

from mtls_operator.core import actions
from mtls_operator.core.actions import Action, Plan, Stage, Tls
from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    Fingerprint,
    Listener,
    ListenerId,
    LocationId,
    MutualBinding,
    Rule,
    Target,
    TlsBinding,
)
from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute, ObservedListener
from mtls_operator.core.listener_plan import plan_listener

CHECK = health_check()
NEW, OLD = Fingerprint("f" * 64), Fingerprint("0" * 64)
CA, OTHER_CA = CertId("cert-ca"), CertId("cert-other-ca")
SERVER, OLD_SERVER = CertId("cert-new"), CertId("cert-old")
TLS = Tls(server=(NEW,), ca=CA)
LB = ListenerId("lbl-1")


def target(number: int, weight: int = 10) -> Target:
    return Target(endpoint=Endpoint(instance_id=f"ins-{number}", port=30080), weight=weight)


ROUTE = DesiredRoute(
    path="/",
    scheduler="WRR",
    backend_protocol="HTTP",
    session_seconds=0,
    health_check=CHECK,
    targets=(target(1), target(2)),
)
RIGHT = TlsBinding(mutual=True, required=True, certificate_id=SERVER, ca_certificate_id=CA)


def wanted(
    *routes: DesiredRoute, sni: bool = False, drain: int = 30, names: tuple[str, ...] = ("a.example",)
) -> DesiredListener:
    domains = tuple(
        DesiredDomain(
            name=name, default=n == 0, http2=True, tls=TLS if sni else None, routes=routes or (ROUTE,)
        )
        for n, name in enumerate(names)
    )
    return DesiredListener(
        name="ours",
        port=443,
        sni=sni,
        tls=None if sni else TLS,
        domains=domains,
        secrets={NEW: "api-server"},
        drain_period=timedelta(seconds=drain),
    )


def rule(domain: str = "a.example", path: str = "/", tls: TlsBinding | None = None) -> Rule:
    return Rule(
        id=LocationId(f"loc-{domain}{path}"),
        domain=domain,
        path=path,
        default=domain == "a.example",
        http2=True,
        scheduler="WRR",
        backend_protocol="HTTP",
        session_seconds=0,
        health_check=CHECK,
        tls=tls,
        targets=(target(1), target(2)),
    )


RULE = rule()
GOOD = Listener(
    id=LB, name="ours", protocol="HTTPS", port=443, sni=False, tls=RIGHT, create_time="t", rules=(RULE,)
)
SNI_RULE = rule(tls=RIGHT)
SNI_GOOD = replace(GOOD, sni=True, tls=None, rules=(SNI_RULE,))
PLAIN = wanted()
SNI = wanted(sni=True)


def plan(
    desired: DesiredListener,
    listener: Listener | None,
    *,
    uploaded: bool = True,
    unused: tuple[CertId, ...] = (),
) -> Plan:
    uploads = {NEW: SERVER, OLD: OLD_SERVER} if uploaded else {OLD: OLD_SERVER}
    return plan_listener(desired, ObservedListener(listener=listener, uploads=uploads, unused=unused), NOW)


def kinds(found: Plan) -> list[type[Action]]:
    return [type(action) for action in found.actions]


@pytest.mark.parametrize(("desired", "listener"), [(PLAIN, GOOD), (SNI, SNI_GOOD)], ids=["SNI off", "SNI on"])
def test_a_converged_listener_needs_nothing(desired: DesiredListener, listener: Listener) -> None:
    assert plan(desired, listener) == Plan()


def test_nothing_yet_is_uploaded_created_and_bound_in_this_order() -> None:
    found = plan(PLAIN, None, uploaded=False)
    assert kinds(found) == [
        actions.UploadServerCertificate,
        actions.CreateListener,
        actions.CreateRules,
        actions.RegisterTargets,
    ]
    assert [action.stage for action in found.next_stage()] == [Stage.CERTIFICATES]
    assert found.sentences()[-1] == "bind ins-1:30080, ins-2:30080"


def test_a_listener_is_created_with_its_binding_and_with_sni_its_rules_are() -> None:
    (create, rules, _) = plan(PLAIN, None).actions
    assert isinstance(create, actions.CreateListener)
    assert isinstance(rules, actions.CreateRules)
    assert (create.tls, rules.rules[0].tls) == (TLS, None)
    (create, rules, _) = plan(SNI, None).actions
    assert isinstance(create, actions.CreateListener)
    assert isinstance(rules, actions.CreateRules)
    assert (create.tls, rules.rules[0].tls) == (None, TLS)


OPEN = [
    ("one-way", replace(RIGHT, mutual=False)),
    ("optional", replace(RIGHT, required=False)),
    ("another CA", replace(RIGHT, ca_certificate_id=OTHER_CA)),
    ("no CA", replace(RIGHT, ca_certificate_id=None)),
]


@pytest.mark.parametrize("binding", [row[1] for row in OPEN], ids=[row[0] for row in OPEN])
def test_an_open_listener_is_closed_before_anything_else(binding: TlsBinding) -> None:
    found = plan(PLAIN, replace(GOOD, tls=binding, name="renamed"))
    assert found.next_stage() == (
        actions.CloseListener(listener=LB, binding=MutualBinding(server=(SERVER,), ca=CA)),
    )
    assert actions.BindListener not in kinds(found)


@pytest.mark.parametrize("binding", [row[1] for row in OPEN], ids=[row[0] for row in OPEN])
def test_an_open_domain_is_closed_before_anything_else(binding: TlsBinding) -> None:
    found = plan(SNI, replace(SNI_GOOD, name="renamed", rules=(rule(tls=binding),)))
    assert found.next_stage() == (
        actions.CloseDomain(listener=LB, domain="a.example", binding=MutualBinding(server=(SERVER,), ca=CA)),
    )


def test_closing_does_not_wait_for_an_upload() -> None:
    listener = replace(GOOD, tls=replace(RIGHT, mutual=False, certificate_id=OLD_SERVER))
    found = plan(PLAIN, listener, uploaded=False)
    assert found.next_stage() == (
        actions.CloseListener(listener=LB, binding=MutualBinding(server=(OLD_SERVER,), ca=CA)),
    )
    assert kinds(found) == [actions.CloseListener, actions.UploadServerCertificate, actions.BindListener]


CERTIFICATES = [
    ("another server certificate", replace(RIGHT, certificate_id=OLD_SERVER)),
    ("a further server certificate", replace(RIGHT, further_certificate_ids=(OLD_SERVER,))),
    ("none at all", None),
]


@pytest.mark.parametrize(
    "binding", [row[1] for row in CERTIFICATES[:2]], ids=[row[0] for row in CERTIFICATES[:2]]
)
def test_another_certificate_is_replaced(binding: TlsBinding) -> None:
    assert plan(PLAIN, replace(GOOD, tls=binding)).actions == (actions.BindListener(listener=LB, tls=TLS),)
    (change,) = plan(SNI, replace(SNI_GOOD, rules=(rule(tls=binding),))).actions
    assert change == actions.ChangeDomain(listener=LB, domain="a.example", tls=TLS)


def test_a_listener_without_certificates_gets_them_at_once() -> None:
    (close,) = plan(PLAIN, replace(GOOD, tls=None)).actions
    assert isinstance(close, actions.CloseListener)


def test_a_renamed_listener_gets_its_name_again() -> None:
    assert plan(PLAIN, replace(GOOD, name="x")).actions == (actions.RenameListener(listener=LB, name="ours"),)


RULE_CHANGES = [
    ("scheduler", replace(RULE, scheduler="IP_HASH")),
    ("backendProtocol", replace(RULE, backend_protocol="HTTPS")),
    ("sessionPersistence", replace(RULE, session_seconds=60)),
    ("healthCheck", replace(RULE, health_check=replace(CHECK, path="/x"))),
    ("healthCheck", replace(RULE, health_check=replace(CHECK, enabled=False))),
]


@pytest.mark.parametrize(("name", "actual"), RULE_CHANGES)
def test_a_rule_that_differs_is_changed_in_place(name: str, actual: Rule) -> None:
    (change,) = plan(PLAIN, replace(GOOD, rules=(actual,))).actions
    assert isinstance(change, actions.ChangeRule)
    assert (change.location, change.differs) == (RULE.id, (name,))


def test_what_the_cloud_chose_for_the_probes_host_is_left() -> None:
    chosen = replace(RULE, health_check=replace(CHECK, domain="a.example"))
    assert plan(PLAIN, replace(GOOD, rules=(chosen,))) == Plan()


def test_http2_and_the_default_domain_are_changed_in_one_call() -> None:
    actual = replace(RULE, http2=False, default=False)
    (change,) = plan(PLAIN, replace(GOOD, rules=(actual,))).actions
    assert change == actions.ChangeDomain(listener=LB, domain="a.example", http2=True, make_default=True)


def test_a_missing_path_is_created_and_gets_targets_only_afterwards() -> None:
    two = wanted(ROUTE, replace(ROUTE, path="/v1"))
    found = plan(two, GOOD)
    assert kinds(found) == [actions.CreateRules, actions.RegisterTargets]
    (create,) = found.next_stage()
    assert isinstance(create, actions.CreateRules)
    assert [r.path for r in create.rules] == ["/v1"]


def test_a_surplus_rule_goes() -> None:
    extra = rule("x.example")
    assert plan(PLAIN, replace(GOOD, rules=(RULE, extra))).actions == (
        actions.DeleteRules(listener=LB, locations=(extra.id,), names=("x.example/",)),
    )


def test_a_renamed_path_is_served_throughout_its_old_rule_goes_when_the_new_one_has_targets() -> None:
    renamed = wanted(replace(ROUTE, path="/v2"))
    found = plan(renamed, replace(GOOD, rules=(rule(path="/v1"),)))
    assert kinds(found) == [actions.CreateRules, actions.RegisterTargets, actions.DeleteRules]
    assert [action.stage for action in found.actions] == [Stage.RULES, Stage.TARGETS, Stage.SURPLUS]


def test_the_door_of_a_domain_that_stays_is_closed_and_its_surplus_route_serves_until_the_other_does() -> (
    None
):
    one_way = replace(RIGHT, mutual=False, ca_certificate_id=None)
    known = replace(SNI_GOOD, rules=(replace(rule("a.example", "/old", tls=one_way), default=False),))
    found = plan(SNI, known)
    assert [type(action) for action in found.next_stage()] == [actions.CloseDomain]
    (deletion,) = [action for action in found.actions if isinstance(action, actions.DeleteRules)]
    assert deletion.stage is Stage.SURPLUS


def test_a_strangers_domain_that_lets_everybody_in_goes_before_anything_else() -> None:
    one_way = TlsBinding(mutual=False, required=False, certificate_id=SERVER, ca_certificate_id=None)
    stranger = rule("x.example", tls=one_way)
    other = replace(SNI_RULE, scheduler="IP_HASH")
    found = plan(SNI, replace(SNI_GOOD, rules=(other, stranger)))
    (first,) = found.next_stage()
    assert first == actions.DeleteRules(
        listener=LB, locations=(stranger.id,), names=("x.example/",), stage=Stage.PROTECT
    )


def test_the_old_default_domain_stays_until_its_successor_exists() -> None:
    old = replace(rule("x.example"), default=True)
    assert actions.DeleteRules not in kinds(plan(PLAIN, replace(GOOD, rules=(old,))))
    both = plan(PLAIN, replace(GOOD, rules=(replace(RULE, default=False), old)))
    assert kinds(both) == [actions.ChangeDomain, actions.DeleteRules]


def test_an_unused_upload_is_deleted_last() -> None:
    found = plan(PLAIN, replace(GOOD, rules=()), unused=(OLD_SERVER,))
    assert found.actions[-1] == actions.DeleteCertificate(certificate=OLD_SERVER)


def test_the_stages_follow_each_other() -> None:
    found = plan(
        SNI,
        replace(SNI_GOOD, name="x", rules=(replace(SNI_RULE, scheduler="IP_HASH", targets=()),)),
        unused=(OLD_SERVER,),
    )
    stages = [action.stage for action in found.actions]
    assert stages == sorted(stages)
    assert {action.stage for action in found.next_stage()} == {stages[0]}


def test_every_action_reads_as_a_sentence() -> None:
    found = plan(PLAIN, replace(GOOD, tls=replace(RIGHT, mutual=False), name="x", rules=(rule("x.example"),)))
    assert all(sentence[0].islower() and not sentence.endswith(".") for sentence in found.sentences())
    assert len(found.sentences()) == len(found.actions)
