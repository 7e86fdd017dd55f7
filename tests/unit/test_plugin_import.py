"""`kubectl mtls import`: what it prints is a manifest for exactly the listener that is there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from builders import NOW, authority_manifest, health_check, node, service
from hypothesis import given
from hypothesis import strategies as st
from unit.fakes.plugin import FakeApi, Manifest, run

from kubectl_mtls.cloud import FoundListener, Place, look
from kubectl_mtls.errors import Refusal
from kubectl_mtls.imported import Surroundings, render_import
from kubectl_mtls.nodes import selector_for
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.actions import Tls
from mtls_operator.core.build import build_listener
from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    HealthCheck,
    InCloud,
    Listener,
    ListenerId,
    LoadBalancer,
    LoadBalancerId,
    LocationId,
    Rule,
    Target,
    TlsBinding,
)
from mtls_operator.core.cluster import ServicePort
from mtls_operator.core.desired import ObservedListener
from mtls_operator.core.identity import Copies, differences

CA, SERVER = CertId("CaCaCaCa"), CertId("SvSvSvSv")
REF = ObjectRef("edge", "api")
NODES = [node(1), node(2)]
WEB = service("web", ServicePort(name="http", port=80, node_port=30080))
BALANCER = LoadBalancer(
    id=LoadBalancerId("lb-1a2b3c4d"), region="ap-guangzhou", addresses=(), tags={}, ready=True
)
MUTUAL = TlsBinding(mutual=True, required=True, certificate_id=SERVER, ca_certificate_id=CA)
CHECK = health_check(domain="a.example", codes=frozenset({"2xx", "3xx"}), protocol="HTTP")
AROUND = Surroundings(ref=REF, nodes=NODES, services=[WEB], authority=ObjectRef("edge", "clients"))


def targets(*numbers: int, port: int = 30080, weight: int = 10) -> tuple[Target, ...]:
    return tuple(
        Target(endpoint=Endpoint(instance_id=f"ins-{n:08d}", port=port), weight=weight) for n in numbers
    )


RULE = Rule(
    id=LocationId("loc-1"),
    domain="a.example",
    path="/",
    default=True,
    http2=True,
    scheduler="WRR",
    backend_protocol="HTTP",
    session_seconds=0,
    health_check=CHECK,
    tls=None,
    targets=targets(1, 2),
)
LISTENER = Listener(
    id=ListenerId("lbl-1"),
    name="by hand",
    protocol="HTTPS",
    port=443,
    sni=False,
    tls=MUTUAL,
    create_time="t",
    rules=(RULE,),
)


def found(listener: Listener = LISTENER, *unmanaged: str) -> FoundListener:
    return FoundListener(balancer=BALANCER, listener=listener, unmanaged=unmanaged)


def with_rule(**changes: Any) -> Listener:
    return replace(LISTENER, rules=(replace(RULE, **changes),))


def manifest_of(listener: Listener, around: Surroundings = AROUND) -> Manifest:
    manifest: Manifest = yaml.safe_load(render_import(found(listener), around))
    return manifest


def notes_of(text: str) -> list[str]:
    return [line.removeprefix("# NOTE: ") for line in text.splitlines() if line.startswith("# NOTE: ")]


def test_it_is_short_where_the_listener_is_usual() -> None:
    text = render_import(found(), AROUND)
    assert notes_of(text) == []
    assert yaml.safe_load(text) == {
        "apiVersion": "mtls.clb-operator.dev/v1alpha1",
        "kind": "MutualTLSListener",
        "metadata": {"name": "api", "namespace": "edge"},
        "spec": {
            "loadBalancer": {"id": "lb-1a2b3c4d", "region": "ap-guangzhou"},
            "port": 443,
            "tls": {
                "caRef": {"name": "clients"},
                "serverCertificate": {"cloudCertificateId": SERVER},
            },
            "domains": [
                {
                    "domain": "a.example",
                    "default": True,
                    "routes": [
                        {"path": "/", "backends": [{"service": {"name": "web", "port": "http"}}]},
                    ],
                }
            ],
            "adoptionPolicy": "IfIdentical",
        },
    }


CHECKS = st.builds(
    HealthCheck,
    enabled=st.booleans(),
    domain=st.sampled_from(["", "probe.example"]),
    path=st.sampled_from(["/", "/up?full=1"]),
    method=st.sampled_from(["HEAD", "GET"]),
    interval=st.sampled_from([5, 300]),
    timeout=st.sampled_from([2, 4]),
    healthy_threshold=st.integers(2, 10),
    unhealthy_threshold=st.integers(2, 10),
    codes=st.frozensets(st.sampled_from(["1xx", "2xx", "3xx", "4xx", "5xx"]), min_size=1),
    protocol=st.just(""),
)
RULES = st.builds(
    replace,
    st.just(RULE),
    path=st.sampled_from(["/", "/v1", "= /x", "~* /y"]),
    http2=st.booleans(),
    scheduler=st.sampled_from(["WRR", "LEAST_CONN", "IP_HASH"]),
    backend_protocol=st.sampled_from(["HTTP", "HTTPS", "GRPC"]),
    session_seconds=st.sampled_from([0, 30, 3660, 86400]),
    health_check=CHECKS,
    targets=st.tuples(
        st.sampled_from([(), targets(1, 2), targets(1, 2, weight=0)]),
        st.sampled_from([targets(1, 2, port=31000), targets(1, 2, port=31000, weight=77)]),
    ).map(lambda pair: (*pair[0], *pair[1])),
)


@st.composite
def listeners(draw: st.DrawFn) -> Listener:
    """Return a listener such as the cloud may hold: what a domain's rules share is the same for all."""
    sni, names = draw(st.booleans()), ["a.example", "*.b.example", "~^c[0-9]+$"]
    default, rules = draw(st.sampled_from(names)), []
    for name in names:
        own = draw(st.lists(RULES, min_size=1, max_size=3, unique_by=lambda rule: rule.path))
        http2 = draw(st.booleans())
        for rule in own:
            domain = rule.health_check.domain or ("a.example" if name == "a.example" else "probe.example")
            check = replace(rule.health_check, domain=domain, protocol=rule.backend_protocol)
            rules.append(
                replace(
                    rule,
                    domain=name,
                    http2=http2,
                    default=name == default,
                    tls=MUTUAL if sni else None,
                    health_check=check,
                )
            )
    return replace(LISTENER, sni=sni, tls=None if sni else MUTUAL, rules=tuple(rules))


