"""Manifests that break one rule each, with a part of the sentence that the API server must answer."""

from crds.bad_server_certificates import SERVER_CERTIFICATES
from crds.manifests import (
    AUTHORITY,
    CLIENT_CERT,
    DOMAIN,
    LISTENER,
    ROUTE,
    Manifest,
    changed,
    with_domain,
    with_route,
    with_spec,
)

TWO_DEFAULTS = [changed(DOMAIN, {"default": True}), changed(DOMAIN, {"domain": "b.example", "default": True})]

MOVE = ", and move. See docs/how-to/move-a-listener.md."


def policy(**fields: object) -> Manifest:
    return with_spec(AUTHORITY, clientCertPolicy=fields)


def probed(**fields: object) -> Manifest:
    return with_route(healthCheck=fields)


AUTHORITIES = {
    "two sources": (
        with_spec(AUTHORITY, source={"selfSigned": {}, "secretRef": {"name": "corporate-root"}}),
        "at most one of selfSigned and secretRef can be set",
    ),
    "a successor of nothing": (
        with_spec(AUTHORITY, source={"nextSecretRef": {"name": "corporate-root-2"}}),
        "nextSecretRef is the successor of secretRef",
    ),
    "a replacement before the beginning": (
        with_spec(AUTHORITY, duration="24h", renewBefore="24h"),
        "renewBefore (24h) must be shorter than duration (24h)",
    ),
    "a soak that never ends": (
        with_spec(AUTHORITY, rotation={"minimumSoak": "99999h"}),
        "must be between 0s and 87600h",
    ),
    "an unknown strategy": (with_spec(AUTHORITY, rotation={"strategy": "Hope"}), '"CrossSign", "SameKey"'),
    "a list behind TLS": (
        with_spec(AUTHORITY, crl={"distributionPoints": ["https://crl.acme.example/a.crl"]}),
        "must be an http:// URL",
    ),
    "a trust domain in capitals": (with_spec(AUTHORITY, trustDomain="Acme"), "must be a SPIFFE trust domain"),
    "a quota of none": (policy(maxPerNamespace=0), "should be greater than or equal to 1"),
    "no common name": (
        with_spec(AUTHORITY, subject={"commonName": None}),
        "spec.subject.commonName: Required",
    ),
    "an empty common name": (with_spec(AUTHORITY, subject={"commonName": ""}), "must not be empty"),
    "a long common name": (with_spec(AUTHORITY, subject={"commonName": "x" * 65}), "may not be more than 64"),
    "a country in words": (
        with_spec(AUTHORITY, subject={"countries": ["cn"]}),
        "ISO 3166 code of two capitals",
    ),
    "an RSA key of an odd size": (
        with_spec(AUTHORITY, privateKey={"size": 1024}),
        "an RSA key has size 2048",
    ),
    "an ECDSA key with an RSA size": (
        with_spec(AUTHORITY, privateKey={"algorithm": "ECDSA", "size": 2048}),
        "an ECDSA key 256, 384 or 521",
    ),
    "an unknown algorithm": (
        with_spec(AUTHORITY, privateKey={"algorithm": "DSA"}),
        'supported values: "RSA", "ECDSA"',
    ),
    "a duration in days": (
        with_spec(AUTHORITY, duration="10 days"),
        'spec.duration: Invalid value: "10 days": must be a duration in hours',
    ),
    "a duration of nothing": (with_spec(AUTHORITY, duration="0s"), "must be longer than zero"),
    "an empty duration": (with_spec(AUTHORITY, duration=""), "must be a duration in hours"),
    "a certificate longer than its authority": (
        with_spec(AUTHORITY, duration="24h", clientCertPolicy={"maxDuration": "48h"}),
        "maxDuration (48h) must be shorter than duration (24h)",
    ),
    "a selector that nothing asks for": (
        with_spec(AUTHORITY, access={"listeners": {"namespaces": {"selector": {}}}}),
        "selector belongs to from: Selector",
    ),
    "no selector where one is asked for": (
        with_spec(AUTHORITY, access={"clientCerts": {"namespaces": {"from": "Selector"}}}),
        "selector belongs to from: Selector",
    ),
    "an expression without values": (
        with_spec(
            AUTHORITY,
            access={
                "listeners": {
                    "namespaces": {
                        "from": "Selector",
                        "selector": {"matchExpressions": [{"key": "tier", "operator": "In"}]},
                    }
                }
            },
        ),
        "values belong to the operators In and NotIn",
    ),
    "the namespace as a part of a label": (
        policy(allowedCommonNames=["x-${namespace}"]),
        "stand for a whole label each",
    ),
    "a misspelt placeholder": (policy(allowedURIs=["spiffe://a/${name}"]), "stand for a whole label each"),
    "a star as a part of a label": (policy(allowedDNSNames=["api*.example"]), "stand for a whole label each"),
    "a server name with half a placeholder": (
        with_spec(AUTHORITY, serverCertPolicy={"allowedDNSNames": ["$namespace.example"]}),
        "stand for a whole label each",
    ),
    "a range that is none": (policy(allowedIPRanges=["10.0.0.7"]), "must be a range of IP addresses"),
    "no key algorithm": (policy(allowedKeyAlgorithms=[]), "should have at least 1 items"),
    "a tag of the operator's": (
        with_spec(AUTHORITY, cloud={"tags": {"mtls.clb-operator.dev/uid": "x"}}),
        "are the operator's own",
    ),
    "a misspelt field": (with_spec(AUTHORITY, renewbefore="1h"), 'unknown field "spec.renewbefore"'),
}

