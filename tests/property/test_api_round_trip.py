"""What is rendered and parsed again is what it was."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from mtls_operator.api.authority import AuthoritySpec, AuthorityStatus, AuthoritySubject, Cloud, UploadPolicy
from mtls_operator.api.authority_policy import (
    Access,
    Approval,
    ClientCertPolicy,
    NamespaceAccess,
    Namespaces,
    NamespacesFrom,
    ServerCertPolicy,
)
from mtls_operator.api.authority_rotation import (
    AdmittedRoots,
    Crl,
    CrlStatus,
    LocalSecretRef,
    RetiringRoot,
    RootGeneration,
    Rotation,
    RotationPhase,
    RotationStatus,
    RotationStrategy,
    Source,
)
from mtls_operator.api.client_cert import (
    ClientCertSpec,
    ClientCertStatus,
    ClientPrivateKey,
    ClientSubject,
    PasswordRef,
    Pkcs12,
    Pkcs12Profile,
    RevocationReason,
    Revoked,
    RotationPolicy,
    SecretTemplate,
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
from mtls_operator.api.subject import AuthorityRef, DeletionPolicy, KeyAlgorithm, PrivateKey

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
COUNTS = st.integers(0, 2**31)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis adds the zone
    lambda moment: moment.replace(microsecond=0)
)
KEYS = build(PrivateKey, algorithm=ALGORITHMS, size=st.none() | st.integers(256, 4096))

NAMESPACES = build(Namespaces, from_=st.just(NamespacesFrom.ALL)) | build(
    Namespaces,
    from_=st.just(NamespacesFrom.SELECTOR),
    # An empty selector is left out when rendered, as everything empty is, so it is not among these.
    selector=build(LabelSelector, match_labels=st.dictionaries(WORDS, WORDS, min_size=1)),
)
SECRET_REFS = build(LocalSecretRef, name=WORDS)
# An empty selfSigned is left out like an empty selector: it is the default anyway.
SOURCES = st.just(Source()) | build(Source, secret_ref=SECRET_REFS, next_secret_ref=st.none() | SECRET_REFS)
AUTHORITY_SPECS = build(
    AuthoritySpec,
    subject=build(AuthoritySubject, common_name=WORDS, organizations=SEVERAL),
    private_key=KEYS,
    duration=DURATIONS,
    renew_before=st.none() | DURATIONS,
    source=SOURCES,
    rotation=build(
        Rotation, strategy=st.sampled_from(RotationStrategy), minimum_soak=DURATIONS, overlap=DURATIONS
    ),
    access=build(Access, listeners=build(NamespaceAccess, namespaces=NAMESPACES)),
    server_cert_policy=build(ServerCertPolicy, allowed_dns_names=SEVERAL),
    trust_domain=st.none() | WORDS,
    crl=build(Crl, validity=DURATIONS, distribution_points=SEVERAL),
    cloud=build(Cloud, upload=st.sampled_from(UploadPolicy), alias=st.none() | WORDS, tags=LABELS),
    deletion_policy=st.sampled_from(DeletionPolicy),
    client_cert_policy=build(
        ClientCertPolicy,
        max_duration=st.none() | DURATIONS,
        allowed_dns_names=SEVERAL,
        allowed_common_names=st.lists(WORDS, min_size=1).map(tuple),
        max_per_namespace=st.integers(1, 100_000),
        approval=st.sampled_from(Approval),
    ),
)
ROOT: dict[str, st.SearchStrategy[Any]] = {
    "generation": COUNTS,
    "serial_number": WORDS,
    "fingerprint_sha256": WORDS,
    "not_before": MOMENTS,
    "not_after": MOMENTS,
    "cloud_certificate_id": st.none() | WORDS,
}
AUTHORITY_STATUSES = build(
    AuthorityStatus,
    active=st.none() | build(RootGeneration, **ROOT),
    retiring=st.lists(build(RetiringRoot, **ROOT, since=MOMENTS, remaining_leaves=COUNTS), max_size=2).map(
        tuple
    ),
    admitted=st.none()
    | build(
        AdmittedRoots,
        generations=st.lists(COUNTS, min_size=1, max_size=2).map(tuple),
        fingerprint_sha256=WORDS,
        cloud_certificate_id=st.none() | WORDS,
    ),
    rotation=st.none()
    | build(
        RotationStatus,
        phase=st.sampled_from(RotationPhase),
        strategy=st.none() | st.sampled_from(RotationStrategy),
        evicting=st.booleans(),
        next_time=st.none() | MOMENTS,
        remaining=SEVERAL,
        blockers=SEVERAL,
    ),
    issued=st.none() | COUNTS,
    revoked=st.none() | COUNTS,
    crl=st.none() | build(CrlStatus, number=COUNTS, next_update=MOMENTS),
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
    request=st.none() | WORDS,
    secret_name=st.none() | WORDS,
    secret_template=build(SecretTemplate, labels=LABELS, annotations=LABELS),
    pkcs12=build(
        Pkcs12,
        enabled=st.booleans(),
        profile=st.sampled_from(Pkcs12Profile),
        friendly_name=st.none() | WORDS,
        password_secret_ref=st.none() | build(PasswordRef, name=WORDS, key=WORDS),
    ),
    revoked=st.none() | build(Revoked, reason=st.sampled_from(RevocationReason)),
    revoke_on_delete=st.booleans(),
)
CLIENT_CERT_STATUSES = build(
    ClientCertStatus,
    serial_number=st.none() | WORDS,
    not_before=st.none() | MOMENTS,
    not_after=st.none() | MOMENTS,
    renewal_time=st.none() | MOMENTS,
    revision=st.none() | COUNTS,
    issuer_generation=st.none() | COUNTS,
    failures=st.none() | COUNTS,
    retry_time=st.none() | MOMENTS,
    certificate=st.none() | WORDS,
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


@given(AUTHORITY_STATUSES)
def test_an_authoritys_status_survives_the_api_server(status: AuthorityStatus) -> None:
    assert AuthorityStatus.model_validate(status.render()) == status


@given(CLIENT_CERT_STATUSES)
def test_a_client_certificates_status_survives_the_api_server(status: ClientCertStatus) -> None:
    assert ClientCertStatus.model_validate(status.render()) == status


@given(CLIENT_CERT_SPECS)
def test_a_client_certificates_spec_survives_its_manifest(spec: ClientCertSpec) -> None:
    assert ClientCertSpec.model_validate(spec.render()) == spec


@given(LISTENER_SPECS)
def test_a_listeners_spec_survives_its_manifest(spec: ListenerSpec) -> None:
    assert ListenerSpec.model_validate(spec.render()) == spec
