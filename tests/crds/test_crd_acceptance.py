"""Good manifests are taken, and the documented defaults filled in."""

import json

import pytest
from crds.manifests import (
    AUTHORITY,
    CLIENT_CERT,
    DOMAIN,
    LISTENER,
    REGEX_DOMAIN,
    ROUTE,
    CrdKubectl,
    Manifest,
    changed,
    with_domain,
    with_route,
    with_spec,
)

pytestmark = pytest.mark.cluster

OTHER_DOMAIN = changed(DOMAIN, {"domain": "b.acme.example"})
IN_CLOUD = {"cloudCertificateId": "LtIaSxlb"}
PURCHASED = {"secretRef": {"name": "purchased"}}
OTHER_CA = {"caRef": {"name": "partners", "namespace": "platform"}}

GOOD = {
    "the smallest authority": AUTHORITY,
    "an authority with everything": with_spec(
        AUTHORITY,
        subject={
            "commonName": "Acme Client Root",
            "organizations": ["Acme"],
            "organizationalUnits": ["Edge"],
            "countries": ["CN"],
            "localities": ["Shenzhen"],
            "provinces": ["Guangdong"],
        },
        privateKey={"algorithm": "ECDSA", "size": 384},
        duration="43800h",
        access={
            "clientCerts": {
                "namespaces": {"from": "Selector", "selector": {"matchLabels": {"mtls": "allowed"}}}
            },
            "listeners": {"namespaces": {"from": "All"}},
        },
        clientCertPolicy={
            "maxDuration": "2160h",
            "allowedCommonNames": ["*.${namespace}", "ops"],
            "allowedOrganizations": ["Acme, Inc."],
            "allowedDNSNames": ["*.${namespace}.svc.cluster.local"],
            "allowedURIs": ["spiffe://acme.example/ns/${namespace}/*"],
            "allowedEmailAddresses": ["*@acme.example"],
            "allowedIPRanges": ["10.0.0.0/8", "fd00::/8"],
            "allowedKeyAlgorithms": ["ECDSA"],
            "maxPerNamespace": 5,
            "approval": "Manual",
        },
        renewBefore="8760h",
        rotation={"strategy": "SameKey", "minimumSoak": "0s", "overlap": "0s"},
        trustDomain="acme.example",
        crl={"validity": "24h", "distributionPoints": ["http://crl.acme.example/clients/${generation}.crl"]},
        serverCertPolicy={"allowedDNSNames": ["*.${namespace}.acme.example"]},
        cloud={"upload": "Never", "alias": "clients", "tags": {"team": "edge"}},
        deletionPolicy="Retain",
    ),
    "an authority with a root that exists": with_spec(
        AUTHORITY,
        source={"secretRef": {"name": "corporate-root"}, "nextSecretRef": {"name": "corporate-root-2"}},
    ),
    "a client certificate for a request": with_spec(CLIENT_CERT, request="QUJDRA=="),
    "a revoked client certificate": with_spec(
        CLIENT_CERT, revoked={"reason": "KeyCompromise"}, revokeOnDelete=True
    ),
    "an ECDSA authority of the usual size": with_spec(AUTHORITY, privateKey={"algorithm": "ECDSA"}),
    "an authority with selector expressions": with_spec(
        AUTHORITY,
        access={
            "clientCerts": {
                "namespaces": {
                    "from": "Selector",
                    "selector": {
                        "matchExpressions": [
                            {"key": "tier", "operator": "In", "values": ["edge"]},
                            {"key": "legacy", "operator": "DoesNotExist"},
                        ]
                    },
                }
            }
        },
    ),
    "the smallest client certificate": CLIENT_CERT,
    "a client certificate with everything": with_spec(
        CLIENT_CERT,
        caRef={"name": "clients", "namespace": "platform"},
        subject={"commonName": "payments.team-a", "organizations": ["Acme"]},
        dnsNames=["payments.team-a.svc.cluster.local", "*.payments.example"],
        uris=["spiffe://acme.example/payments", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"],
        emailAddresses=["payments@acme.example"],
        ipAddresses=["10.0.0.7", "fd00::7"],
        duration="1h30m",
        renewBefore="20m",
        privateKey={"algorithm": "RSA", "size": 3072, "rotationPolicy": "Never"},
        secretName="payments-mtls",
        secretTemplate={"labels": {"team": "a"}, "annotations": {"acme.example/contact": "Team A, desk 4"}},
        pkcs12={
            "enabled": True,
            "profile": "Legacy",
            "friendlyName": "Payments",
            "passwordSecretRef": {"name": "p12", "key": "password"},
        },
    ),
    "a long object name with a common name of its own": changed(
        with_spec(CLIENT_CERT, subject={"commonName": "payments"}), {"metadata": {"name": "x" * 200}}
    ),
    "the smallest listener": LISTENER,
    "SNI with an authority for each domain": with_spec(
        LISTENER,
        sni=True,
        tls=None,
        domains=[
            changed(DOMAIN, {"tls": OTHER_CA, "default": True}),
            changed(DOMAIN, {"domain": "b.acme.example", "tls": {"caRef": {"name": "clients"}}}),
        ],
    ),
    "SNI with inherited settings": with_spec(
        LISTENER,
        sni=True,
        domains=[
            DOMAIN,
            changed(
                DOMAIN,
                {
                    "domain": "b.acme.example",
                    "tls": {
                        "serverCertificate": {
                            "issue": {"duration": "720h", "privateKey": {"algorithm": "ECDSA", "size": 256}}
                        }
                    },
                },
            ),
        ],
    ),
    "a pair of server certificates": with_spec(
        LISTENER, tls={"serverCertificate": {"issue": {"additional": "ECDSA"}}}
    ),
    "a pair with the ECDSA key first": with_spec(
        LISTENER,
        tls={"serverCertificate": {"issue": {"privateKey": {"algorithm": "ECDSA"}, "additional": "RSA"}}},
    ),
    "a pair for one domain": with_spec(
        LISTENER,
        sni=True,
        tls={"serverCertificate": {"issue": {"privateKey": {"algorithm": "ECDSA"}}}},
        domains=[
            DOMAIN,
            changed(OTHER_DOMAIN, {"tls": {"serverCertificate": {"issue": {"additional": "RSA"}}}}),
        ],
    ),
    "a pair for all domains, turned round for one": with_spec(
        LISTENER,
        sni=True,
        tls={"serverCertificate": {"issue": {"additional": "ECDSA"}}},
        domains=[
            DOMAIN,
            changed(
                OTHER_DOMAIN,
                {
                    "tls": {
                        "serverCertificate": {
                            "issue": {"privateKey": {"algorithm": "ECDSA"}, "additional": "RSA"}
                        }
                    }
                },
            ),
        ],
    ),
    "a large key of the usual algorithm": with_spec(
        LISTENER, tls={"serverCertificate": {"issue": {"privateKey": {"size": 4096}}}}
    ),
    "somebody else's server certificate": with_spec(LISTENER, tls={"serverCertificate": PURCHASED}),
    "somebody else's for a domain, issued for the others": with_spec(
        LISTENER,
        sni=True,
        tls={"serverCertificate": {"issue": {"additional": "ECDSA"}}},
        domains=[DOMAIN, changed(OTHER_DOMAIN, {"tls": {"serverCertificate": PURCHASED}})],
    ),
    "issued for a domain, somebody else's for the others": with_spec(
        LISTENER,
        sni=True,
        tls={"serverCertificate": PURCHASED},
        domains=[DOMAIN, changed(OTHER_DOMAIN, {"tls": {"serverCertificate": {"issue": {}}}})],
    ),
    "a regular expression with somebody else's certificate": with_spec(
        LISTENER, tls={"serverCertificate": PURCHASED}, domains=[REGEX_DOMAIN]
    ),
    "a regular expression with somebody else's certificate for itself": with_spec(
        LISTENER,
        sni=True,
        domains=[DOMAIN, changed(REGEX_DOMAIN, {"tls": {"serverCertificate": PURCHASED}})],
    ),
    "a wildcard at the end with somebody else's certificate": with_spec(
        LISTENER,
        tls={"serverCertificate": PURCHASED},
        domains=[changed(REGEX_DOMAIN, {"domain": "www.acme.*"})],
    ),
    "a certificate of the cloud": with_spec(LISTENER, tls={"serverCertificate": IN_CLOUD}),
    "a certificate of the cloud for a domain, issued for the others": with_spec(
        LISTENER, sni=True, domains=[DOMAIN, changed(OTHER_DOMAIN, {"tls": {"serverCertificate": IN_CLOUD}})]
    ),
    "a domain for each source of a certificate": with_spec(
        LISTENER,
        sni=True,
        tls={"serverCertificate": IN_CLOUD},
        domains=[
            DOMAIN,
            changed(OTHER_DOMAIN, {"tls": {"serverCertificate": PURCHASED}}),
            changed(DOMAIN, {"domain": "c.acme.example", "tls": {"serverCertificate": {"issue": {}}}}),
        ],
    ),
    "a regular expression with a certificate of the cloud": with_spec(
        LISTENER, tls={"serverCertificate": IN_CLOUD}, domains=[REGEX_DOMAIN]
    ),
    "a regular expression with a certificate of the cloud for itself": with_spec(
        LISTENER,
        sni=True,
        domains=[DOMAIN, changed(REGEX_DOMAIN, {"tls": {"serverCertificate": IN_CLOUD}})],
    ),
    "gRPC": with_route(backendProtocol="GRPC"),
    "HTTP/2 off without gRPC": with_domain(
        http2=False, routes=[changed(ROUTE, {"backendProtocol": "HTTPS"})]
    ),
    "a wildcard domain that says what to probe": with_domain(
        domain="*.acme.example", routes=[changed(ROUTE, {"healthCheck": {"domain": "probe.acme.example"}})]
    ),
    "a wildcard domain that is not probed": with_domain(
        domain="*.acme.example", routes=[changed(ROUTE, {"healthCheck": {"enabled": False}})]
    ),
    "a Service's port by name": with_route(backends=[{"service": {"name": "web", "port": "http"}}]),
    "a Service's port by number": with_route(
        backends=[{"service": {"name": "web", "port": 8080}, "weight": 0}]
    ),
    "session persistence at its lower end": with_route(sessionPersistence="30s"),
    "session persistence at its upper end": with_route(sessionPersistence="24h"),
    "no session persistence, in many letters": with_route(
        scheduler="LEAST_CONN", sessionPersistence="0h0m0s"
    ),
    "no session persistence with another scheduler": with_route(scheduler="IP_HASH", sessionPersistence="0s"),
    "a health check at its upper end": with_route(
        healthCheck={
            "interval": "5m",
            "timeout": "60s",
            "healthyThreshold": 10,
            "unhealthyThreshold": 10,
            "codes": ["1xx", "2xx", "3xx", "4xx", "5xx"],
        }
    ),
    "paths in the forms of CLB": with_domain(
        routes=[changed(ROUTE, {"path": path}) for path in ("/", "=/exact", "^~ /static/", "~* /a+[.]png$")]
    ),
    "as many domains, routes and backends as CLB takes": with_spec(
        LISTENER,
        domains=[
            {
                "domain": f"d{n}.acme.example",
                "routes": [
                    {"path": f"/{m}", "backends": [{"nodePort": 30000 + k} for k in range(16)]}
                    for m in range(50)
                ],
            }
            for n in range(2)
        ]
        + [changed(DOMAIN, {"domain": f"e{n}.acme.example"}) for n in range(48)],
    ),
}


@pytest.mark.parametrize("manifest", GOOD.values(), ids=GOOD.keys())
def test_a_good_manifest_is_taken(api: CrdKubectl, manifest: Manifest) -> None:
    api.try_out(manifest)


def test_an_authority_gets_the_guides_defaults(api: CrdKubectl) -> None:
    assert api.try_out(AUTHORITY)["spec"] == {
        "subject": {"commonName": "Acme Client Root"},
        "duration": "87600h",
        "access": {
            "clientCerts": {"namespaces": {"from": "Same"}},
            "listeners": {"namespaces": {"from": "Same"}},
        },
        "clientCertPolicy": {
            "allowedCommonNames": ["*.${namespace}"],
            "allowedKeyAlgorithms": ["ECDSA", "RSA"],
            "maxPerNamespace": 200,
            "approval": "Automatic",
        },
        "rotation": {"strategy": "CrossSign", "minimumSoak": "24h", "overlap": "720h"},
        "crl": {"validity": "168h"},
        "cloud": {"upload": "WhenReferenced"},
        "deletionPolicy": "Delete",
    }


def test_a_client_certificate_gets_ninety_days_and_a_modern_bundle(api: CrdKubectl) -> None:
    assert api.try_out(CLIENT_CERT)["spec"] == {
        "caRef": {"name": "clients"},
        "duration": "2160h",
        "pkcs12": {"enabled": True, "profile": "Modern"},
        "revokeOnDelete": False,
    }


def test_a_listener_gets_the_load_balancers_defaults(api: CrdKubectl) -> None:
    spec = api.try_out(LISTENER)["spec"]
    assert (spec["port"], spec["sni"], spec["drainPeriod"], spec["deletionPolicy"]) == (
        443,
        False,
        "30s",
        "Delete",
    )
    assert spec["domains"] == [
        {
            "domain": "api.acme.example",
            "default": False,
            "http2": True,
            "routes": [
                {
                    "path": "/",
                    "scheduler": "WRR",
                    "backendProtocol": "HTTP",
                    "sessionPersistence": "0s",
                    "healthCheck": {
                        "enabled": True,
                        "path": "/",
                        "method": "HEAD",
                        "interval": "5s",
                        "timeout": "2s",
                        "healthyThreshold": 3,
                        "unhealthyThreshold": 3,
                        "codes": ["2xx", "3xx"],
                    },
                    "backends": [{"nodePort": 30080, "weight": 10}],
                }
            ],
        }
    ]


def test_a_domain_that_inherits_gets_no_defaults_that_would_override(api: CrdKubectl) -> None:
    listener = with_spec(
        LISTENER, sni=True, domains=[changed(DOMAIN, {"tls": {"serverCertificate": {"issue": {}}}})]
    )
    assert api.try_out(listener)["spec"]["domains"][0]["tls"] == {"serverCertificate": {"issue": {}}}


def test_nothing_changes_when_a_manifest_is_applied_again(api: CrdKubectl) -> None:
    for manifest in (AUTHORITY, CLIENT_CERT, LISTENER):
        first = api.apply(manifest)
        assert api.apply(manifest)["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        api.run("diff", "-f", "-", stdin=json.dumps(manifest))
