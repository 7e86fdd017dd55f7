"""Where an authority's root comes from, how it is replaced, and the list of what it has revoked.

Pure. Part of `CertificateAuthority.spec` and `.status`; `core.rotation` decides by it.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.model import ApiModel, Time
from mtls_operator.api.rules import Rule, carries
from mtls_operator.api.subject import ObjectName
from mtls_operator.api.timing import POSITIVE, between

GENERATION_VARIABLE: Final = "${generation}"
_NOT_NEGATIVE: Final = between("0s", "87600h")


class LocalSecretRef(ApiModel):
    """A Secret of the authority's own namespace."""

    name: ObjectName
    """Its name. With its label mtls.clb-operator.dev/watch: "true", changes count at once."""


class SelfSigned(ApiModel):
    """The operator makes the root."""


class Source(ApiModel):
    """Where the root comes from: at most one of selfSigned and secretRef."""

    model_config = carries(
        Rule(
            "[has(self.selfSigned), has(self.secretRef)].filter(x, x).size() <= 1",
            "at most one of selfSigned and secretRef can be set",
        ),
        Rule(
            "!has(self.nextSecretRef) || has(self.secretRef)",
            "nextSecretRef is the successor of secretRef, which must be set, too",
            ".nextSecretRef",
        ),
    )

    self_signed: SelfSigned | None = None
    """The operator makes the root and its key. This is the default."""
    secret_ref: LocalSecretRef | None = None
    """An existing root: a Secret of type kubernetes.io/tls with a self-signed root and its key.

    The key is used where it is and never copied. Every certificate that this root ever signed is admitted."""
    next_secret_ref: LocalSecretRef | None = None
    """The existing root's successor. Naming it starts a rotation by Bundle."""


class RotationStrategy(StrEnum):
    """How a root is replaced."""

    CROSS_SIGN = "CrossSign"
    SAME_KEY = "SameKey"
    BUNDLE = "Bundle"


class Rotation(ApiModel):
    """How a root is replaced by the next one, without a failed request."""

    strategy: RotationStrategy = RotationStrategy.CROSS_SIGN
    """CrossSign: a new key, and a copy of the new root signed by the old one. SameKey: a new certificate
    for the same key. Bundle: the load balancer trusts both roots for a while, where the cloud takes that."""
    minimum_soak: Annotated[Duration, _NOT_NEGATIVE] = timedelta(hours=24)
    """How long the new certificates are out before the listeners switch to the new root."""
    overlap: Annotated[Duration, _NOT_NEGATIVE] = timedelta(hours=720)
    """How long, at most, the listeners wait for certificates of the old root to end."""


DistributionPoint = Annotated[
    str,
    Field(max_length=512),
    Rule(
        "self.matches('^http://[!-~]+$')",
        "must be an http:// URL, since whoever checks a list must not need a list for that",
    ),
]


class Crl(ApiModel):
    """The certificate revocation list. CLB does not read it; everything else can."""

    validity: Annotated[Duration, POSITIVE] = timedelta(hours=168)
    """How long a list is valid. A new one is made after half of that, or when something is revoked."""
    distribution_points: Annotated[tuple[DistributionPoint, ...], Field(max_length=4)] = Field(
        default_factory=tuple
    )
    """URLs of the list, written into every certificate. ${generation} stands for the root's generation."""


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


class RetiringRoot(RootGeneration):
    """A root that signs no more and is still trusted."""

    since: Time
    """When its successor was made."""
    remaining_leaves: int = 0
    """Client certificates that it signed and that have neither ended nor been revoked."""


class AdmittedRoots(ApiModel):
    """What listeners trust now."""

    generations: tuple[int, ...] = ()
    """The generations in the upload: one, or two during a rotation by Bundle."""
    fingerprint_sha256: str = ""
    """The root's fingerprint, or a digest over those of both."""
    cloud_certificate_id: str | None = None
    """Its id in the SSL certificate service, while it is uploaded."""


class RotationPhase(StrEnum):
    """How far a rotation is."""

    STABLE = "Stable"
    """One root signs, and the listeners trust it."""
    PREPARE = "Prepare"
    """The next root is made and published."""
    REISSUE = "Reissue"
    """Every certificate is issued anew under the next root."""
    SOAK = "Soak"
    """The new certificates are out; clients take them up."""
    SWITCH = "Switch"
    """The listeners are pointed at the next root."""
    DRAIN = "Drain"
    """The old root's upload is taken out of the cloud."""


class RotationStatus(ApiModel):
    """How far a rotation is, and what it waits for."""

    phase: RotationPhase = RotationPhase.STABLE
    """Stable, Prepare, Reissue, Soak, Switch or Drain."""
    strategy: RotationStrategy | None = None
    """How the root is being replaced."""
    evicting: bool = False
    """Whether old certificates are shut out without waiting for them."""
    next_time: Time | None = None
    """When the next phase, or the next rotation, begins at the latest."""
    remaining: tuple[str, ...] = ()
    """The first ten certificates that are waited for."""
    blockers: tuple[str, ...] = ()
    """Who holds the rotation up, with the reason."""


class CrlStatus(ApiModel):
    """The revocation lists that are published, one for each root."""

    number: int
    """The highest of their numbers; each list has a higher one than any before it."""
    next_update: Time
    """When the first of them ends."""
