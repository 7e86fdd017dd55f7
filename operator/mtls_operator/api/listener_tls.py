"""TLS of a listener and of its domains: which authority is trusted, which server certificate is shown.

Pure. Part of `MutualTLSListener.spec`. A domain's settings have types of their own without schema
defaults, since a default there would override what the listener says.
"""

from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.model import ApiModel
from mtls_operator.api.rules import carries
from mtls_operator.api.subject import KEY_SIZE_RULE, AuthorityRef, KeyAlgorithm, PrivateKey
from mtls_operator.api.timing import POSITIVE

DEFAULT_DURATION: Final = timedelta(hours=2160)


class Issue(ApiModel):
    """A server certificate that an authority of the cluster signs."""

    ca_ref: AuthorityRef | None = None
    """The CertificateAuthority that signs. Default: the one whose certificates are admitted."""
    duration: Annotated[Duration, POSITIVE] = DEFAULT_DURATION
    """How long the certificate is valid; it is renewed when a third of that is left."""
    private_key: PrivateKey = Field(default_factory=PrivateKey)
    """The key. Default: RSA with 2048 bits."""

    def effective_renew_before(self) -> timedelta:
        """Return how long before its end the certificate is renewed: a third of its life."""
        return self.duration / 3


class ServerCertificate(ApiModel):
    """Where the server certificate comes from. Default: issue."""

    issue: Issue | None = None
    """An authority of the cluster signs it, for the domains of the listener."""


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


class DomainServerCertificate(ApiModel):
    """Where the domain's server certificate comes from. Default: the listener's."""

    issue: DomainIssue | None = None
    """An authority of the cluster signs it, for this domain."""


class DomainTls(ApiModel):
    """What is different for this domain. What is absent is inherited from the listener."""

    ca_ref: AuthorityRef | None = None
    """The CertificateAuthority whose certificates are admitted. Default: the listener's."""
    server_certificate: DomainServerCertificate | None = None
    """The certificate that clients see. Default: as the listener's."""


def effective_issue(listener: ListenerTls, domain: DomainTls | None) -> Issue:
    """Return how a domain's server certificate is made, with what it inherits.

    `ca_ref` stays None when neither names an authority: then the admitted one signs.
    """
    inherited = listener.server_certificate.issue or Issue()
    own = domain.server_certificate.issue if domain and domain.server_certificate else None
    if own is None:
        return inherited
    key = own.private_key
    return Issue(
        ca_ref=own.ca_ref or inherited.ca_ref,
        duration=own.duration or inherited.duration,
        private_key=PrivateKey(algorithm=key.algorithm, size=key.size) if key else inherited.private_key,
    )
