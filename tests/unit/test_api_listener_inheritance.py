"""What a domain does not say itself it inherits from the listener."""

from datetime import timedelta
from typing import Any

import pytest

from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import ObjectRef
from mtls_operator.api.subject import KeyAlgorithm
from mtls_operator.errors import SpecError

PLATFORM_CA = {"name": "clients", "namespace": "platform"}


def listener(*domains: dict[str, Any], tls: dict[str, Any] | None = None) -> MutualTLSListener:
    routes = [{"path": "/", "backends": [{"nodePort": 30080}]}]
    return MutualTLSListener.parse(
        {
            "metadata": {"name": "api", "namespace": "edge"},
            "spec": {
                "loadBalancer": {"id": "lb-1a2b3c4d", "region": "ap-guangzhou"},
                "sni": True,
                **({"tls": tls} if tls else {}),
                "domains": [
                    {"domain": f"d{n}.example", "routes": routes, **domain}
                    for n, domain in enumerate(domains or ({},))
                ],
            },
        }
    )


def test_a_domain_admits_the_listeners_clients() -> None:
    seen = listener(tls={"caRef": PLATFORM_CA})
    assert seen.ca_for(seen.spec.domains[0]) == seen.ca_for() == ObjectRef("platform", "clients")


def test_a_domains_own_authority_wins_and_is_looked_for_at_home() -> None:
    seen = listener({"tls": {"caRef": {"name": "partners"}}}, {}, tls={"caRef": PLATFORM_CA})
    assert [seen.ca_for(d) for d in seen.spec.domains] == [
        ObjectRef("edge", "partners"),
        ObjectRef("platform", "clients"),
    ]


def test_no_authority_at_all_is_refused_with_the_domain_named() -> None:
    seen = listener()
    with pytest.raises(
        SpecError, match=r"domain d0\.example of MutualTLSListener edge/api admits no authority"
    ):
        seen.ca_for(seen.spec.domains[0])


def test_the_admitted_authority_signs_the_server_certificate() -> None:
    seen = listener({"tls": {"caRef": {"name": "partners"}}}, tls={"caRef": PLATFORM_CA})
    assert seen.server_issuer_for(seen.spec.domains[0]) == ObjectRef("edge", "partners")
    assert seen.server_issuer_for() == ObjectRef("platform", "clients")


def test_a_named_issuer_signs_instead() -> None:
    tls = {"caRef": PLATFORM_CA, "serverCertificate": {"issue": {"caRef": {"name": "servers"}}}}
    own = {"tls": {"serverCertificate": {"issue": {"caRef": {"name": "special"}}}}}
    seen = listener(own, {}, tls=tls)
    assert [seen.server_issuer_for(d).name for d in seen.spec.domains] == ["special", "servers"]


def test_a_server_certificate_is_rsa_for_ninety_days_unless_said_otherwise() -> None:
    issue = listener(tls={"caRef": PLATFORM_CA}).issue_for()
    assert issue.duration == timedelta(days=90)
    assert issue.effective_renew_before() == timedelta(days=30)
    assert (issue.private_key.algorithm, issue.private_key.effective_size()) == (KeyAlgorithm.RSA, 2048)


def test_a_domain_inherits_what_its_own_issue_leaves_out() -> None:
    tls = {
        "caRef": PLATFORM_CA,
        "serverCertificate": {
            "issue": {"duration": "48h", "privateKey": {"algorithm": "ECDSA", "size": 384}}
        },
    }
    own = {"tls": {"serverCertificate": {"issue": {"duration": "24h"}}}}
    other_key = {"tls": {"serverCertificate": {"issue": {"privateKey": {"algorithm": "RSA"}}}}}
    first, second = (seen := listener(own, other_key, tls=tls)).spec.domains
    assert seen.issue_for(first).duration == timedelta(hours=24)
    assert seen.issue_for(first).private_key.effective_size() == 384
    assert seen.issue_for(second).duration == timedelta(hours=48)
    # The size belongs to the listener's algorithm: a key is inherited as a whole or not at all.
    assert seen.issue_for(second).private_key.effective_size() == 2048


def source(**members: Any) -> dict[str, Any]:
    return {"tls": {"serverCertificate": members}}


def test_a_second_certificate_is_inherited_with_its_algorithms_usual_size() -> None:
    pair = {"caRef": PLATFORM_CA, **source(issue={"additional": "ECDSA"})["tls"]}
    seen = listener(source(issue={"duration": "24h"}), {}, tls=pair)
    for domain in seen.spec.domains:
        second = seen.issue_for(domain).additional
        assert second is not None
        assert (second.algorithm, second.effective_size()) == (KeyAlgorithm.ECDSA, 256)


def test_a_second_certificate_of_the_first_ones_algorithm_is_none() -> None:
    """The schema refuses it; one that came past an old schema must not make two equal ones."""
    pair = {"caRef": PLATFORM_CA, **source(issue={"additional": "ECDSA"})["tls"]}
    seen = listener(source(issue={"privateKey": {"algorithm": "ECDSA"}}), tls=pair)
    assert seen.issue_for(seen.spec.domains[0]).additional is None


SOURCES: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({}, {}, None),
    ({}, {"secretRef": {"name": "own"}}, "own"),
    ({"issue": {}}, {"secretRef": {"name": "own"}}, "own"),
    ({"secretRef": {"name": "shared"}}, {}, "shared"),
    ({"secretRef": {"name": "shared"}}, {"secretRef": {"name": "own"}}, "own"),
    ({"secretRef": {"name": "shared"}}, {"issue": {}}, None),
]


@pytest.mark.parametrize(("shared", "own", "expected"), SOURCES)
def test_a_domains_own_source_replaces_the_listeners(
    shared: dict[str, Any], own: dict[str, Any], expected: str | None
) -> None:
    seen = listener(source(**own), tls={"caRef": PLATFORM_CA, "serverCertificate": shared})
    found = seen.server_secret_for(seen.spec.domains[0])
    assert found == (ObjectRef("edge", expected) if expected else None)


def test_an_authority_for_issuing_is_not_inherited_from_a_listener_that_issues_nothing() -> None:
    shared = {"caRef": PLATFORM_CA, "serverCertificate": {"secretRef": {"name": "shared"}}}
    seen = listener(source(issue={}), tls=shared)
    assert seen.server_issuer_for(seen.spec.domains[0]) == ObjectRef("platform", "clients")
    assert seen.issue_for(seen.spec.domains[0]).duration == timedelta(days=90)


def test_the_first_domain_is_the_default_unless_one_is_marked() -> None:
    assert listener({}, {}).spec.default_domain().domain == "d0.example"
    assert listener({}, {"default": True}).spec.default_domain().domain == "d1.example"
