"""What is rendered and parsed again is what it was."""

import re
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from mtls_operator.api.authority import AuthoritySpec, AuthoritySubject
from mtls_operator.api.authority_policy import (
    Access,
    ClientCertPolicy,
    NamespaceAccess,
    Namespaces,
    NamespacesFrom,
)
from mtls_operator.api.client_cert import (
    ClientCertSpec,
    ClientPrivateKey,
    ClientSubject,
    Pkcs12,
    RotationPolicy,
)
from mtls_operator.api.duration import PATTERN, parse_duration, render_duration
from mtls_operator.api.listener import Domain, ListenerSpec, LoadBalancerRef
from mtls_operator.api.listener_tls import (
    DomainIssue,
    DomainServerCertificate,
    DomainTls,
    Issue,
    ListenerTls,
    ServerCertificate,
)
from mtls_operator.api.model import ApiModel
from mtls_operator.api.route import Backend, HealthCheck, Route, Scheduler, ServiceRef, StatusClass
from mtls_operator.api.selector import LabelSelector
from mtls_operator.api.subject import AuthorityRef, KeyAlgorithm, PrivateKey

ModelT = TypeVar("ModelT", bound=ApiModel)


def build(model: type[ModelT], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[ModelT]:
    """Build models by Python names; `st.builds` would add the required fields by their aliases, too."""
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


DURATIONS = st.integers(min_value=0, max_value=999_999 * 3_600_000).map(lambda n: timedelta(milliseconds=n))
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
SEVERAL = st.lists(WORDS, max_size=3).map(tuple)
LABELS = st.dictionaries(WORDS, WORDS, max_size=3)
PORTS = st.integers(1, 65535)
REFS = build(AuthorityRef, name=WORDS, namespace=st.none() | WORDS)
ALGORITHMS = st.sampled_from(KeyAlgorithm)
KEYS = build(PrivateKey, algorithm=ALGORITHMS, size=st.none() | st.integers(256, 4096))

NAMESPACES = build(Namespaces, from_=st.just(NamespacesFrom.ALL)) | build(
    Namespaces,
    from_=st.just(NamespacesFrom.SELECTOR),
    # An empty selector is left out when rendered, as everything empty is, so it is not among these.
    selector=build(LabelSelector, match_labels=st.dictionaries(WORDS, WORDS, min_size=1)),
)
AUTHORITY_SPECS = build(
    AuthoritySpec,
    subject=build(AuthoritySubject, common_name=WORDS, organizations=SEVERAL),
    private_key=KEYS,
    duration=DURATIONS,
    access=build(Access, listeners=build(NamespaceAccess, namespaces=NAMESPACES)),
    client_cert_policy=build(
        ClientCertPolicy,
        max_duration=st.none() | DURATIONS,
        allowed_dns_names=SEVERAL,
        allowed_common_names=st.lists(WORDS, min_size=1).map(tuple),
    ),
)
CLIENT_CERT_SPECS = build(
    ClientCertSpec,
    ca_ref=REFS,
    subject=build(ClientSubject, common_name=st.none() | WORDS, organizations=SEVERAL),
    dns_names=SEVERAL,
    duration=DURATIONS,
    private_key=build(
        ClientPrivateKey, algorithm=ALGORITHMS, rotation_policy=st.sampled_from(RotationPolicy)
    ),
    secret_name=st.none() | WORDS,
    pkcs12=build(Pkcs12, enabled=st.booleans(), friendly_name=st.none() | WORDS),
)
BACKENDS = build(Backend, node_port=PORTS, weight=st.integers(0, 100)) | build(
    Backend, service=build(ServiceRef, name=WORDS, port=PORTS | st.sampled_from(["http", "https"]))
)
ROUTES = build(
    Route,
    path=WORDS.map("/{}".format),
    scheduler=st.sampled_from(Scheduler),
    session_persistence=DURATIONS,
    health_check=build(
        HealthCheck,
        enabled=st.booleans(),
        interval=DURATIONS,
        codes=st.lists(st.sampled_from(StatusClass), min_size=1, max_size=5).map(tuple),
    ),
    backends=st.lists(BACKENDS, min_size=1, max_size=2).map(tuple),
)
DOMAIN_TLS = build(
    DomainTls,
    ca_ref=REFS,
    server_certificate=st.none()
    | build(DomainServerCertificate, issue=build(DomainIssue, duration=DURATIONS)),
)
LISTENER_SPECS = build(
    ListenerSpec,
    load_balancer=build(LoadBalancerRef, id=WORDS, region=WORDS),
    port=PORTS,
    sni=st.booleans(),
    tls=build(
        ListenerTls,
        ca_ref=st.none() | REFS,
        server_certificate=build(
            ServerCertificate, issue=st.none() | build(Issue, duration=DURATIONS, private_key=KEYS)
        ),
    ),
    domains=st.lists(
        build(
            Domain,
            domain=WORDS,
            default=st.booleans(),
            tls=st.none() | DOMAIN_TLS,
            routes=st.lists(ROUTES, min_size=1, max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
    node_selector=LABELS,
    drain_period=DURATIONS,
)


@given(DURATIONS)
def test_a_duration_survives_its_text(value: timedelta) -> None:
    assert parse_duration(render_duration(value)) == value


@given(DURATIONS)
def test_the_schema_takes_every_duration_that_is_rendered(value: timedelta) -> None:
    text = render_duration(value)
    assert re.match(PATTERN, text)
    assert len(text) <= 24


# Python's `$` also matches before a line's end, which the API server's does not; so no anchors here.
@given(st.from_regex(re.compile(PATTERN.strip("^$")), fullmatch=True).filter(bool))
def test_every_text_that_the_schema_takes_is_read(text: str) -> None:
    value = parse_duration(text)
    assert parse_duration(render_duration(value)) == value


@given(AUTHORITY_SPECS)
def test_an_authoritys_spec_survives_its_manifest(spec: AuthoritySpec) -> None:
    assert AuthoritySpec.model_validate(spec.render()) == spec


@given(CLIENT_CERT_SPECS)
def test_a_client_certificates_spec_survives_its_manifest(spec: ClientCertSpec) -> None:
    assert ClientCertSpec.model_validate(spec.render()) == spec


@given(LISTENER_SPECS)
def test_a_listeners_spec_survives_its_manifest(spec: ListenerSpec) -> None:
    assert ListenerSpec.model_validate(spec.render()) == spec
