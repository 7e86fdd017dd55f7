"""CertificateAuthority: a root certificate and who may have what signed by it.

Pure. Read by the CertificateAuthority reconciler, by `core.policy` and by everything that issues.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from mtls_operator.api.authority_policy import Access, ClientCertPolicy, ServerCertPolicy
from mtls_operator.api.authority_rotation import (
    AdmittedRoots,
    Crl,
    CrlStatus,
    RetiringRoot,
    RootGeneration,
    Rotation,
    RotationStatus,
    Source,
)
from mtls_operator.api.duration import Duration
from mtls_operator.api.meta import Kind
from mtls_operator.api.model import ApiModel
from mtls_operator.api.resource import LENIENT, Resource, Status
from mtls_operator.api.rules import Rule, carries
from mtls_operator.api.subject import CommonName, DeletionPolicy, DistinguishedName, PrivateKey
from mtls_operator.api.timing import POSITIVE, RENEW_BEFORE_IS_SHORTER, is_shorter

TrustDomain = Annotated[
    str,
    Field(max_length=255),
    Rule(
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "must be a SPIFFE trust domain: lower-case letters, digits, '-' and '.', such as acme.example",
    ),
]


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
        RENEW_BEFORE_IS_SHORTER,
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
    renew_before: Annotated[Duration, POSITIVE] | None = None
    """How long before its end the root is replaced. Default: a fifth of the duration."""
    source: Source = Field(default_factory=Source)
    """Where the root comes from. Default: the operator makes it."""
    rotation: Rotation = Rotation()
    """How the root is replaced."""
    access: Access = Access()
    """Which namespaces may use the authority. Default: its own."""
    client_cert_policy: ClientCertPolicy = ClientCertPolicy()
    """What ClientCerts may ask for. Default: common names that end in their namespace."""
    server_cert_policy: ServerCertPolicy = Field(default_factory=ServerCertPolicy)
    """Which server certificates listeners of other namespaces may get. Default: none."""
    trust_domain: TrustDomain | None = None
    """The SPIFFE trust domain. With one, every client certificate has the single URI
    spiffe://<trustDomain>/ns/<namespace>/clientcert/<name>, and no request can choose another."""
    crl: Crl = Crl()
    """The revocation list."""
    cloud: Cloud = Cloud()
    """How the authority's certificate is kept in the cloud."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete, or Retain: the Secret with the key, the ConfigMap and the cloud certificate stay."""

    def effective_renew_before(self) -> timedelta:
        """Return how long before its end the root is replaced, a fifth of its life by default."""
        return self.duration / 5 if self.renew_before is None else self.renew_before


class AuthorityStatus(Status):
    """The authority that is."""

    active: RootGeneration | None = None
    """The root that signs."""
    retiring: tuple[RetiringRoot, ...] = ()
    """Earlier roots that are still trusted."""
    admitted: AdmittedRoots | None = None
    """What listeners trust now."""
    rotation: RotationStatus | None = None
    """How far a rotation is."""
    issued: int | None = None
    """Certificates that have been issued and have not ended."""
    revoked: int | None = None
    """How many of them are revoked."""
    crl: CrlStatus | None = None
    """The revocation list that is published."""


class CertificateAuthority(Resource):
    """A root certificate and its key, kept in the cluster; listeners admit the certificates that it signs.

    CLB admits by authority alone, so make one for each audience.
    """

    kind: ClassVar = Kind.CERTIFICATE_AUTHORITY

    spec: AuthoritySpec
    """The authority that is wanted."""
    status: Annotated[AuthorityStatus, LENIENT] = Field(default_factory=AuthorityStatus)
    """The authority that is. Written by the operator."""
