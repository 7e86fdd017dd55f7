"""Who may ask an authority for what: namespaces, names, durations, keys.

Pure. A denial names the rule, the value and what would be allowed, so that the requester can
change the manifest or ask the authority's owner for exactly that. Called by the ClientCert and
MutualTLSListener reconcilers.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from mtls_operator.api.authority_policy import NamespacesFrom
from mtls_operator.api.duration import render_duration
from mtls_operator.core.reasons import Reason
from mtls_operator.core.spiffe import spiffe_id
from mtls_operator.errors import RequestDenied

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.authority_policy import NamespaceAccess
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.api.selector import LabelSelector
    from mtls_operator.core.leaf import WantedLeaf

_DELIMITERS = re.compile(r"([./@:])")
_ONE_LABEL = re.compile(r"[A-Za-z0-9_-]+\Z")


def matches(pattern: str, value: str, *, namespace: str) -> bool:
    """Tell whether a policy pattern admits a name.

    `*` stands for exactly one label, `${namespace}` for the requester's namespace; both are whole
    labels. Labels end at `.`, `/`, `@` and `:`, so `*.team-a` never admits `a.b.team-a`, and the
    same rule serves host names, addresses and URIs.
    """
    wanted, given = _DELIMITERS.split(pattern), _DELIMITERS.split(value)
    if len(wanted) != len(given):
        return False
    return all(_label_matches(w, g, namespace) for w, g in zip(wanted, given, strict=True))


def _label_matches(wanted: str, given: str, namespace: str) -> bool:
    if wanted == "*":
        return _ONE_LABEL.match(given) is not None
    return given == (namespace if wanted == "${namespace}" else wanted)


def selector_matches(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Tell whether labels satisfy a Kubernetes label selector; no selector admits nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(_expression_matches(e.key, e.operator, e.values, labels) for e in selector.match_expressions)


def _expression_matches(key: str, operator: str, values: Sequence[str], labels: Mapping[str, str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def admits(access: NamespaceAccess, *, home: str, namespace: str, labels: Mapping[str, str]) -> bool:
    """Tell whether an authority of namespace `home` admits objects of `namespace`."""
    if namespace == home:
        return True
    match access.namespaces.from_:
        case NamespacesFrom.ALL:
            return True
        case NamespacesFrom.SELECTOR:
            return selector_matches(access.namespaces.selector, labels)
        case _:
            return False


def require_access(
    authority: CertificateAuthority,
    access: NamespaceAccess,
    what: str,
    *,
    namespace: str,
    labels: Mapping[str, str],
) -> None:
    """Refuse a namespace that the authority does not admit.

    Args:
        authority: whose access is asked for.
        access: the part of its `access` that counts here.
        what: that part's field name, `clientCerts` or `listeners`.
        namespace: the requester's.
        labels: that namespace's labels.

    Raises:
        RequestDenied: with reason NamespaceNotAllowed.
    """
    if admits(access, home=authority.metadata.namespace, namespace=namespace, labels=labels):
        return
    rule = access.namespaces.from_.value
    raise RequestDenied(
        Reason.NAMESPACE_NOT_ALLOWED,
        f"CertificateAuthority {authority.ref} does not admit namespace {namespace}: "
        f"its access.{what}.namespaces is {rule}. "
        f"Its owner can set from: All, or from: Selector with a label that {namespace} carries.",
    )


def require_names(authority: CertificateAuthority, request: ClientCert) -> None:
    """Refuse a client certificate whose names or duration the authority's policy does not allow.

    Raises:
        RequestDenied: with reason NameNotAllowed or NameConflict, naming the rule and the value.
    """
    policy, namespace, spec = authority.spec.client_cert_policy, request.metadata.namespace, request.spec
    common_name = request.common_name()
    # As `pki.issue` compares: verifiers ignore case in names.
    if common_name.casefold() == authority.spec.subject.common_name.casefold():
        raise RequestDenied(
            Reason.NAME_CONFLICT,
            f"common name {common_name!r} is the authority's own; "
            "mutual authentication needs the two to differ. Choose another spec.subject.commonName.",
        )
    _require_patterns(
        "clientCertPolicy.allowedCommonNames", policy.allowed_common_names, [common_name], namespace
    )
    _require_patterns(
        "clientCertPolicy.allowedOrganizations",
        policy.allowed_organizations,
        spec.subject.organizations,
        namespace,
    )
    _require_patterns("clientCertPolicy.allowedDNSNames", policy.allowed_dns_names, spec.dns_names, namespace)
    _require_uris(authority, request)
    _require_patterns(
        "clientCertPolicy.allowedEmailAddresses",
        policy.allowed_email_addresses,
        spec.email_addresses,
        namespace,
    )
    _require_ranges(policy.allowed_ip_ranges, spec.ip_addresses)
    _require_duration(policy.max_duration, spec.duration)


def _require_uris(authority: CertificateAuthority, request: ClientCert) -> None:
    uris, domain = request.spec.uris, authority.spec.trust_domain
    if domain is None:
        allowed = authority.spec.client_cert_policy.allowed_uris
        _require_patterns("clientCertPolicy.allowedURIs", allowed, uris, request.metadata.namespace)
    elif uris:
        raise RequestDenied(
            Reason.NAME_NOT_ALLOWED,
            f"trustDomain does not allow {uris[0]!r}: each certificate of this authority carries "
            f"{spiffe_id(domain, request.ref)}, and no other URI. Take spec.uris away.",
        )


def _require_patterns(rule: str, patterns: Iterable[str], values: Iterable[str], namespace: str) -> None:
    allowed = tuple(patterns)
    for value in values:
        if not any(matches(pattern, value, namespace=namespace) for pattern in allowed):
            raise _denied(rule, value, allowed)


def _require_ranges(ranges: Iterable[str], addresses: Iterable[str]) -> None:
    allowed = tuple(ranges)
    networks = [ipaddress.ip_network(text, strict=False) for text in allowed]
    for text in addresses:
        if not any(_is_within(text, network) for network in networks):
            raise _denied("clientCertPolicy.allowedIPRanges", text, allowed)


def _is_within(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Tell whether a range admits an address; what is none is admitted by no range."""
    try:
        return ipaddress.ip_address(text) in network
    except ValueError:
        return False


