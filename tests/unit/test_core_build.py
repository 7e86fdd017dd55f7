"""The desired listener, from a manifest and what it refers to."""

from typing import Any

import pytest
from builders import NOW, domain_manifest, listener, node, route_manifest, service

from mtls_operator.core.actions import Tls
from mtls_operator.core.build import build_listener
from mtls_operator.core.cloud import CertId, Fingerprint
from mtls_operator.core.cluster import ServicePort
from mtls_operator.core.desired import DesiredListener
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError

A, B = domain_manifest("a.example"), domain_manifest("b.example")
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
        "a.example",
    )
    assert seen.domains[0].default


def built(*domains: dict[str, Any]) -> DesiredListener:
    return build_listener(
        listener("api", *domains),
        name="n", bindings={"": TLS}, secrets={}, nodes=[node(1)], services={"web": service()}, now=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS", "GRPC"])
def test_probes_ask_by_the_routes_protocol_for_its_domain_whatever_was_there_before(protocol: str) -> None:
    (route,) = built(domain_manifest("a.example", route_manifest(backendProtocol=protocol))).domains[0].routes
    assert (route.health_check.protocol, route.health_check.domain) == (protocol, "a.example")


@pytest.mark.parametrize("name", ["*.a.example", "www.a.*", "~^.*[.]a$"])
def test_no_probe_asks_for_a_pattern(name: str) -> None:
    probed = route_manifest(healthCheck={"domain": "probe.a.example"})
    seen = built(domain_manifest(name, probed, route_manifest("/off")))
    assert [route.health_check.domain for route in seen.domains[0].routes] == ["probe.a.example", ""]


WEB = {"service": {"name": "web", "port": "http"}}
TWICE = {
    "a port": [{"nodePort": 30080}, {"nodePort": 30081}, {"nodePort": 30080, "weight": 1}],
    "a Service's port by name and number": [WEB, {"service": {"name": "web", "port": 80}}],
    "a Service and its port": [WEB, {"nodePort": 30080}],
}


@pytest.mark.parametrize("backends", TWICE.values(), ids=TWICE.keys())
def test_two_weights_for_one_target_are_refused(backends: list[dict[str, Any]]) -> None:
    with pytest.raises(
        SpecError, match=r"two backends of route a\.example/v1 are node port 30080"
    ) as refused:
        built(domain_manifest("a.example", route_manifest("/v1", backends=backends)))
    assert refused.value.reason == Reason.INVALID_SPEC


def test_two_ports_of_a_service_are_two_targets_with_their_weights() -> None:
    ports = (
        ServicePort(name="http", port=80, node_port=30080),
        ServicePort(name="alt", port=81, node_port=30081),
    )
    backends = [{**WEB, "weight": 3}, {"service": {"name": "web", "port": 81}, "weight": 0}]
    seen = build_listener(
        listener("api", domain_manifest("a.example", route_manifest(backends=backends))),
        name="n", bindings={"": TLS}, secrets={}, nodes=[node(1)],
        services={"web": service("web", *ports)}, now=NOW,
    )  # fmt: skip
    targets = seen.domains[0].routes[0].targets
    assert [(t.endpoint.port, t.weight) for t in targets] == [(30080, 3), (30081, 0)]
