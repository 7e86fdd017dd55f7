"""Listeners whose server certificates break one rule each; a part of `bad_manifests`."""

from crds.manifests import DOMAIN, LISTENER, REGEX_DOMAIN, ROUTE, Manifest, changed, with_domain, with_spec


def server(**members: object) -> Manifest:
    """Return the TLS settings with a source of the server certificate."""
    return {"serverCertificate": members}


def with_sni_domain(tls: Manifest) -> Manifest:
    """Return the listener with SNI and one domain with settings of its own."""
    return with_spec(LISTENER, sni=True, domains=[changed(DOMAIN, {"tls": tls})])


SERVER_CERTIFICATES = {
    "a regular expression that no certificate can carry": (
        with_domain(
            domain="~^.*[.]example$", routes=[changed(ROUTE, {"healthCheck": {"domain": "a.example"}})]
        ),
        "no certificate can carry such a name",
    ),
    "a wildcard at the end that no certificate can carry": (
        with_domain(
            domain="www.example.*", routes=[changed(ROUTE, {"healthCheck": {"domain": "a.example"}})]
        ),
        "no certificate can carry such a name",
    ),
    "a key that does not fit, for a domain": (
        with_spec(
            LISTENER,
            sni=True,
            domains=[
                changed(
                    DOMAIN,
                    {
                        "tls": {
                            "serverCertificate": {"issue": {"privateKey": {"algorithm": "RSA", "size": 256}}}
                        }
                    },
                )
            ],
        ),
        "an RSA key has size 2048",
    ),
    "a regular expression whose certificate is issued for its domain alone": (
        with_spec(
            LISTENER,
            sni=True,
            tls={"serverCertificate": {"secretRef": {"name": "purchased"}}},
            domains=[changed(REGEX_DOMAIN, {"tls": {"serverCertificate": {"issue": {}}}})],
        ),
        "no certificate can carry such a name; use serverCertificate.secretRef or cloudCertificateId",
    ),
    "two sources of the server certificate": (
        with_spec(LISTENER, tls=server(issue={}, secretRef={"name": "purchased"})),
        "at most one of issue, secretRef, cloudCertificateId can be set",
    ),
    "two sources of a domain's server certificate": (
        with_sni_domain(server(issue={}, secretRef={"name": "purchased"})),
        "at most one of issue, secretRef, cloudCertificateId can be set",
    ),
    "a Secret and a certificate of the cloud": (
        with_spec(LISTENER, tls=server(secretRef={"name": "purchased"}, cloudCertificateId="LtIaSxlb")),
        "at most one of issue, secretRef, cloudCertificateId can be set",
    ),
    "a domain's own certificate and one of the cloud": (
        with_sni_domain(server(issue={}, cloudCertificateId="LtIaSxlb")),
        "at most one of issue, secretRef, cloudCertificateId can be set",
    ),
    "a certificate's name for its id": (
        with_spec(LISTENER, tls=server(cloudCertificateId="my certificate")),
        "must be the id of a certificate in the cloud such as LtIaSxlb",
    ),
    "a certificate without an id": (
        with_sni_domain(server(cloudCertificateId="")),
        "must be the id of a certificate in the cloud such as LtIaSxlb",
    ),
    "a regular expression whose certificate is issued though the listener's is in the cloud": (
        with_spec(
            LISTENER,
            sni=True,
            tls=server(cloudCertificateId="LtIaSxlb"),
            domains=[changed(REGEX_DOMAIN, {"tls": server(issue={})})],
        ),
        "no certificate can carry such a name",
    ),
    "a Secret that cannot be": (
        with_spec(LISTENER, tls=server(secretRef={"name": "A_B"})),
        "must be a Kubernetes name",
    ),
    "a Secret without a name": (with_spec(LISTENER, tls=server(secretRef={})), "secretRef.name: Required"),
    "a second certificate like the first by default": (
        with_spec(LISTENER, tls=server(issue={"additional": "RSA"})),
        "additional must be another algorithm than privateKey.algorithm, which is RSA unless set",
    ),
    "a second certificate like the first": (
        with_spec(LISTENER, tls=server(issue={"privateKey": {"algorithm": "ECDSA"}, "additional": "ECDSA"})),
        "additional must be another algorithm than privateKey.algorithm",
    ),
    "a second certificate of an unknown algorithm": (
        with_spec(LISTENER, tls=server(issue={"additional": "DSA"})),
        'supported values: "RSA", "ECDSA"',
    ),
    "a domain's second certificate like its first": (
        with_sni_domain(server(issue={"privateKey": {"algorithm": "ECDSA"}, "additional": "ECDSA"})),
        "a domain's additional must be another algorithm than that of its key",
    ),
    "a domain's second certificate like the listener's first": (
        with_spec(
            with_sni_domain(server(issue={"additional": "ECDSA"})),
            tls=server(issue={"privateKey": {"algorithm": "ECDSA"}}),
        ),
        "a domain's additional must be another algorithm than that of its key",
    ),
    "a domain's first certificate like the listener's second": (
        with_spec(
            with_sni_domain(server(issue={"privateKey": {"algorithm": "ECDSA"}})),
            tls=server(issue={"additional": "ECDSA"}),
        ),
        "a domain's additional must be another algorithm than that of its key",
    ),
    "a key that does not fit, by default RSA": (
        with_spec(LISTENER, tls=server(issue={"privateKey": {"size": 256}})),
        "an RSA key has size 2048",
    ),
}