@given(listeners())
def test_what_is_printed_asks_for_exactly_what_is_there(listener: Listener) -> None:
    text = render_import(found(listener), AROUND)
    assert notes_of(text) == []
    body = yaml.safe_load(text)
    resource = MutualTLSListener.parse({**body, "metadata": {**body["metadata"], "uid": "u"}})
    wanted = Tls(server=(InCloud(SERVER),), ca=CA)
    desired = build_listener(
        resource,
        name="ours",
        bindings={"": wanted, **{rule.domain: wanted for rule in listener.rules}},
        secrets={},
        nodes=NODES,
        services={"web": WEB},
        now=NOW,
        most_targets=100,
    )
    observed = ObservedListener(listener=listener, uploads={}, adopting=True)
    assert differences(desired, observed, Copies(), NOW) == ()


NOT_SAYABLE = {
    "one-way": (
        replace(LISTENER, tls=replace(MUTUAL, mutual=False)),
        "the listener lets in clients without a certificate",
    ),
    "a pair": (
        replace(LISTENER, tls=replace(MUTUAL, further_certificate_ids=(CertId("second"),))),
        "shows a second certificate, second",
    ),
    "a stranger": (with_rule(targets=targets(1, 2, 9)), "ins-00000009:30080 is no node of this cluster"),
    "several weights": (
        with_rule(targets=(*targets(1), *targets(2, weight=5))),
        "a backend has one weight for all of its nodes: ins-00000001:30080 has 10",
    ),
    "some of the nodes": (with_rule(targets=targets(1)), "bound are the nodes node-1, which no label tells"),
    "no targets": (with_rule(targets=()), "rule a.example/ has no target"),
    "another protocol of probes": (
        with_rule(health_check=replace(CHECK, protocol="HTTPS")),
        "rule a.example/ is probed by HTTPS",
    ),
    "an operator's": (
        replace(LISTENER, name="mtls:0123456789ab:u-1:prod/shop"),
        "an operator made it for prod/shop",
    ),
}


@pytest.mark.parametrize(("listener", "note"), NOT_SAYABLE.values(), ids=NOT_SAYABLE)
def test_what_a_manifest_cannot_say_is_said_above_it(listener: Listener, note: str) -> None:
    text = render_import(found(listener), AROUND)
    assert note in "\n".join(notes_of(text))
    MutualTLSListener.parse(yaml.safe_load(text))


def test_settings_that_the_operator_does_not_know_are_listed() -> None:
    assert notes_of(render_import(found(LISTENER, "MaxConn of the listener"), AROUND)) == [
        "left as it is, since no field is for it: MaxConn of the listener."
    ]