CLIENT_CERTS = {
    "a key and a request": (
        with_spec(CLIENT_CERT, request="QUJD", privateKey={"algorithm": "RSA"}),
        "privateKey and request exclude each other",
    ),
    "a request that is not base64": (
        with_spec(CLIENT_CERT, request="-----BEGIN CERTIFICATE REQUEST-----"),
        "must be base64 of a PEM request",
    ),
    "a revocation that could be taken back": (
        with_spec(CLIENT_CERT, revoked={"reason": "CertificateHold"}),
        'supported values: "Unspecified"',
    ),
    "no authority": (with_spec(CLIENT_CERT, caRef=None), "spec.caRef: Required"),
    "an authority that cannot be": (
        with_spec(CLIENT_CERT, caRef={"name": "A_B"}),
        "must be a Kubernetes name",
    ),
    "renewal before the beginning": (
        with_spec(CLIENT_CERT, renewBefore="2161h"),
        "renewBefore (2161h) must be shorter than duration (2160h)",
    ),
    "a DNS name that is none": (with_spec(CLIENT_CERT, dnsNames=["a..b"]), "must be a DNS name"),
    "a URI without a scheme": (with_spec(CLIENT_CERT, uris=["payments"]), "must be a URI"),
    "an e-mail address that is none": (
        with_spec(CLIENT_CERT, emailAddresses=["payments"]),
        "must be an e-mail address",
    ),
    "an address with a range": (with_spec(CLIENT_CERT, ipAddresses=["10.0.0.0/8"]), "must be an IP address"),
    "an RSA key with an ECDSA size": (
        with_spec(CLIENT_CERT, privateKey={"algorithm": "RSA", "size": 256}),
        "an RSA key has size 2048",
    ),
    "an ECDSA key, the default, with an RSA size": (
        with_spec(CLIENT_CERT, privateKey={"size": 2048}),
        "an ECDSA key 256, 384 or 521",
    ),
    "a label of the operator's": (
        with_spec(CLIENT_CERT, secretTemplate={"labels": {"mtls.clb-operator.dev/managed": "x"}}),
        "cannot be set here",
    ),
    "an annotation of Kubernetes'": (
        with_spec(CLIENT_CERT, secretTemplate={"annotations": {"kubectl.kubernetes.io/x": "y"}}),
        "cannot be set here",
    ),
    "a label's value that cannot be": (
        with_spec(CLIENT_CERT, secretTemplate={"labels": {"team": "a b"}}),
        "must be a label's value",
    ),
    "a password without a Secret": (
        with_spec(CLIENT_CERT, pkcs12={"passwordSecretRef": {}}),
        "passwordSecretRef.name: Required",
    ),
    "an object name that leaves no room for a common name": (
        changed(CLIENT_CERT, {"metadata": {"name": "x" * 63}}),
        "set spec.subject.commonName",
    ),
}

