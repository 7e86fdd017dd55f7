"""Certificate slots of a listener, and the desired listener that is built from a manifest."""

import pytest
from builders import NOW, domain_manifest, listener, node, route_manifest, service

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.actions import Tls
from mtls_operator.core.build import build_listener, listener_name
from mtls_operator.core.cloud import CertId, Fingerprint
from mtls_operator.core.server_cert import admitted, authorities, slots, wanted_server_leaf

A, B = domain_manifest("a.example"), domain_manifest("b.example")
PARTNERS = {"caRef": {"name": "partners", "namespace": "platform"}}


def test_with_sni_off_one_certificate_names_all_domains() -> None:
    (slot,) = slots(listener("api", A, B))
    assert (slot.domain, slot.names) == ("", ("a.example", "b.example"))
    assert slot.admits == slot.issuer == ObjectRef("edge", "clients")
    assert slot.secret == ObjectRef("edge", "api-server")


def test_with_sni_on_each_domain_has_its_own_and_its_own_authority() -> None:
    first, second = slots(listener("api", A, {**B, "tls": PARTNERS}, sni=True))
    assert (first.domain, first.names, first.admits.name) == ("a.example", ("a.example",), "clients")
    assert (second.domain, second.admits) == ("b.example", ObjectRef("platform", "partners"))
    assert first.secret != second.secret


def test_a_domains_secret_does_not_depend_on_its_place() -> None:
    forwards = {slot.domain: slot.secret for slot in slots(listener("api", A, B, sni=True))}
    assert forwards == {slot.domain: slot.secret for slot in slots(listener("api", B, A, sni=True))}


def test_signing_and_admitting_may_be_two_authorities() -> None:
    tls = {"caRef": {"name": "clients"}, "serverCertificate": {"issue": {"caRef": {"name": "servers"}}}}
    found = listener("api", A, tls=tls)
    assert admitted(found) == {ObjectRef("edge", "clients")}
    assert authorities(found) == {ObjectRef("edge", "clients"), ObjectRef("edge", "servers")}


def test_a_listener_without_any_authority_depends_on_none() -> None:
    found = listener("api", A, tls={})
    assert admitted(found) == authorities(found) == frozenset()


def test_a_name_that_does_not_fit_is_not_the_common_name() -> None:
    long = "x" * 60 + ".example"
    found = listener("api", domain_manifest(long), B)
    assert wanted_server_leaf(found, slots(found)[0]).subject.common_name == "b.example"
    alone = listener("api", domain_manifest(long))
    assert wanted_server_leaf(alone, slots(alone)[0]).subject.common_name == "listener api"


def test_a_listeners_name_marks_cluster_and_object_and_fits() -> None:
    name = listener_name("cluster-1", listener("a" * 60))
    assert len(name) == 80
    assert f"uid-{'a' * 10}" in name
    assert name != listener_name("cluster-2", listener("a" * 60))


TLS = Tls(server=(Fingerprint("f"),), ca=CertId("ca"))


@pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])
def test_the_desired_listener_has_its_certificates_at_one_level_only(sni: bool) -> None:  # noqa: FBT001
    keys = ("a.example", "b.example") if sni else ("",)
    seen = build_listener(
        listener("api", A, {**B, "default": True}, sni=sni),
        name="n", bindings=dict.fromkeys(keys, TLS), secrets={}, nodes=[node(1)], services={}, now=NOW,
    )  # fmt: skip
    assert (seen.tls is None) == sni
    assert [domain.tls is not None for domain in seen.domains] == [sni, sni]
    assert [domain.default for domain in seen.domains] == [False, True]


def test_a_route_is_built_with_times_in_seconds_and_eligible_nodes_only() -> None:
    route = route_manifest(
        backends=[{"service": {"name": "web", "port": "http"}, "weight": 7}],
        sessionPersistence="60s",
        healthCheck={"interval": "10s", "timeout": "3s", "codes": ["2xx"], "path": "/up"},
    )
    seen = build_listener(
        listener("api", domain_manifest("a.example", route), nodeSelector={"pool": "x"}),
        name="n", bindings={"": TLS}, secrets={}, nodes=[node(1), node(2, labels={"pool": "x"})],
        services={"web": service()}, now=NOW,
    )  # fmt: skip
    (built,) = seen.domains[0].routes
    assert [(str(t.endpoint), t.weight) for t in built.targets] == [("ins-00000002:30080", 7)]
    assert built.session_seconds == 60
    check = built.health_check
    assert (check.interval, check.timeout, check.codes, check.path, check.domain) == (
        10,
        3,
        frozenset({"2xx"}),
        "/up",
        "",
    )
    assert seen.domains[0].default
