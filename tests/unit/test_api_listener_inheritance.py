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


def test_the_first_domain_is_the_default_unless_one_is_marked() -> None:
    assert listener({}, {}).spec.default_domain().domain == "d0.example"
    assert listener({}, {"default": True}).spec.default_domain().domain == "d1.example"
