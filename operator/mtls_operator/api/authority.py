"""CertificateAuthority: a root certificate and who may have what signed by it.

Pure. Read by the CertificateAuthority reconciler, by `core.policy` and by everything that issues.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.meta import Kind
from mtls_operator.api.model import ApiModel, Time
from mtls_operator.api.resource import LENIENT, Resource, Status
from mtls_operator.api.rules import Rule, carries
from mtls_operator.api.selector import LabelSelector
from mtls_operator.api.subject import (
    CommonName,
    DeletionPolicy,
    DistinguishedName,
    KeyAlgorithm,
    PrivateKey,
)
from mtls_operator.api.timing import POSITIVE, is_shorter

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


class ServerCertPolicy(ApiModel):
    """Which server certificates listeners may get; those of the authority's own namespace get any."""

    allowed_dns_names: NamePatterns = Field(default_factory=tuple)
    """DNS names, with `*` for one label and `${namespace}` for the listener's namespace. Default: none."""


class UploadPolicy(StrEnum):
    """When the authority's certificate goes to the cloud."""

    WHEN_REFERENCED = "WhenReferenced"
    NEVER = "Never"


class Cloud(ApiModel):
    """The authority's certificate in Tencent Cloud's SSL certificate service. Its key never goes there."""

    upload: UploadPolicy = UploadPolicy.WHEN_REFERENCED
    """WhenReferenced: as soon as a listener admits this authority. Never: not at all, so no listener can."""
    alias: Annotated[str, Field(max_length=200)] | None = None
    """The certificate's name in the console. Default: the cluster, the namespace and the name."""
    tags: Annotated[
        Mapping[str, Annotated[str, Field(max_length=255)]],
        Field(max_length=16),
        Rule(
            "!self.exists(k, k == '' || k.startsWith('mtls.clb-operator.dev/'))",
            "tags under mtls.clb-operator.dev/ are the operator's own, and a tag needs a name",
        ),
    ] = Field(default_factory=dict)
    """Tags for the uploaded certificate, besides the operator's own."""


class AuthoritySubject(DistinguishedName):
    """The root certificate's subject. It must differ from every certificate that the authority signs."""

    common_name: CommonName
    """The common name (CN), at most 64 characters."""


class AuthoritySpec(ApiModel):
    """The authority that is wanted."""

    model_config = carries(
        is_shorter(
            "clientCertPolicy.maxDuration",
            "duration",
            optional=("clientCertPolicy", "clientCertPolicy.maxDuration"),
        ),
    )

    subject: AuthoritySubject
    """Whose certificate it is. A change is taken up when the next root is made."""
    private_key: PrivateKey = Field(default_factory=PrivateKey)
    """The root's key. Default: RSA with 2048 bits. A change is taken up when the next root is made."""
    duration: Annotated[Duration, POSITIVE] = timedelta(hours=87600)
    """How long the root is valid."""
    access: Access = Access()
    """Which namespaces may use the authority. Default: its own."""
    client_cert_policy: ClientCertPolicy = ClientCertPolicy()
    """What ClientCerts may ask for. Default: common names that end in their namespace."""
    server_cert_policy: ServerCertPolicy = Field(default_factory=ServerCertPolicy)
    """Which server certificates listeners of other namespaces may get. Default: none."""
    cloud: Cloud = Cloud()
    """How the authority's certificate is kept in the cloud."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete, or Retain: the Secret with the key, the ConfigMap and the cloud certificate stay."""


class RootGeneration(ApiModel):
    """A root certificate of the authority."""

    generation: int
    """1 for the first root, one more with each rotation."""
    serial_number: str
    """Its serial number, hexadecimal."""
    fingerprint_sha256: str
    """SHA-256 over the DER certificate, hexadecimal."""
    not_before: Time
    """When it becomes valid."""
    not_after: Time
    """When it ends."""
    cloud_certificate_id: str | None = None
    """Its id in the SSL certificate service, while it is uploaded."""


class AuthorityStatus(Status):
    """The authority that is."""

    active: RootGeneration | None = None
    """The root that signs."""


class CertificateAuthority(Resource):
    """A root certificate and its key, kept in the cluster; listeners admit the certificates that it signs.

    CLB admits by authority alone, so make one for each audience.
    """

    kind: ClassVar = Kind.CERTIFICATE_AUTHORITY

    spec: AuthoritySpec
    """The authority that is wanted."""
    status: Annotated[AuthorityStatus, LENIENT] = Field(default_factory=AuthorityStatus)
    """The authority that is. Written by the operator."""
