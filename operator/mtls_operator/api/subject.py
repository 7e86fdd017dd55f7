"""What certificates have in common in all three kinds: names, keys, references to an authority.

Pure. Used by `authority`, `client_cert` and `listener`.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from mtls_operator.api.meta import ObjectRef
from mtls_operator.api.model import ApiModel
from mtls_operator.api.rules import Rule, carries

NAME_PATTERN: Final = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

ObjectName = Annotated[
    str,
    Field(max_length=253),
    Rule(
        f"self.matches('{NAME_PATTERN}')",
        "must be a Kubernetes name: lower-case letters, digits, '-' and '.', a letter or digit at both ends",
    ),
]
MAX_COMMON_NAME: Final = 64
"""RFC 5280, ub-common-name."""
CommonName = Annotated[
    str,
    Field(max_length=MAX_COMMON_NAME),
    Rule("self != '' && self.trim() == self", "must not be empty or have blanks at its ends"),
]
NamePart = Annotated[
    str,
    Field(max_length=64),
    Rule("self != '' && self.trim() == self", "must not be empty or have blanks at its ends"),
]
Country = Annotated[
    str, Field(max_length=2), Rule("self.matches('^[A-Z]{2}$')", "must be an ISO 3166 code of two capitals")
]
NameParts = Annotated[tuple[NamePart, ...], Field(max_length=16)]
Countries = Annotated[tuple[Country, ...], Field(max_length=16)]

RSA_SIZES: Final = (2048, 3072, 4096)
ECDSA_SIZES: Final = (256, 384, 521)

KEY_SIZE_RULE: Final = Rule(
    "!has(self.size) || "
    "(self.algorithm == 'RSA' ? self.size in [2048, 3072, 4096] : self.size in [256, 384, 521])",
    "an RSA key has size 2048, 3072 or 4096, an ECDSA key 256, 384 or 521",
    ".size",
)


class DeletionPolicy(StrEnum):
    """What becomes of what an object made when the object goes."""

    DELETE = "Delete"
    RETAIN = "Retain"


class KeyAlgorithm(StrEnum):
    """The algorithms that both CLB and common clients take."""

    RSA = "RSA"
    ECDSA = "ECDSA"


class DistinguishedName(ApiModel):
    """The parts of a subject besides the common name."""

    organizations: NameParts = Field(default_factory=tuple)
    """Organizations (O)."""
    organizational_units: NameParts = Field(default_factory=tuple)
    """Organizational units (OU)."""
    countries: Countries = Field(default_factory=tuple)
    """Countries (C), ISO 3166 codes of two capitals."""
    localities: NameParts = Field(default_factory=tuple)
    """Localities, such as cities (L)."""
    provinces: NameParts = Field(default_factory=tuple)
    """States or provinces (ST)."""


class PrivateKey(ApiModel):
    """The kind of private key to make. The key itself never leaves the cluster."""

    model_config = carries(KEY_SIZE_RULE)

    algorithm: KeyAlgorithm = KeyAlgorithm.RSA
    """RSA or ECDSA."""
    size: int | None = None
    """RSA: 2048, 3072 or 4096 bits. ECDSA: curve 256, 384 or 521. Default: 2048 or 256."""

    def effective_size(self) -> int:
        """Return the size in bits, the algorithm's usual one when none is given."""
        return default_size(self.algorithm) if self.size is None else self.size


def default_size(algorithm: KeyAlgorithm) -> int:
    """Return the usual key size of an algorithm."""
    return RSA_SIZES[0] if algorithm is KeyAlgorithm.RSA else ECDSA_SIZES[0]


class AuthorityRef(ApiModel):
    """The CertificateAuthority to use."""

    name: ObjectName
    """Its name."""
    namespace: Annotated[ObjectName, Field(max_length=63)] | None = None
    """Its namespace. Default: the namespace of the object that refers to it."""

    def resolve(self, home: str) -> ObjectRef:
        """Return where the authority is, seen from an object in namespace `home`."""
        return ObjectRef(self.namespace or home, self.name)
