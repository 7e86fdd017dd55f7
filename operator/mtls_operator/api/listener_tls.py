"""TLS of a listener and of its domains: which authority is trusted, which server certificate is shown.

Pure. Part of `MutualTLSListener.spec`. A domain's settings have types of their own without schema
defaults, since a default there would override what the listener says.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.model import ApiModel
from mtls_operator.api.rules import Rule, at_most_one_of, carries
from mtls_operator.api.subject import (
    KEY_SIZE_RULE,
    AuthorityRef,
    KeyAlgorithm,
    ObjectName,
    PrivateKey,
    default_size,
)
from mtls_operator.api.timing import POSITIVE

DEFAULT_DURATION: Final = timedelta(hours=2160)
_ONE_SOURCE: Final = at_most_one_of("issue", "secretRef", "cloudCertificateId")
CloudCertificateId = Annotated[
    str,
    Field(max_length=64),
    Rule("self.matches('^[A-Za-z0-9_-]+$')", "must be the id of a certificate in the cloud such as LtIaSxlb"),
]


class Issue(ApiModel):
    """A server certificate that an authority of the cluster signs."""

    model_config = carries(
        Rule(
            "!has(self.additional) || self.additional != self.?privateKey.?algorithm.orValue('RSA')",
            "additional must be another algorithm than privateKey.algorithm, which is RSA unless set",
            ".additional",
        )
    )

    ca_ref: AuthorityRef | None = None
    """The CertificateAuthority that signs. Default: the one whose certificates are admitted."""
    duration: Annotated[Duration, POSITIVE] = DEFAULT_DURATION
    """How long the certificate is valid; it is renewed when a third of that is left."""
    private_key: PrivateKey = Field(default_factory=PrivateKey)
    """The key. Default: RSA with 2048 bits."""
    additional: KeyAlgorithm | None = None
    """RSA or ECDSA: a second certificate of this algorithm, for clients that know no other. Default: none."""


class SecretRef(ApiModel):
    """A Secret of type kubernetes.io/tls in the listener's namespace. It is read and never written."""

    name: ObjectName
    """Its name."""


class ServerCertificate(ApiModel):
    """Where the server certificate comes from. Default: issue."""

    model_config = carries(_ONE_SOURCE)

    issue: Issue | None = None
    """An authority of the cluster signs it, for the domains of the listener."""
    secret_ref: SecretRef | None = None
    """Somebody else keeps it in a Secret, such as cert-manager; every renewal is taken up."""
    cloud_certificate_id: CloudCertificateId | None = None
    """Its id, when the cloud has it already. It is never uploaded, renewed or deleted."""


class ListenerTls(ApiModel):
    """Whose certificates are admitted, and which certificate is shown."""

    ca_ref: AuthorityRef | None = None
    """The CertificateAuthority whose certificates are admitted. Needed unless every domain names its own."""
    server_certificate: ServerCertificate = Field(default_factory=ServerCertificate)
    """The certificate that clients see. Default: one that the admitted authority signs."""


class DomainPrivateKey(ApiModel):
    """The kind of private key to make."""

    model_config = carries(KEY_SIZE_RULE)

    algorithm: KeyAlgorithm
    """RSA or ECDSA."""
    size: int | None = None
    """RSA: 2048, 3072 or 4096 bits. ECDSA: curve 256, 384 or 521. Default: 2048 or 256."""


class DomainIssue(ApiModel):
    """A server certificate that an authority of the cluster signs. What is absent is inherited."""

    ca_ref: AuthorityRef | None = None
    """The CertificateAuthority that signs. Default: the listener's, else the one that is admitted."""
    duration: Annotated[Duration, POSITIVE] | None = None
    """How long the certificate is valid. Default: the listener's."""
    private_key: DomainPrivateKey | None = None
    """The key. Default: the listener's."""
    additional: KeyAlgorithm | None = None
    """RSA or ECDSA: a second certificate of this algorithm for the same names. Default: the listener's."""


class DomainServerCertificate(ApiModel):
    """Where the domain's server certificate comes from. Default: the listener's."""

    model_config = carries(_ONE_SOURCE)

    issue: DomainIssue | None = None
    """An authority of the cluster signs it, for this domain."""
    secret_ref: SecretRef | None = None
    """Somebody else keeps it in a Secret of the listener's namespace."""
    cloud_certificate_id: CloudCertificateId | None = None
    """Its id, when the cloud has it already. It is never uploaded, renewed or deleted."""


class DomainTls(ApiModel):
    """What is different for this domain. What is absent is inherited from the listener."""

    ca_ref: AuthorityRef | None = None
    """The CertificateAuthority whose certificates are admitted. Default: the listener's."""
    server_certificate: DomainServerCertificate | None = None
    """The certificate that clients see. Default: as the listener's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveIssue:
    """How a server certificate is made, with what is inherited and every default filled in.

    Attributes:
        ca_ref: None when nothing names an authority: then the admitted one signs.
        additional: the key of the second certificate; None without one.
    """

    ca_ref: AuthorityRef | None
    duration: timedelta
    private_key: PrivateKey
    additional: PrivateKey | None

    def effective_renew_before(self) -> timedelta:
        """Return how long before its end the certificate is renewed: a third of its life."""
        return self.duration / 3


def effective_issue(listener: ListenerTls, domain: DomainTls | None) -> EffectiveIssue:
    """Return how a domain's server certificate is made, where it is issued."""
    inherited = listener.server_certificate.issue or Issue()
    own = _own(domain).issue or DomainIssue()
    named = own.private_key
    key = PrivateKey(algorithm=named.algorithm, size=named.size) if named else inherited.private_key
    return EffectiveIssue(
        ca_ref=own.ca_ref or inherited.ca_ref,
        duration=own.duration or inherited.duration,
        private_key=key,
        additional=_second_key(own.additional or inherited.additional, key),
    )


def _own(domain: DomainTls | None) -> DomainServerCertificate:
    return (domain.server_certificate if domain else None) or DomainServerCertificate()


def _second_key(algorithm: KeyAlgorithm | None, first: PrivateKey) -> PrivateKey | None:
    """Return the second certificate's key; none of the first one's algorithm, which the schema refuses."""
    if algorithm is None or algorithm is first.algorithm:
        return None
    return PrivateKey(algorithm=algorithm, size=default_size(algorithm))


def effective_source(
    listener: ListenerTls, domain: DomainTls | None
) -> ServerCertificate | DomainServerCertificate:
    """Return where a domain's server certificate comes from.

    A domain that names a source of its own replaces the listener's.
    """
    own = _own(domain)
    named = (own.issue, own.secret_ref, own.cloud_certificate_id)
    return listener.server_certificate if named == (None, None, None) else own
