"""A domain that got another name keeps its rules; where that would be a guess, or unsafe, it does not."""

from dataclasses import replace

import pytest
from builders import NOW, health_check

from mtls_operator.core import actions
from mtls_operator.core.actions import Action, Stage, Tls
from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    Fingerprint,
    HealthCheck,
    Listener,
    ListenerId,
    LocationId,
    Rule,
    Target,
    TlsBinding,
)
from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute, ObservedListener
from mtls_operator.core.listener_plan import plan_listener

FIRST, SECOND = Fingerprint("a" * 64), Fingerprint("b" * 64)
CA = CertId("ca")
TLS = {"a.example": Tls(server=(FIRST,), ca=CA), "b.example": Tls(server=(SECOND,), ca=CA)}
BOUND = TlsBinding(mutual=True, required=True, certificate_id=CertId("first"), ca_certificate_id=CA)
TARGET = Target(endpoint=Endpoint(instance_id="ins-1", port=30080), weight=10)


def check(domain: str) -> HealthCheck:
    return health_check(domain=domain)


def domain(name: str, *paths: str, default: bool = False, sni: bool = True) -> DesiredDomain:
    routes = tuple(
        DesiredRoute(
            path=path,
            scheduler="WRR",
            backend_protocol="HTTP",
            session_seconds=0,
            health_check=check(name),
            targets=(TARGET,),
        )
        for path in paths or ("/",)
    )
    tls = TLS.get(name, TLS["b.example"]) if sni else None
    return DesiredDomain(name=name, default=default, http2=True, tls=tls, routes=routes)


def rules(name: str, *paths: str, default: bool = False, tls: TlsBinding | None = BOUND) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            id=LocationId(f"loc-{name}{path}"),
            domain=name,
            path=path,
            default=default,
            http2=True,
            scheduler="WRR",
            backend_protocol="HTTP",
            session_seconds=0,
            health_check=check(name),
            tls=tls,
            targets=(TARGET,),
        )
        for path in paths or ("/",)
    )


def plan(
    wanted: tuple[DesiredDomain, ...],
    found: tuple[Rule, ...],
    *,
    former: frozenset[str] | None = None,
    sni: bool = True,
) -> list[Action]:
    desired = DesiredListener(
        name="ours", port=443, sni=sni, tls=None if sni else TLS["a.example"], domains=wanted, secrets={}
    )
    listener = Listener(
        id=ListenerId("lbl-1"), name="ours", protocol="HTTPS", port=443, sni=sni,
        tls=None if sni else BOUND, create_time="t", rules=found,
    )  # fmt: skip
    observed = ObservedListener(
        listener=listener,
        uploads={FIRST: CertId("first"), SECOND: CertId("second")},
        former_domains=frozenset(rule.domain for rule in found) if former is None else former,
    )
    return list(plan_listener(desired, observed, NOW).actions)


def test_the_new_name_comes_with_its_own_certificate_in_one_change_and_targets_stay() -> None:
    rename, probe = plan((domain("b.example", default=True),), rules("a.example", default=True))
    assert rename == actions.RenameDomain(
        listener=ListenerId("lbl-1"), domain="a.example", name="b.example", tls=TLS["b.example"]
    )
    assert str(rename) == f"domain a.example: rename it to b.example, bind {TLS['b.example']}"
    assert isinstance(probe, actions.ChangeRule)
    assert (probe.location, probe.differs) == ("loc-a.example/", ("healthCheck",))


def test_without_sni_the_name_alone_changes() -> None:
    rename, *_ = plan(
        (domain("b.example", default=True, sni=False),), rules("a.example", default=True, tls=None), sni=False
    )
    assert isinstance(rename, actions.RenameDomain)
    assert rename.tls is None
    assert str(rename) == "domain a.example: rename it to b.example"


def test_what_the_domain_shares_changes_with_the_name() -> None:
    found = tuple(replace(rule, http2=False) for rule in rules("a.example"))
    wanted = (domain("b.example", default=True), domain("c.example", "/c"))
    renames = [
        a
        for a in plan(wanted, (*rules("c.example", "/c", default=True), *found))
        if isinstance(a, actions.RenameDomain)
    ]
    assert [(a.name, a.http2, a.make_default) for a in renames] == [("b.example", True, True)]


def test_several_are_renamed_when_their_paths_tell_them_apart() -> None:
    wanted = (domain("c.example", "/", default=True), domain("d.example", "/d", "/e"))
    found = (*rules("a.example", "/", default=True), *rules("b.example", "/e", "/d"))
    renames = [a for a in plan(wanted, found) if isinstance(a, actions.RenameDomain)]
    assert [(a.domain, a.name) for a in renames] == [("a.example", "c.example"), ("b.example", "d.example")]


OPEN = replace(BOUND, required=False)
GUESSES = {
    "two that went": (
        (domain("c.example", default=True),),
        (*rules("a.example", default=True), *rules("b.example")),
        None,
    ),
    "two that came": (
        (domain("b.example", default=True), domain("c.example")),
        rules("a.example", default=True),
        None,
    ),
    "other paths": ((domain("b.example", "/b", default=True),), rules("a.example", default=True), None),
    "a stranger's": (
        (domain("a.example", default=True), domain("b.example")),
        (*rules("a.example", default=True), *rules("x.example")),
        frozenset({"a.example"}),
    ),
    "an open one": (
        (domain("a.example", default=True), domain("b.example")),
        (*rules("a.example", default=True), *rules("x.example", tls=OPEN)),
        None,
    ),
    "one without any certificate": (
        (domain("a.example", default=True), domain("b.example")),
        (*rules("a.example", default=True), *rules("x.example", tls=None)),
        None,
    ),
}


@pytest.mark.parametrize(("wanted", "found", "former"), GUESSES.values(), ids=GUESSES.keys())
def test_what_would_be_a_guess_or_was_never_ours_is_made_and_deleted_instead(
    wanted: tuple[DesiredDomain, ...], found: tuple[Rule, ...], former: frozenset[str] | None
) -> None:
    done = plan(wanted, found, former=former)
    assert not any(isinstance(action, actions.RenameDomain) for action in done)
    assert any(isinstance(action, actions.CreateRules) for action in done)


def test_an_open_domain_is_deleted_first_whatever_came_in_its_place() -> None:
    first, *_ = plan(
        (domain("a.example", default=True), domain("b.example")),
        (*rules("a.example", default=True), *rules("x.example", tls=OPEN)),
    )
    assert (str(first), first.stage) == ("delete forwarding rule x.example/", Stage.PROTECT)
