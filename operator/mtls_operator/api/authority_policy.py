"""Who may have what signed by an authority: namespaces, names, durations, keys, how many.

Pure. Part of `CertificateAuthority.spec`; `core.policy` evaluates it.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.model import ApiModel
from mtls_operator.api.rules import Rule, carries
from mtls_operator.api.selector import LabelSelector
from mtls_operator.api.subject import KeyAlgorithm
from mtls_operator.api.timing import POSITIVE

_LABEL: Final = r"(\$\{namespace\}|\*|[^$*./@:]*)"
NamePatternText = Annotated[
    str,
    Field(max_length=253),
    Rule(
        f"self != '' && self.matches(r'^{_LABEL}([./@:]{_LABEL})*$')",
        "'*' and '${namespace}' stand for a whole label each, the text between '.', '/', '@' or ':'",
    ),
]
"""A name in a policy. `*` is one label, `${namespace}` the requester's namespace."""
NamePatterns = Annotated[tuple[NamePatternText, ...], Field(max_length=64)]
IpRange = Annotated[
    str, Field(max_length=43), Rule("isCIDR(self)", "must be a range of IP addresses such as 10.0.0.0/8")
]


class NamespacesFrom(StrEnum):
    """Which namespaces are admitted."""

    SAME = "Same"
    ALL = "All"
    SELECTOR = "Selector"


class Namespaces(ApiModel):
    """A choice of namespaces."""

    model_config = carries(
        Rule(
            "(self.from == 'Selector') == has(self.selector)",
            "selector belongs to from: Selector, which needs one",
            ".selector",
        )
    )

    from_: NamespacesFrom = NamespacesFrom.SAME
    """Same (the authority's own), All, or Selector. The authority's own namespace is always admitted."""
    selector: LabelSelector | None = None
    """Labels of the namespaces to admit; with from: Selector only."""


class NamespaceAccess(ApiModel):
    """Who is admitted, by namespace."""

    namespaces: Namespaces = Namespaces()
    """The namespaces that are admitted."""


class Access(ApiModel):
    """Which namespaces may use the authority, and for what."""

    client_certs: NamespaceAccess = NamespaceAccess()
    """Where ClientCerts of this authority may be made."""
    listeners: NamespaceAccess = NamespaceAccess()
    """Where MutualTLSListeners may admit this authority's clients and get server certificates from it."""


class Approval(StrEnum):
    """Whether a person looks at each request."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class ClientCertPolicy(ApiModel):
    """What a ClientCert may ask for. Names that are not listed are refused.

    In every name, `*` stands for exactly one label and `${namespace}` for the requester's namespace.
    """

    max_duration: Annotated[Duration, POSITIVE] | None = None
    """The longest duration that may be asked for. Default: no limit but the authority's own end."""
    allowed_common_names: NamePatterns = ("*.${namespace}",)
    """Common names that may be asked for."""
    allowed_organizations: NamePatterns = Field(default_factory=tuple)
    """Organizations that may be asked for. Default: none."""
    allowed_dns_names: NamePatterns = Field(default_factory=tuple)
    """DNS names that may be asked for. Default: none."""
    allowed_uris: NamePatterns = Field(default_factory=tuple)
    """URIs that may be asked for. Default: none."""
    allowed_email_addresses: NamePatterns = Field(default_factory=tuple)
    """E-mail addresses that may be asked for. Default: none."""
    allowed_ip_ranges: Annotated[tuple[IpRange, ...], Field(max_length=64)] = Field(default_factory=tuple)
    """Ranges of IP addresses that may be asked for, such as 10.0.0.0/8. Default: none."""
    allowed_key_algorithms: Annotated[tuple[KeyAlgorithm, ...], Field(min_length=1, max_length=2)] = (
        KeyAlgorithm.ECDSA,
        KeyAlgorithm.RSA,
    )
    """Key algorithms that may be asked for."""
    max_per_namespace: Annotated[int, Field(ge=1, le=100_000)] = 200
    """How many ClientCerts of this authority a namespace may have. The oldest ones count first."""
    approval: Approval = Approval.AUTOMATIC
    """Automatic, or Manual: each request needs an entry in the ConfigMap <name>-approvals, by its spec."""


class ServerCertPolicy(ApiModel):
    """Which server certificates listeners may get; those of the authority's own namespace get any."""

    allowed_dns_names: NamePatterns = Field(default_factory=tuple)
    """DNS names, with `*` for one label and `${namespace}` for the listener's namespace. Default: none."""