def require_key(authority: CertificateAuthority, leaf: WantedLeaf) -> None:
    """Refuse a key of a kind that the authority's policy does not list, made here or by the requester.

    Raises:
        RequestDenied: with reason NameNotAllowed.
    """
    allowed = tuple(authority.spec.client_cert_policy.allowed_key_algorithms)
    if leaf.key.algorithm.value not in allowed:
        raise _denied("clientCertPolicy.allowedKeyAlgorithms", leaf.key.algorithm.value, allowed)


def _require_duration(longest: timedelta | None, wanted: timedelta) -> None:
    if longest is not None and wanted > longest:
        raise RequestDenied(
            Reason.NAME_NOT_ALLOWED,
            f"spec.duration ({render_duration(wanted)}) is longer than clientCertPolicy.maxDuration "
            f"({render_duration(longest)}). Shorten it.",
        )


def require_server_names(authority: CertificateAuthority, names: Iterable[str], *, namespace: str) -> None:
    """Refuse server names that a listener of another namespace may not have certified.

    Raises:
        RequestDenied: with reason NameNotAllowed.
    """
    if namespace == authority.metadata.namespace:
        return
    allowed = authority.spec.server_cert_policy.allowed_dns_names
    _require_patterns("serverCertPolicy.allowedDNSNames", allowed, names, namespace)


def _denied(rule: str, value: str, allowed: Sequence[str]) -> RequestDenied:
    listed = ", ".join(allowed) or "nothing"
    return RequestDenied(
        Reason.NAME_NOT_ALLOWED,
        f"{rule} does not allow {value!r}; allowed: {listed}. "
        "Change the manifest, or ask the authority's owner to list it.",
    )
