"""Who may ask an authority for what, rule by rule."""

from typing import Any

import pytest
from builders import authority, client_cert

from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.authority_policy import NamespaceAccess
from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.selector import LabelSelector
from mtls_operator.core.client_cert import wanted_leaf
from mtls_operator.core.policy import (
    admits,
    matches,
    require_access,
    require_key,
    require_names,
    require_server_names,
)
from mtls_operator.core.policy import selector_matches as selects
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import RequestDenied, SpecError

PATTERNS = [
    ("a star admits one label", "*.team-a", "payments.team-a", True),
    ("a star does not admit two labels", "*.team-a", "a.b.team-a", False),
    ("a star does not admit an empty label", "*.team-a", ".team-a", False),
    ("a star does not admit a star", "*.team-a", "*.team-a", False),
    ("a star admits the whole of a name without labels", "*", "payments", True),
    ("a star does not reach over a slash", "spiffe://acme.example/*", "spiffe://acme.example/a/b", False),
    ("a star does not reach over an at sign", "*", "a@b", False),
    ("a star does not admit a line break", "*.team-a", "x\n.team-a", False),
    ("a star does not admit a blank", "*.team-a", "x y.team-a", False),
    ("the namespace is the requester's", "*.${namespace}", "payments.edge", True),
    ("the namespace is nobody else's", "*.${namespace}", "payments.prod", False),
    ("the namespace is a whole label", "*.${namespace}", "payments.edge-2", False),
    ("half a label with a star is no pattern", "pay*.edge", "payments.edge", False),
    ("half a label with the namespace is no pattern", "x-${namespace}", "x-edge", False),
    ("a plain name admits itself", "payments.acme.example", "payments.acme.example", True),
    ("capitals count", "payments.acme.example", "Payments.acme.example", False),
    ("a dot is a dot", "a.b", "axb", False),
    ("a delimiter cannot be exchanged for another", "a.b", "a/b", False),
    (
        "a URI is matched label by label",
        "spiffe://*.acme.example/ns/${namespace}/*",
        "spiffe://x.acme.example/ns/edge/pay",
        True,
    ),
    (
        "a URI of another namespace is refused",
        "spiffe://acme.example/ns/${namespace}/*",
        "spiffe://acme.example/ns/prod/pay",
        False,
    ),
    ("a port of a URI is a label", "https://api.acme.example:*", "https://api.acme.example:8443", True),
    (
        "an address is matched on both sides of the at sign",
        "*@${namespace}.acme.example",
        "ops@edge.acme.example",
        True,
    ),
    ("an address of another host is refused", "*@acme.example", "ops@evil.example", False),
    ("a longer name than the pattern is refused", "a.b", "a.b.c", False),
    ("an empty name matches no star", "*", "", False),
]


