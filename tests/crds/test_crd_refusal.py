"""Bad manifests are refused by the API server, each with a sentence that says what to do."""

import pytest
from crds.bad_manifests import BAD, IMMUTABLE
from crds.manifests import (
    CLIENT_CERT,
    DOMAIN,
    LISTENER,
    ROUTE,
    CrdKubectl,
    Manifest,
    changed,
    with_spec,
)

from mtls_operator.api.crd import RESOURCES, definition
from mtls_operator.api.resource import Resource
from mtls_operator.api.rules import RULES
from mtls_operator.api.schema import Schema

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(("manifest", "sentence"), BAD.values(), ids=BAD.keys())
def test_a_bad_manifest_is_refused_with_a_sentence(
    api: CrdKubectl, manifest: Manifest, sentence: str
) -> None:
    said = api.refusal(manifest)
    assert sentence in said
    assert "evaluating rule" not in said


def test_a_malformed_duration_is_reported_once(api: CrdKubectl) -> None:
    said = api.refusal(with_spec(CLIENT_CERT, duration="90d"))
    assert said.count("spec.duration") == 1, said


@pytest.mark.parametrize(("manifest", "change", "sentence"), IMMUTABLE.values(), ids=IMMUTABLE.keys())
def test_what_cannot_change_is_refused_with_the_way_out(
    api: CrdKubectl, manifest: Manifest, change: Manifest, sentence: str
) -> None:
    api.apply(manifest)
    assert sentence in api.refusal(with_spec(manifest, **change))


CHANGES = {
    "a shorter certificate": (CLIENT_CERT, {"duration": "24h", "renewBefore": "8h"}),
    "another subject": (CLIENT_CERT, {"subject": {"commonName": "x"}}),
    "another authority to admit": (LISTENER, {"tls": {"caRef": {"name": "partners"}}}),
    "another domain": (LISTENER, {"domains": [changed(DOMAIN, {"domain": "b.example"})]}),
    "a Service instead of a node port": (
        LISTENER,
        {
            "domains": [
                changed(
                    DOMAIN,
                    {"routes": [changed(ROUTE, {"backends": [{"service": {"name": "w", "port": 80}}]})]},
                )
            ]
        },
    ),
}


@pytest.mark.parametrize(("manifest", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_what_may_change_can_be_applied(api: CrdKubectl, manifest: Manifest, change: Manifest) -> None:
    api.apply(manifest)
    api.apply(with_spec(manifest, **change))


SOURCES: list[Manifest] = [
    {"issue": {"privateKey": {"algorithm": "RSA", "size": 4096}}},
    {"secretRef": {"name": "first"}},
    {"issue": {"duration": "24h"}},
    {"secretRef": {"name": "purchased"}},
    {"cloudCertificateId": "LtIaSxlb"},
    {"issue": {"additional": "ECDSA"}},
    {"cloudCertificateId": "LtIaSxlc"},
    {"secretRef": {"name": "another"}},
]


@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["client-side", "server-side"])
@pytest.mark.parametrize("level", ["listener", "domain"])
def test_the_source_of_a_certificate_changes_by_applying_another_manifest(
    api: CrdKubectl, how: tuple[str, ...], level: str
) -> None:
    """No default stays behind that would make the earlier source count as a second one."""
    for source in SOURCES:
        tls = {"serverCertificate": source}
        domain = changed(DOMAIN, {"tls": tls}) if level == "domain" else DOMAIN
        shared = {"tls": tls} if level == "listener" else {}
        kept = api.apply(with_spec(LISTENER, sni=True, domains=[domain], **shared), *how)["spec"]
        found = kept["tls"] if level == "listener" else kept["domains"][0]["tls"]
        assert found["serverCertificate"].keys() == source.keys()


def rules(schema: Schema) -> list[Schema]:
    """Return every rule of a schema and of what is below it."""
    below = [
        *schema.get("properties", {}).values(),
        schema.get("items", {}),
        schema.get("additionalProperties", {}),
    ]
    own: list[Schema] = schema.get(RULES, [])
    return own + [rule for child in below if child for rule in rules(child)]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: str(r.kind))
def test_every_rule_is_broken_by_a_case_above(resource: type[Resource]) -> None:
    sentences = [case[1] for case in BAD.values()] + [case[2] for case in IMMUTABLE.values()]
    for rule in rules(definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]):
        with_values = f"{rule['message'].split()[0]} (" if "messageExpression" in rule else None
        assert any(
            said in rule["message"] or (with_values and said.startswith(with_values)) for said in sentences
        ), rule["message"]
