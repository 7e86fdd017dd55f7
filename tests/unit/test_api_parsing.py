"""Objects become typed ones; a bad spec is refused with a sentence, a bad status forgotten."""

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.condition import Condition, ConditionStatus
from mtls_operator.api.meta import Key, Kind, ObjectMeta, ObjectRef
from mtls_operator.api.model import field_name
from mtls_operator.errors import SpecError

METADATA: dict[str, Any] = {
    "name": "payments",
    "namespace": "team-a",
    "uid": "u-1",
    "generation": 2,
    "resourceVersion": "17",
    "creationTimestamp": "2026-11-23T08:00:00Z",
    "finalizers": ["mtls.clb-operator.dev/cleanup"],
    "annotations": {"mtls.clb-operator.dev/paused": "true"},
    "managedFields": [{"manager": "kubectl"}],
}
SPEC: dict[str, Any] = {"caRef": {"name": "clients", "namespace": "platform"}}


def client_cert(**parts: Any) -> ClientCert:
    return ClientCert.parse({"metadata": METADATA, "spec": SPEC, **parts})


def test_the_metadata_that_counts_is_read() -> None:
    seen = client_cert()
    assert seen.key == Key(Kind.CLIENT_CERT, "team-a", "payments")
    assert (seen.metadata.uid, seen.metadata.generation, seen.metadata.resource_version) == ("u-1", 2, "17")
    assert seen.metadata.creation_timestamp == dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)
    assert (seen.metadata.has_finalizer, seen.metadata.is_paused, seen.metadata.is_deleting) == (
        True,
        True,
        False,
    )


def test_a_key_and_a_reference_print_as_people_write_them() -> None:
    assert str(client_cert().key) == "ClientCert team-a/payments"
    assert str(client_cert().ref) == "team-a/payments"


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert client_cert(spec={**SPEC, "mood": {"reason": "Sunny"}}).spec == client_cert().spec


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"spec": {}}, "ClientCert team-a/payments: spec.caRef: Field required."),
        ({"spec": {**SPEC, "duration": "1 day"}}, "spec.duration: '1 day' is not a duration: write hours"),
        ({"spec": {**SPEC, "duration": 5}}, "spec.duration: 5 is not a duration"),
        ({"spec": None}, "ClientCert team-a/payments: spec:"),
        ({"metadata": None}, "ClientCert ?/?: metadata:"),
        (
            {"metadata": {**METADATA, "name": "x" * 60}},
            "common name " + "x" * 60 + ".team-a has 67 characters",
        ),
    ],
)
def test_a_bad_spec_is_refused_with_object_field_and_advice(body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        client_cert(**body)
    assert refused.value.reason == "InvalidSpec"
    assert sentence in str(refused.value)
    assert str(refused.value).endswith("Correct the manifest and apply it again.")


def test_an_object_that_goes_is_read_even_when_its_name_is_too_long() -> None:
    metadata = {**METADATA, "name": "x" * 60, "deletionTimestamp": "2026-11-23T09:00:00Z"}
    assert client_cert(metadata=metadata).metadata.is_deleting


@pytest.mark.parametrize(
    "status", [None, {}, [], "odd", {"revision": "many"}, {"conditions": [{"type": "Ready"}]}]
)
def test_a_status_that_makes_no_sense_never_fails_the_object(status: object) -> None:
    assert client_cert(status=status).status.render() == {}


def test_what_makes_sense_of_a_status_is_kept() -> None:
    status = {"revision": 3, "notAfter": "soon", "conditions": 7, "issuerGeneration": 1}
    assert client_cert(status=status).status.render() == {"revision": 3, "issuerGeneration": 1}


def test_a_status_is_rendered_as_the_api_writes_it() -> None:
    local = dt.datetime(2026, 11, 23, 16, 0, 0, 999, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    ready = Condition(
        type="Ready",
        status=ConditionStatus.FALSE,
        reason="Progressing",
        observed_generation=0,
        last_transition_time=local,
    )
    status = client_cert().status.model_copy(
        update={"conditions": (ready,), "not_after": ready.last_transition_time}
    )
    assert status.render() == {
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "Progressing",
                "observedGeneration": 0,
                "lastTransitionTime": "2026-11-23T08:00:00Z",
            }
        ],
        "notAfter": "2026-11-23T08:00:00Z",
    }
    assert status.condition("Ready") == ready
    assert status.condition("Stalled") is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Condition(
            type="Ready",
            status=ConditionStatus.TRUE,
            reason="Succeeded",
            last_transition_time=dt.datetime(2026, 1, 1),  # noqa: DTZ001 - the point of the test
        )


def test_objects_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        client_cert().spec.duration = dt.timedelta(hours=1)  # type: ignore[misc]


SPELLINGS = {
    "ca_ref": "caRef",
    "dns_names": "dnsNames",
    "uris": "uris",
    "ip_addresses": "ipAddresses",
    "allowed_dns_names": "allowedDNSNames",
    "allowed_uris": "allowedURIs",
    "allowed_ip_ranges": "allowedIPRanges",
    "fingerprint_sha256": "fingerprintSHA256",
    "cloud_certificate_id": "cloudCertificateId",
    "pkcs12": "pkcs12",
    "http2": "http2",
    "from_": "from",
}


@pytest.mark.parametrize(("attribute", "field"), SPELLINGS.items(), ids=SPELLINGS.keys())
def test_fields_are_spelt_as_kubernetes_does(attribute: str, field: str) -> None:
    assert field_name(attribute) == field


def test_a_client_certificates_computed_defaults() -> None:
    seen = client_cert(spec={"caRef": {"name": "clients"}, "duration": "72h"})
    assert seen.common_name() == "payments.team-a"
    assert seen.secret_name() == "payments"
    assert seen.ca() == ObjectRef("team-a", "clients")
    assert seen.spec.effective_renew_before() == dt.timedelta(hours=24)
    assert (seen.spec.private_key.algorithm, seen.spec.private_key.effective_size()) == ("ECDSA", 256)


def test_what_a_client_certificate_says_itself_wins() -> None:
    spec = {
        **SPEC,
        "subject": {"commonName": "p"},
        "secretName": "s",
        "renewBefore": "1h",
        "privateKey": {"algorithm": "RSA"},
    }
    seen = client_cert(spec=spec)
    assert (seen.common_name(), seen.secret_name(), seen.ca()) == ("p", "s", ObjectRef("platform", "clients"))
    assert seen.spec.effective_renew_before() == dt.timedelta(hours=1)
    assert seen.spec.private_key.effective_size() == 2048


def test_an_authoritys_computed_defaults() -> None:
    seen = CertificateAuthority.parse({"metadata": METADATA, "spec": {"subject": {"commonName": "Root"}}})
    assert seen.spec.duration == dt.timedelta(days=3650)
    assert (seen.spec.private_key.algorithm, seen.spec.private_key.effective_size()) == ("RSA", 2048)
    assert seen.spec.client_cert_policy.allowed_common_names == ("*.${namespace}",)


def test_metadata_from_python_reads_like_metadata_from_the_api() -> None:
    assert ObjectMeta(name="a", namespace="b", resource_version="1").ref == ObjectRef("b", "a")
