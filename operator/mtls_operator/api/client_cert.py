"""ClientCert: a client certificate and its key, in a Secret of the requester's namespace.

Pure. Read by the ClientCert reconciler and by `core.policy`.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from mtls_operator.api.duration import Duration
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.api.model import ApiModel, Time
from mtls_operator.api.resource import LENIENT, Resource, Status
from mtls_operator.api.rules import Rule, carries, immutable, immutable_optional
from mtls_operator.api.subject import (
    MAX_COMMON_NAME,
    AuthorityRef,
    CommonName,
    KeyAlgorithm,
    NameParts,
    ObjectName,
    PrivateKey,
)
from mtls_operator.api.timing import POSITIVE, RENEW_BEFORE_IS_SHORTER

DnsName = Annotated[
    str,
    Field(max_length=253),
    Rule(
        "self.matches('^([*][.])?([A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?[.])*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$')",
        "must be a DNS name such as payments.example.com",
    ),
]
Uri = Annotated[
    str,
    Field(max_length=512),
    Rule(
        "self.matches('^[A-Za-z][-+.A-Za-z0-9]*:[!-~]+$')",
        "must be a URI with a scheme and without blanks, such as spiffe://example.com/payments",
    ),
]
EmailAddress = Annotated[
    str,
    Field(max_length=254),
    Rule(
        "self.matches('^[!-?A-~]+@[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$')",
        "must be an e-mail address such as payments@example.com",
    ),
]
IpAddress = Annotated[str, Field(max_length=45), Rule("isIP(self)", "must be an IP address such as 10.0.0.7")]

CertificateRequest = Annotated[
    str,
    Field(max_length=16384),
    Rule("self.matches('^[A-Za-z0-9+/]+={0,2}$')", "must be base64 of a PEM request, in one line"),
]

_FOREIGN_DOMAINS: Final = Rule(
    "!self.exists(k, k.matches('^([^/]*[.])?(mtls[.]clb-operator[.]dev|kubernetes[.]io|k8s[.]io)/'))",
    "names under mtls.clb-operator.dev, kubernetes.io and k8s.io cannot be set here",
)


class RotationPolicy(StrEnum):
    """Whether a renewal makes a new key."""

    ALWAYS = "Always"
    NEVER = "Never"


class ClientPrivateKey(PrivateKey):
    """The kind of private key to make. The key itself never leaves the cluster."""

    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA
    """ECDSA or RSA."""
    rotation_policy: RotationPolicy = RotationPolicy.ALWAYS
    """Always: each renewal makes a new key. Never: the key in the Secret is kept."""


class ClientSubject(ApiModel):
    """The certificate's subject: what the authority's policy can speak of, and nothing else."""

    common_name: CommonName | None = None
    """The common name (CN), at most 64 characters. Default: the object's name, a dot and its namespace."""
    organizations: NameParts = Field(default_factory=tuple)
    """Organizations (O). The authority's clientCertPolicy must allow them."""


class SecretTemplate(ApiModel):
    """Metadata for the Secret. A name with a domain has to be admitted by the operator's configuration."""

    labels: Annotated[
        Mapping[
            str,
            Annotated[
                str,
                Field(max_length=63),
                Rule(
                    "self == '' || self.matches('^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$')",
                    "must be a label's value: letters, digits, '-', '_', '.', a letter or digit at both ends",
                ),
            ],
        ],
        Field(max_length=32),
        _FOREIGN_DOMAINS,
    ] = Field(default_factory=dict)
    """Labels to put on the Secret."""
    annotations: Annotated[Mapping[str, str], Field(max_length=32), _FOREIGN_DOMAINS] = Field(
        default_factory=dict
    )
    """Annotations to put on the Secret."""


class Pkcs12Profile(StrEnum):
    """Which algorithms protect client.p12."""

    MODERN = "Modern"
    LEGACY = "Legacy"


class PasswordRef(ApiModel):
    """A password in a Secret of the same namespace."""

    name: ObjectName
    """The Secret's name. With its label mtls.clb-operator.dev/watch: "true", changes count at once."""
    key: Annotated[str, Field(min_length=1, max_length=253)] = "password"
    """The key in the Secret's data."""


class Pkcs12(ApiModel):
    """The bundle client.p12 for browsers and Java."""

    enabled: bool = True
    """Whether the Secret has client.p12 and client.p12-password."""
    profile: Pkcs12Profile = Pkcs12Profile.MODERN
    """Modern (AES-256), or Legacy (3DES) for old Windows, macOS and Android."""
    friendly_name: Annotated[str, Field(max_length=64)] | None = None
    """The name that a browser shows. Default: the common name."""
    password_secret_ref: PasswordRef | None = None
    """Where the password is. Default: one is made and put into the Secret as client.p12-password."""


class RevocationReason(StrEnum):
    """Why a certificate is revoked, in the words of RFC 5280; what can be taken back is left out."""

    UNSPECIFIED = "Unspecified"
    KEY_COMPROMISE = "KeyCompromise"
    AFFILIATION_CHANGED = "AffiliationChanged"
    SUPERSEDED = "Superseded"
    CESSATION_OF_OPERATION = "CessationOfOperation"
    PRIVILEGE_WITHDRAWN = "PrivilegeWithdrawn"


class Revoked(ApiModel):
    """That the certificate is revoked, and why."""

    reason: RevocationReason = RevocationReason.UNSPECIFIED
    """The reason on the revocation list."""


