"""The cloud's JSON: nulls and absences, round trips, and which error each code is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mtls_operator import errors
from mtls_operator.adapters.tencent import shapes
from mtls_operator.adapters.tencent.errors import error_for
from mtls_operator.core.actions import NewRule
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CertificateState,
    Endpoint,
    HealthCheck,
    MutualBinding,
    TargetHealth,
    TlsBinding,
)

CODES: list[tuple[str, type[errors.CloudError]]] = [
    ("AuthFailure.SignatureFailure", errors.AccessDenied),
    ("UnauthorizedOperation", errors.AccessDenied),
    ("RequestLimitExceeded.UinLimitExceeded", errors.Throttled),
    ("LimitExceeded.RateLimitExceeded", errors.Throttled),
    ("LimitExceeded", errors.QuotaExceeded),
    ("InvalidParameter.CertificatesNumberExceeded", errors.CertificateQuotaExceeded),
    ("ResourceInsufficient", errors.QuotaExceeded),
    ("FailedOperation.ResourceInOperating", errors.Busy),
    ("InvalidParameter.PortCheckFailed", errors.AlreadyExists),
    ("InvalidParameterValue.Duplicate", errors.AlreadyExists),
    ("InvalidParameter.LBIdNotFound", errors.CloudNotFound),
    ("InvalidParameter.ListenerIdNotFound", errors.CloudNotFound),
    ("FailedOperation.CertificateNotFound", errors.CloudNotFound),
    ("FailedOperation.CertificateInvalid", errors.InvalidRequest),
    ("FailedOperation.DeleteResourceFailed", errors.InUse),
    ("InvalidParameter", errors.InvalidRequest),
    ("InvalidParameter.FormatError", errors.InvalidRequest),
    ("InvalidParameterValue.Length", errors.InvalidRequest),
    ("MissingParameter", errors.InvalidRequest),
    ("FailedOperation", errors.Unavailable),
    ("FailedOperation.Whatever", errors.Unavailable),
    ("InternalError", errors.Unavailable),
    ("SomethingNew", errors.CloudError),
]


@pytest.mark.parametrize(("code", "kind"), CODES, ids=[code for code, _ in CODES])
def test_a_code_by_its_longest_prefix(code: str, kind: type[errors.CloudError]) -> None:
    error = error_for("CreateListener", code, "text", "r-1")
    assert type(error) is kind
    assert (error.action, error.code, error.request_id) == ("CreateListener", code, "r-1")


CHECK = HealthCheck(
    enabled=True, domain="probe.example", path="/up", method="GET", interval=7, timeout=3,
    healthy_threshold=4, unhealthy_threshold=5, codes=frozenset({"2xx", "5xx"}),
)  # fmt: skip
RULE = NewRule(
    domain="a.example", path="/v1", default=True, http2=True, scheduler="IP_HASH", backend_protocol="HTTPS",
    session_seconds=60, health_check=CHECK, tls=None,
)  # fmt: skip
BINDING = MutualBinding(server=(CertId("srv"),), ca=CertId("ca"))
PAIR = MutualBinding(server=(CertId("rsa"), CertId("ecc")), ca=CertId("ca"))


GRPC = replace(CHECK, protocol="GRPC")


@pytest.mark.parametrize(
    "check",
    [CHECK, replace(CHECK, domain=""), replace(CHECK, enabled=False), replace(CHECK, protocol="HTTPS"), GRPC],
)
@pytest.mark.parametrize("binding", [BINDING, None])
def test_a_rule_that_was_written_reads_back_as_wanted(
    check: HealthCheck, binding: MutualBinding | None
) -> None:
    body: Any = shapes.write_rule(replace(RULE, health_check=check), binding)
    seen = shapes.read_rule({**body, "LocationId": "loc-1"})
    assert (seen.domain, seen.path, seen.default, seen.http2) == ("a.example", "/v1", True, True)
    assert (seen.scheduler, seen.backend_protocol, seen.session_seconds) == ("IP_HASH", "HTTPS", 60)
    assert check.is_met_by(seen.health_check)
    assert (seen.tls is not None and seen.tls.is_exactly(BINDING)) == (binding is not None)


def test_a_grpc_probe_leaves_out_what_only_http_has_and_is_met_whatever_the_cloud_shows_for_it() -> None:
    written: Any = shapes.write_health_check(GRPC)
    assert written["CheckType"] == "GRPC"
    assert not written.keys() & {"HttpCode", "HttpCheckMethod"}
    shown = replace(GRPC, method="", codes=frozenset())
    assert GRPC.is_met_by(shown)
    assert not replace(GRPC, path="/other").is_met_by(shown)
    assert not replace(CHECK, protocol="HTTP").is_met_by(GRPC)
    assert replace(CHECK, protocol="HTTP").is_met_by(CHECK)


def test_a_binding_is_written_whole() -> None:
    assert shapes.write_binding(BINDING) == {
        "Certificate": {"SSLMode": "MUTUAL", "SSLVerifyClient": "ON", "CertId": "srv", "CertCaId": "ca"}
    }


def test_a_pair_is_written_with_its_ca_in_one_list_and_in_no_other_field() -> None:
    assert shapes.write_binding(PAIR) == {
        "MultiCertInfo": {
            "SSLMode": "MUTUAL",
            "SSLVerifyClient": "ON",
            "CertList": [{"CertId": "rsa"}, {"CertId": "ecc"}, {"CertId": "ca"}],
        }
    }


def test_a_rule_carries_the_pair_of_its_domain_from_the_start() -> None:
    body: Any = shapes.write_rule(RULE, PAIR)
    assert "Certificate" not in body
    assert body["MultiCertInfo"]["CertList"][0] == {"CertId": "rsa"}


@pytest.mark.parametrize(
    ("server", "further", "same"),
    [
        ("rsa", ["ecc"], True),
        ("ecc", ["rsa"], True),
        ("rsa", None, False),
        ("rsa", ["other"], False),
        ("other", ["ecc"], False),
        ("rsa", ["ecc", "other"], False),
    ],
)
def test_a_pair_reads_back_as_such_in_whichever_order_the_cloud_tells_it(
    server: str,
    further: list[str] | None,
    same: bool,  # noqa: FBT001
) -> None:
    body = {
        "SSLMode": "MUTUAL",
        "SSLVerifyClient": "ON",
        "CertId": server,
        "CertCaId": "ca",
        "ExtCertIds": further,
    }
    seen = shapes.read_binding(body)
    assert seen is not None
    assert seen.is_exactly(PAIR) == same


BINDINGS: list[tuple[str, object, TlsBinding | None]] = [
    ("null", None, None),
    ("nothing bound", {"CertId": None, "SSLMode": None}, None),
    (
        "one-way",
        {"SSLMode": "UNIDIRECTIONAL", "CertId": "s", "CertCaId": None},
        TlsBinding(mutual=False, required=True, certificate_id=CertId("s"), ca_certificate_id=None),
    ),
    (
        "optional",
        {"SSLMode": "MUTUAL", "SSLVerifyClient": "OPTIONAL", "CertId": "s", "CertCaId": "c"},
        TlsBinding(mutual=True, required=False, certificate_id=CertId("s"), ca_certificate_id=CertId("c")),
    ),
    (
        "an old reply without SSLVerifyClient",
        {"SSLMode": "MUTUAL", "CertId": "s", "CertCaId": "c", "ExtCertIds": ["e"]},
        TlsBinding(
            mutual=True,
            required=True,
            certificate_id=CertId("s"),
            ca_certificate_id=CertId("c"),
            further_certificate_ids=(CertId("e"),),
        ),
    ),
]


@pytest.mark.parametrize(
    ("body", "expected"), [row[1:] for row in BINDINGS], ids=[row[0] for row in BINDINGS]
)
def test_a_binding_as_the_cloud_tells_it(body: object, expected: TlsBinding | None) -> None:
    assert shapes.read_binding(body) == expected


@pytest.mark.parametrize(
    "endpoint", [Endpoint(instance_id="ins-1", port=30080), Endpoint(address="10.0.0.9", port=30080)], ids=str
)
def test_a_target_that_was_written_reads_back_as_the_same(endpoint: Endpoint) -> None:
    written = shapes.write_target(endpoint)
    reply = {
        "Port": written["Port"],
        "Weight": 5,
        "InstanceId": written.get("InstanceId", "eni-x"),
        "PrivateIpAddresses": [written.get("EniIp", "10.0.0.1")],
    }
    (seen,) = shapes.read_targets({"Targets": [reply]})
    assert (seen.endpoint, seen.weight) == (endpoint, 5)


@pytest.mark.parametrize(
    "body", [{}, dict.fromkeys(("Rules", "Certificate", "Tags", "Targets", "HealthCheck"))]
)
def test_nulls_and_absent_fields_read_as_empty(body: dict[str, None]) -> None:
    assert shapes.read_listener(body).rules == ()
    assert shapes.read_targets(body) == ()
    assert shapes.tags(body) == {}
    assert not shapes.read_rule(body).health_check.enabled


def test_a_load_balancer_shows_both_kinds_of_address_and_its_tags() -> None:
    seen = shapes.read_load_balancer(
        {
            "LoadBalancerId": "lb-1",
            "LoadBalancerVips": ["192.0.2.1"],
            "AddressIPv6": "2001:db8::1",
            "Status": 1,
            "Tags": [{"TagKey": "a", "TagValue": "b"}],
        },
        "r",
    )
    assert (seen.addresses, seen.ready, seen.tags) == (("192.0.2.1", "2001:db8::1"), True, {"a": "b"})


def test_an_unknown_verdict_about_health_is_unknown() -> None:
    assert shapes.read_health({"HealthStatusDetail": "New"})[3] is TargetHealth.UNKNOWN
    assert shapes.read_health({"HealthStatusDetail": "Alive"})[3] is TargetHealth.ALIVE


def test_a_certificate_is_described_in_our_words_and_in_utc() -> None:
    seen = shapes.read_described(
        {
            "CertificateType": "SVR",
            "Status": 1,
            "Domain": "API.acme.example",
            "SubjectAltName": ["*.shop.example", "api.acme.example"],
            "CertBeginTime": "2026-11-24 02:00:00",
            "CertEndTime": "2027-11-24 01:59:59",
        }
    )
    assert (seen.kind, seen.state) == (CertificateKind.SERVER, CertificateState.ISSUED)
    assert seen.names == ("api.acme.example", "*.shop.example")
    assert seen.not_before == datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    assert seen.not_after == datetime(2027, 11, 23, 17, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("body", [{}, {"Status": 4, "CertEndTime": "0000-00-00 00:00:00", "Domain": None}])
def test_a_certificate_that_was_never_issued_has_no_end_and_no_names(body: dict[str, object]) -> None:
    seen = shapes.read_described(body)
    assert (seen.kind, seen.state) == (None, CertificateState.NOT_ISSUED)
    assert (seen.names, seen.not_before, seen.not_after) == ((), None, None)