@pytest.mark.parametrize(
    ("pattern", "value", "expected"), [row[1:] for row in PATTERNS], ids=[row[0] for row in PATTERNS]
)
def test_a_pattern(pattern: str, value: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert matches(pattern, value, namespace="edge") is expected


SELECTORS: list[tuple[str, dict[str, Any], dict[str, str], bool]] = [
    ("an empty selector selects everything", {}, {}, True),
    ("labels must have the value", {"matchLabels": {"a": "1"}}, {"a": "2"}, False),
    ("all labels are needed", {"matchLabels": {"a": "1", "b": "2"}}, {"a": "1"}, False),
    (
        "In needs one of the values",
        {"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]},
        {"a": "2"},
        True,
    ),
    (
        "In is not met by an absent label",
        {"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]},
        {},
        False,
    ),
    (
        "NotIn is met by an absent label",
        {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]},
        {},
        True,
    ),
    (
        "NotIn is not met by a value of it",
        {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]},
        {"a": "1"},
        False,
    ),
    ("Exists needs the label", {"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {}, False),
    ("Exists takes any value", {"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
    (
        "DoesNotExist refuses the label",
        {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]},
        {"a": ""},
        False,
    ),
    (
        "labels and expressions are both needed",
        {"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]},
        {"a": "1"},
        False,
    ),
]


@pytest.mark.parametrize(
    ("selector", "labels", "expected"), [row[1:] for row in SELECTORS], ids=[row[0] for row in SELECTORS]
)
def test_a_selector(selector: dict[str, Any], labels: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    assert selects(LabelSelector.model_validate(selector), labels) is expected


def test_no_selector_admits_nothing() -> None:
    assert not selects(None, {})


def access(rule: str, **selector: Any) -> NamespaceAccess:
    chosen = {"selector": selector} if selector else {}
    return NamespaceAccess.model_validate({"namespaces": {"from": rule, **chosen}})


ACCESS = [
    ("Same admits the authority's own namespace", access("Same"), "edge", {}, True),
    ("Same admits no other", access("Same"), "prod", {}, False),
    ("All admits every namespace", access("All"), "prod", {}, True),
    ("Selector admits by label", access("Selector", matchLabels={"team": "a"}), "prod", {"team": "a"}, True),
    ("Selector refuses other labels", access("Selector", matchLabels={"team": "a"}), "prod", {}, False),
    (
        "Selector always admits the own namespace",
        access("Selector", matchLabels={"x": "y"}),
        "edge",
        {},
        True,
    ),
]


@pytest.mark.parametrize(
    ("rule", "namespace", "labels", "expected"), [row[1:] for row in ACCESS], ids=[row[0] for row in ACCESS]
)
def test_access(rule: NamespaceAccess, namespace: str, labels: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    assert admits(rule, home="edge", namespace=namespace, labels=labels) is expected


def test_a_refused_namespace_learns_the_rule_and_what_to_do() -> None:
    with pytest.raises(
        SpecError, match=r"edge/clients does not admit namespace prod.*clientCerts.*is Same"
    ) as caught:
        require_access(authority(), access("Same"), "clientCerts", namespace="prod", labels={})
    assert caught.value.reason == Reason.NAMESPACE_NOT_ALLOWED


REFUSALS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "a common name that no pattern admits",
        {},
        {"subject": {"commonName": "payments.prod"}},
        "allowedCommonNames does not allow 'payments.prod'",
    ),
    (
        "an organization, since none is listed",
        {},
        {"subject": {"organizations": ["Acme"]}},
        "allowedOrganizations does not allow 'Acme'; allowed: nothing",
    ),
    (
        "the second of two DNS names",
        {"allowedDNSNames": ["*.acme.example"]},
        {"dnsNames": ["a.acme.example", "b.evil.example"]},
        "allowedDNSNames does not allow 'b.evil.example'",
    ),
    (
        "a URI",
        {"allowedURIs": ["spiffe://acme.example/*"]},
        {"uris": ["spiffe://evil.example/x"]},
        "allowedURIs does not allow",
    ),
    (
        "an e-mail address",
        {"allowedEmailAddresses": ["*@acme.example"]},
        {"emailAddresses": ["a@evil.example"]},
        "allowedEmailAddresses does not allow",
    ),
    (
        "an address outside the ranges",
        {"allowedIPRanges": ["10.0.0.0/8"]},
        {"ipAddresses": ["10.1.1.1", "11.0.0.1"]},
        "allowedIPRanges does not allow '11.0.0.1'",
    ),
    (
        "an IPv6 address where only IPv4 is listed",
        {"allowedIPRanges": ["0.0.0.0/0"]},
        {"ipAddresses": ["::1"]},
        "allowedIPRanges does not allow '::1'",
    ),
    ("any address when no range is listed", {}, {"ipAddresses": ["10.0.0.1"]}, "allowedIPRanges"),
    (
        "a key algorithm that is not listed",
        {"allowedKeyAlgorithms": ["RSA"]},
        {"privateKey": {"algorithm": "ECDSA"}},
        "allowedKeyAlgorithms does not allow",
    ),
    (
        "a duration above the limit",
        {"maxDuration": "24h"},
        {"duration": "25h"},
        r"25h\) is longer than clientCertPolicy.maxDuration \(24h\)",
    ),
]


def judge_request(ca: CertificateAuthority, request: ClientCert) -> None:
    require_names(ca, request)
    require_key(ca, wanted_leaf(request))


@pytest.mark.parametrize(
    ("policy", "request_spec", "sentence"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_the_policy_refuses(policy: dict[str, Any], request_spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestDenied, match=sentence) as caught:
        judge_request(authority(clientCertPolicy=policy), client_cert(**request_spec))
    assert caught.value.reason == Reason.NAME_NOT_ALLOWED


def test_the_policy_admits_what_it_lists() -> None:
    policy = {
        "allowedCommonNames": ["*.${namespace}", "Robot"],
        "allowedOrganizations": ["Acme"],
        "allowedDNSNames": ["*.acme.example"],
        "allowedURIs": ["spiffe://acme.example/${namespace}/*"],
        "allowedEmailAddresses": ["*@acme.example"],
        "allowedIPRanges": ["10.0.0.0/8", "fd00::/8"],
        "maxDuration": "24h",
    }
    request = client_cert(
        subject={"commonName": "Robot", "organizations": ["Acme"]},
        dnsNames=["a.acme.example"],
        uris=["spiffe://acme.example/edge/x"],
        emailAddresses=["ops@acme.example"],
        ipAddresses=["10.9.9.9", "fd00::1"],
        duration="24h",
    )
    judge_request(authority(clientCertPolicy=policy), request)


@pytest.mark.parametrize("name", ["Root clients", "root CLIENTS"], ids=["the same", "the same in other case"])
def test_the_authoritys_own_common_name_is_a_conflict(name: str) -> None:
    ca = authority(clientCertPolicy={"allowedCommonNames": [name]})
    with pytest.raises(SpecError) as caught:
        require_names(ca, client_cert(subject={"commonName": name}))
    assert caught.value.reason == Reason.NAME_CONFLICT


def test_server_names_of_the_own_namespace_are_free() -> None:
    require_server_names(authority(), ["anything.example"], namespace="edge")


def test_server_names_of_another_namespace_must_be_listed() -> None:
    ca = authority(serverCertPolicy={"allowedDNSNames": ["*.${namespace}.acme.example"]})
    require_server_names(ca, ["api.prod.acme.example"], namespace="prod")
    with pytest.raises(
        SpecError, match=r"serverCertPolicy.allowedDNSNames does not allow 'www.bank.example'"
    ):
        require_server_names(ca, ["www.bank.example"], namespace="prod")
