"""What kinds of certificates there are, and what each may do.

Pure. Called by `pki.issue`, `pki.roots`, `pki.signing` and `pki.lint`. Profiles, not options: nothing in a
manifest reaches a key usage or a basic constraint.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from mtls_operator.pki.keys import KeyAlgorithm


class Usage(StrEnum):
    """What a leaf proves: which side of a TLS connection its holder is."""

    SERVER = "Server"
    CLIENT = "Client"

    @property
    def oid(self) -> x509.ObjectIdentifier:
        """The extended key usage."""
        return ExtendedKeyUsageOID.SERVER_AUTH if self is Usage.SERVER else ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A kind of certificate.

    Attributes:
        name: as it stands in messages.
        usage: a leaf's only extended key usage; None makes it a CA, which has none.
        max_duration: the longest validity that is issued.
        wildcards: whether DNS names may stand for more than one host.
        rsa_key_encipherment: whether an RSA key may also decrypt, which TLS 1.2 servers without
            forward secrecy need.
        self_signed: whether it is its own issuer: a root is, its cross certificate is not.

    Raises:
        ValueError: the members contradict each other (a mistake in this file).
    """

    name: str
    usage: Usage | None
    max_duration: timedelta
    wildcards: bool = False
    rsa_key_encipherment: bool = False
    self_signed: bool = False

    def __post_init__(self) -> None:
        if self.max_duration <= timedelta(0):
            raise ValueError(f"profile {self.name}: max_duration must be positive")
        if self.wildcards and self.usage is not Usage.SERVER:
            raise ValueError(f"profile {self.name}: only servers have wildcard names")
        if self.rsa_key_encipherment and self.usage is not Usage.SERVER:
            raise ValueError(f"profile {self.name}: only servers decrypt")
        if self.self_signed and not self.is_ca:
            raise ValueError(f"profile {self.name}: only a CA is self-signed")

    @property
    def is_ca(self) -> bool:
        """Whether such a certificate signs others."""
        return self.usage is None

    def basic_constraints(self) -> x509.BasicConstraints:
        """Return the constraints.

        A root has no path length: it also signs its successor's cross certificate. That one has none
        either: after another rotation it stands above the next (`pki.roots`).
        """
        return x509.BasicConstraints(ca=self.is_ca, path_length=None)

    def key_usage(self, algorithm: KeyAlgorithm) -> x509.KeyUsage:
        """Return the key usage for a key of this algorithm."""
        return x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=self.rsa_key_encipherment and algorithm is KeyAlgorithm.RSA,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=self.is_ca,
            crl_sign=self.is_ca,
            encipher_only=False,
            decipher_only=False,
        )

    def extended_key_usage(self) -> x509.ExtendedKeyUsage | None:
        """Return the extended key usage; None for a CA."""
        return None if self.usage is None else x509.ExtendedKeyUsage([self.usage.oid])


ROOT: Final = Profile(name="root", usage=None, max_duration=timedelta(days=30 * 365), self_signed=True)

# A root's copy that another root signed; it ends with the first of the two.
CROSS: Final = Profile(name="cross", usage=None, max_duration=ROOT.max_duration)

# The guide's own -days 3650. The default is 90 days, and some clients refuse far less than ten years.
SERVER: Final = Profile(
    name="server",
    usage=Usage.SERVER,
    max_duration=timedelta(days=3650),
    wildcards=True,
    rsa_key_encipherment=True,
)

# The same; an authority's clientCertPolicy says less.
CLIENT: Final = Profile(name="client", usage=Usage.CLIENT, max_duration=timedelta(days=3650))