LISTENERS = {
    "no load balancer": (with_spec(LISTENER, loadBalancer=None), "spec.loadBalancer: Required"),
    "no region": (with_spec(LISTENER, loadBalancer={"region": None}), "spec.loadBalancer.region: Required"),
    "the id of something else": (
        with_spec(LISTENER, loadBalancer={"id": "ins-1a2b3c4d"}),
        "must be the id of a load balancer",
    ),
    "a region that is none": (with_spec(LISTENER, loadBalancer={"region": "Guangzhou"}), "must be a region"),
    "a port beyond the last": (with_spec(LISTENER, port=65536), "less than or equal to 65535"),
    "no domain": (with_spec(LISTENER, domains=[]), "should have at least 1 items"),
    "the same domain twice": (with_spec(LISTENER, domains=[DOMAIN, DOMAIN]), "Duplicate value"),
    "the same path twice": (with_domain(routes=[ROUTE, ROUTE]), "Duplicate value"),
    "more domains than CLB takes": (
        with_spec(LISTENER, domains=[changed(DOMAIN, {"domain": f"d{n}.example"}) for n in range(51)]),
        "must have at most 50 items",
    ),
    "two defaults": (with_spec(LISTENER, domains=TWO_DEFAULTS), "at most one domain can be the default"),
    "nobody to admit": (
        with_spec(LISTENER, tls=None),
        "set tls.caRef, the authority whose certificates are admitted",
    ),
    "SNI, and a domain that admits nobody": (
        with_spec(
            LISTENER,
            sni=True,
            tls=None,
            domains=[DOMAIN, changed(DOMAIN, {"domain": "b.example", "tls": {"caRef": {"name": "x"}}})],
        ),
        "set tls.caRef, the authority whose certificates are admitted",
    ),
    "a domain's own TLS without SNI": (
        with_domain(tls={"caRef": {"name": "x"}}),
        "tls on a domain needs sni: true",
    ),
    "gRPC without HTTP/2": (
        with_domain(http2=False, routes=[changed(ROUTE, {"backendProtocol": "GRPC"})]),
        "backendProtocol GRPC needs http2: true on its domain",
    ),
    "an unknown protocol to the backends": (
        with_route(backendProtocol="TRPC"),
        'supported values: "HTTP", "HTTPS", "GRPC"',
    ),
    "a domain with a star inside": (with_domain(domain="a.*.example"), "must be a domain in lower case"),
    "a domain in capitals": (with_domain(domain="API.example"), "must be a domain in lower case"),
    "a domain that begins with an underscore": (
        with_domain(domain="_a.example"),
        "must be a domain in lower case",
    ),
    "a domain beyond 80 characters": (with_domain(domain="x" * 81), "may not be more than 80"),
    "a wildcard domain with nothing to probe": (
        with_domain(domain="*.example"),
        "set healthCheck.domain of every route",
    ),
    "no path": (with_route(path=None), "path: Required"),
    "a path that begins with nothing": (with_route(path="api"), "must begin with '/'"),
    "a path with a blank": (with_route(path="/a b"), "must begin with '/'"),
    "a path beyond 200 characters": (with_route(path="/" + "x" * 200), "may not be more than 200"),
    "an unknown scheduler": (
        with_route(scheduler="RANDOM"),
        'supported values: "WRR", "LEAST_CONN", "IP_HASH"',
    ),
    "a session too short": (with_route(sessionPersistence="29s"), "must be 0s, or between 30s and 86400s"),
    "a session too long": (with_route(sessionPersistence="86401s"), "must be 0s, or between 30s and 86400s"),
    "a session with a fraction": (with_route(sessionPersistence="30s500ms"), "in whole seconds"),
    "a session with another scheduler": (
        with_route(sessionPersistence="60s", scheduler="LEAST_CONN"),
        "sessionPersistence works with scheduler WRR only",
    ),
    "a probe that may outlast its interval": (
        probed(interval="5s", timeout="5s"),
        "timeout (5s) must be shorter than interval (5s)",
    ),
    "probes too often": (probed(interval="1s"), "must be between 2s and 300s"),
    "probes too seldom": (probed(interval="301s"), "must be between 2s and 300s"),
    "a timeout too short": (probed(timeout="1s"), "must be between 2s and 60s"),
    "a threshold of one": (probed(healthyThreshold=1), "greater than or equal to 2"),
    "a threshold of eleven": (probed(unhealthyThreshold=11), "less than or equal to 10"),
    "an unknown class of answers": (probed(codes=["200"]), 'supported values: "1xx"'),
    "a probe by POST": (probed(method="POST"), 'supported values: "HEAD", "GET"'),
    "no backend": (with_route(backends=[]), "should have at least 1 items"),
    "a backend that is nothing": (
        with_route(backends=[{"weight": 1}]),
        "exactly one of service, nodePort must be set",
    ),
    "a backend that is two things": (
        with_route(backends=[{"nodePort": 30080, "service": {"name": "web", "port": 80}}]),
        "exactly one of service, nodePort must be set",
    ),
    "a weight beyond 100": (
        with_route(backends=[{"nodePort": 30080, "weight": 101}]),
        "less than or equal to 100",
    ),
    "a Service that cannot be": (
        with_route(backends=[{"service": {"name": "web.shop", "port": 80}}]),
        "must be a Service's name",
    ),
    "a Service without a port": (
        with_route(backends=[{"service": {"name": "web"}}]),
        "service.port: Required",
    ),
    "a Service's port beyond the last": (
        with_route(backends=[{"service": {"name": "web", "port": 65536}}]),
        "less than or equal to 65535",
    ),
    "a drain without end": (with_spec(LISTENER, drainPeriod="2h"), "must be 0s, or between 1s and 1h"),
}