class ClientCertSpec(ApiModel):
    """The client certificate that is wanted."""

    model_config = carries(
        RENEW_BEFORE_IS_SHORTER,
        immutable("caRef", "Make another ClientCert for another authority."),
        immutable_optional("secretName", "Make another ClientCert for another Secret."),
        Rule(
            "!(has(self.request) && has(self.privateKey))",
            "privateKey and request exclude each other: with a request, no key is made",
            ".request",
        ),
        Rule(
            "!has(oldSelf.revoked) || has(self.revoked)",
            "a revocation cannot be taken back. Make another ClientCert.",
            ".revoked",
        ),
    )

    ca_ref: AuthorityRef
    """The CertificateAuthority that signs. Immutable."""
    subject: ClientSubject = Field(default_factory=ClientSubject)
    """Whose certificate it is."""
    dns_names: Annotated[tuple[DnsName, ...], Field(max_length=64)] = Field(default_factory=tuple)
    """DNS names (SAN). The authority's clientCertPolicy must allow them."""
    uris: Annotated[tuple[Uri, ...], Field(max_length=64)] = Field(default_factory=tuple)
    """URIs (SAN). The authority's clientCertPolicy must allow them."""
    email_addresses: Annotated[tuple[EmailAddress, ...], Field(max_length=64)] = Field(default_factory=tuple)
    """E-mail addresses (SAN). The authority's clientCertPolicy must allow them."""
    ip_addresses: Annotated[tuple[IpAddress, ...], Field(max_length=64)] = Field(default_factory=tuple)
    """IP addresses (SAN). The authority's clientCertPolicy must allow them."""
    duration: Annotated[Duration, POSITIVE] = timedelta(hours=2160)
    """How long the certificate is valid. It never outlives its authority."""
    renew_before: Annotated[Duration, POSITIVE] | None = None
    """How long before its end the certificate is renewed. Default: a third of the duration."""
    private_key: ClientPrivateKey = Field(default_factory=ClientPrivateKey)
    """The key. Default: ECDSA with 256 bits, a new one with each renewal."""
    request: CertificateRequest | None = None
    """A certificate signing request, base64 of its PEM, instead of privateKey: no key is made and the
    Secret, of type Opaque, holds only certificates. Subject and names come from this manifest, not from
    the request."""
    secret_name: ObjectName | None = None
    """The Secret to make. Immutable. Default: the object's name."""
    secret_template: SecretTemplate = Field(default_factory=SecretTemplate)
    """Labels and annotations for the Secret."""
    pkcs12: Pkcs12 = Pkcs12()
    """The bundle client.p12 for browsers and Java."""
    revoked: Revoked | None = None
    """Revokes every unexpired certificate of this object, for good. CLB still accepts them until they end."""
    revoke_on_delete: bool = False
    """Whether the certificates are revoked when the object is deleted."""

    def effective_renew_before(self) -> timedelta:
        """Return how long before its end the certificate is renewed, a third of its life by default."""
        return self.duration / 3 if self.renew_before is None else self.renew_before


class ClientCertStatus(Status):
    """The client certificate that is."""

    serial_number: str | None = None
    """Its serial number, hexadecimal."""
    fingerprint_sha256: str | None = None
    """SHA-256 over the DER certificate, hexadecimal."""
    not_before: Time | None = None
    """When it becomes valid."""
    not_after: Time | None = None
    """When it ends."""
    renewal_time: Time | None = None
    """When it will be renewed."""
    revision: int | None = None
    """How many certificates have been issued for the object."""
    issuer_generation: int | None = None
    """The generation of the authority's root that signed it."""
    failures: int | None = None
    """How often issuing has failed in a row."""
    retry_time: Time | None = None
    """When it will be tried again."""
    certificate: str | None = None
    """The certificate and what follows it in its chain, PEM. Only with spec.request."""


class ClientCert(Resource):
    """A client certificate with its key, renewed in time, in a Secret of type kubernetes.io/tls."""

    model_config = carries(
        Rule(
            "(has(self.spec.subject) && has(self.spec.subject.commonName)) || size(self.metadata.name) <= 62",
            "metadata.name and the namespace make a common name of more than 64 characters: "
            "set spec.subject.commonName",
        )
    )

    kind: ClassVar = Kind.CLIENT_CERT

    spec: ClientCertSpec
    """The client certificate that is wanted."""
    status: Annotated[ClientCertStatus, LENIENT] = Field(default_factory=ClientCertStatus)
    """The client certificate that is. Written by the operator."""

    @model_validator(mode="after")
    def _common_name_fits(self) -> Self:
        # The schema cannot see the namespace, so it refuses only what is too long in any. What is
        # being deleted must be read all the same, or its deletion would never end.
        name = self.common_name()
        if len(name) > MAX_COMMON_NAME and not self.metadata.is_deleting:
            raise ValueError(
                f"common name {name} has {len(name)} characters, a certificate takes {MAX_COMMON_NAME}: "
                "set spec.subject.commonName"
            )
        return self

    def common_name(self) -> str:
        """Return the common name to ask for, `<name>.<namespace>` by default."""
        return self.spec.subject.common_name or f"{self.metadata.name}.{self.metadata.namespace}"

    def secret_name(self) -> str:
        """Return the name of the Secret, the object's own by default."""
        return self.spec.secret_name or self.metadata.name

    def is_revoked(self) -> bool:
        """Tell whether somebody has revoked it."""
        return self.spec.revoked is not None

    def ca(self) -> ObjectRef:
        """Return the authority that signs."""
        return self.spec.ca_ref.resolve(self.metadata.namespace)