def test_an_authority_that_is_not_known_is_left_to_be_filled_in() -> None:
    text = render_import(found(), replace(AROUND, authority=None))
    assert "name: set-this-authority  # TODO: the CertificateAuthority with the root of CaCaCaCa" in text
    assert "Name the authority by --ca" in notes_of(text)[0]


def test_an_authority_whose_upload_is_bound_is_found_out() -> None:
    around = replace(AROUND, authority=None, authorities={CA: ObjectRef("pki", "partners")})
    assert manifest_of(LISTENER, around)["spec"]["tls"]["caRef"] == {"name": "partners", "namespace": "pki"}


REFUSED = {
    "one of TKE": (replace(LISTENER, name="TKE-LISTENER"), "belongs to TKE"),
    "one of another protocol": (replace(LISTENER, protocol="TCP"), "lbl-1 is TCP"),
    "one without rules": (replace(LISTENER, rules=()), "lbl-1 has no rule"),
}


@pytest.mark.parametrize(("listener", "sentence"), REFUSED.values(), ids=REFUSED)
def test_one_that_can_never_be_adopted_is_refused(listener: Listener, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        render_import(found(listener), AROUND)


def test_a_pools_label_is_preferred_to_a_hosts() -> None:
    def labelled(number: int, **labels: str) -> Any:
        return node(number, labels={"kubernetes.io/hostname": f"n{number}", **labels})

    nodes = [labelled(1, pool="edge"), labelled(2, pool="other"), labelled(3, other="x")]
    assert selector_for({"node-1"}, nodes) == {"pool": "edge"}
    assert selector_for({"node-3"}, [*nodes, labelled(4, other="x")]) == {"kubernetes.io/hostname": "n3"}
    assert selector_for({"node-1", "node-2", "node-3"}, nodes) == {}
    assert selector_for({"node-1", "node-2"}, nodes) is None
    assert selector_for(set(), nodes) is None


def cluster_objects() -> list[Manifest]:
    authority = authority_manifest()
    authority["status"] = {"admitted": {"fingerprintSHA256": "f", "cloudCertificateId": CA}}
    nodes = [
        {
            "kind": "Node",
            "metadata": {"name": one.name},
            "spec": {"providerID": one.provider_id},
            "status": {"addresses": [{"type": "InternalIP", "address": one.internal_ip}]},
        }
        for one in NODES
    ]
    web = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "edge"},
        "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": 30080}]},
    }
    return [authority, *nodes, web]


def test_the_command_finds_nodes_services_and_the_authority_in_the_cluster() -> None:
    asked: list[Place] = []

    def seen(place: Place) -> FoundListener:
        asked.append(place)
        return found()

    api = FakeApi(*cluster_objects())
    result = run(api, "import", "lb-1a2b3c4d", "443", "--region", "ap-guangzhou", look=seen)
    assert result.exit_code == 0, result.output
    assert asked == [Place(region="ap-guangzhou", balancer="lb-1a2b3c4d", port=443)]
    manifest = yaml.safe_load(result.stdout)
    assert manifest["metadata"] == {"name": "lb-1a2b3c4d-443", "namespace": "edge"}
    assert manifest["spec"] == manifest_of(LISTENER)["spec"]
    assert api.writes == []


def test_what_one_may_not_read_is_said_and_the_rest_is_printed() -> None:
    api = FakeApi()
    api.refused = {"/api/v1/nodes", "/api/v1/namespaces/edge/services"}
    result = run(api, "import", "lb-1", "443", "--region", "r", "--ca", "clients", look=lambda _: found())
    assert "You may not list Nodes" in result.stderr
    route = yaml.safe_load(result.stdout)["spec"]["domains"][0]["routes"][0]
    assert route["backends"] == [{"nodePort": 30080}]


@pytest.mark.parametrize("arguments", [["lb-1"], ["lb-1", "0"], ["lb-1", "443", "--ca", "A B"]])
def test_a_command_line_that_makes_no_sense_is_refused(arguments: list[str]) -> None:
    assert run(FakeApi(), "import", *arguments, "--region", "r").exit_code == 2


@pytest.mark.parametrize("environment", [{}, {"TENCENTCLOUD_SECRET_ID": "x", "TENCENTCLOUD_SECRET_KEY": " "}])
def test_missing_credentials_are_named_without_their_values(environment: Mapping[str, str]) -> None:
    with pytest.raises(Refusal, match="TENCENTCLOUD_SECRET_KEY not set"):
        look(Place(region="r", balancer="lb-1", port=443), environment)