BAD = {
    f"{kind}: {what}": case
    for kind, cases in (
        ("authority", AUTHORITIES),
        ("client certificate", CLIENT_CERTS),
        ("listener", {**LISTENERS, **SERVER_CERTIFICATES}),
    )
    for what, case in cases.items()
}

IMMUTABLE = {
    "a revocation taken back": (
        with_spec(CLIENT_CERT, revoked={"reason": "KeyCompromise"}),
        {"revoked": None},
        "a revocation cannot be taken back",
    ),
    "another authority": (CLIENT_CERT, {"caRef": {"name": "partners"}}, "caRef is immutable"),
    "another namespace of the authority": (CLIENT_CERT, {"caRef": {"namespace": "x"}}, "caRef is immutable"),
    "a Secret's name where there was none": (CLIENT_CERT, {"secretName": "x"}, "secretName is immutable"),
    "no Secret's name where there was one": (
        with_spec(CLIENT_CERT, secretName="x"),
        {"secretName": None},
        "secretName is immutable",
    ),
    "another Secret's name": (
        with_spec(CLIENT_CERT, secretName="x"),
        {"secretName": "y"},
        "secretName is immutable",
    ),
    "another load balancer": (
        LISTENER,
        {"loadBalancer": {"id": "lb-zzzz"}},
        f"loadBalancer is immutable. Make another listener there{MOVE}",
    ),
    "another region": (
        LISTENER,
        {"loadBalancer": {"region": "ap-beijing"}},
        f"loadBalancer is immutable. Make another listener there{MOVE}",
    ),
    "another port": (
        LISTENER,
        {"port": 8443},
        f"port is immutable. Make another listener on the other port{MOVE}",
    ),
    "no port where it was another": (with_spec(LISTENER, port=8443), {"port": None}, "port is immutable"),
    "SNI switched on": (
        LISTENER,
        {"sni": True},
        f"sni is immutable. Make another listener on another port{MOVE}",
    ),
    "SNI left out where it was on": (with_spec(LISTENER, sni=True), {"sni": None}, "sni is immutable"),
}
