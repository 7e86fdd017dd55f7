"""What the cloud holds, in our words: load balancers, listeners, rules, targets, certificates.

Pure values without wire names; `adapters.tencent.shapes` makes them from replies. Used by the
plan, the executor and the ports.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NewType, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LoadBalancerId = NewType("LoadBalancerId", str)
ListenerId = NewType("ListenerId", str)
LocationId = NewType("LocationId", str)
CertId = NewType("CertId", str)
Fingerprint = NewType("Fingerprint", str)
"""SHA-256 of the DER certificate, and of those that are sent with it; lower-case hexadecimal."""


@dataclass(frozen=True, slots=True)
class InCloud:
    """A server certificate that somebody else put into the cloud: shown, never uploaded nor deleted."""

    id: CertId


Shown: TypeAlias = Fingerprint | InCloud
"""A server certificate to show: an upload of ours by what it is, or somebody else's by its id."""

MOST_SERVER_CERTIFICATES: Final = 2
"""Of a listener or domain: one for each key algorithm, RSA and ECDSA (API: MultiCertInfo)."""


class CertificateKind(StrEnum):
    """What the certificate service was told a certificate is for."""

    SERVER = "server"
    CA = "CA"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    """A load balancer as far as we use one.

    Attributes:
        addresses: its virtual IP addresses.
        tags: tag key to tag value.
    """

    id: LoadBalancerId
    region: str
    addresses: tuple[str, ...]
    tags: dict[str, str]
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsBinding:
    """What was observed: what a listener or a domain presents and whom it admits."""

    mutual: bool
    """Client certificates are asked for."""
    required: bool
    """A client without one is refused."""
    certificate_id: CertId | None
    ca_certificate_id: CertId | None
    further_certificate_ids: tuple[CertId, ...] = ()

    @property
    def server(self) -> tuple[CertId, ...]:
        """The server certificates, in the cloud's order."""
        first = () if self.certificate_id is None else (self.certificate_id,)
        return (*first, *self.further_certificate_ids)

    def admits_only(self, ca: CertId) -> bool:
        """Tell whether nobody gets in without a certificate of this CA."""
        return self.mutual and self.required and self.ca_certificate_id == ca

    def is_exactly(self, binding: MutualBinding) -> bool:
        """Tell whether this is what was written; which of a pair the cloud lists first is its own affair."""
        return self.admits_only(binding.ca) and set(self.server) == set(binding.server)


@dataclass(frozen=True, slots=True, kw_only=True)
class MutualBinding:
    """What we write to a listener or a domain. There is no form that admits without a certificate.

    Attributes:
        server: one server certificate, or two of different key algorithms, the primary one first.

    Raises:
        ValueError: there is none, or more than the cloud takes (a mistake in the plan).
    """

    server: tuple[CertId, ...]
    ca: CertId

    def __post_init__(self) -> None:
        if not 1 <= len(self.server) <= MOST_SERVER_CERTIFICATES:
            raise ValueError(f"a binding has one server certificate or two, not {len(self.server)}")


GRPC: Final = "GRPC"
"""The protocol to backends whose probes have neither method nor status code (API: HealthCheck)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How a rule probes its targets; times in seconds."""

    enabled: bool
    domain: str
    """The Host that the probe sends; empty = the cloud's choice."""
    path: str
    method: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    codes: frozenset[str]
    """Classes that count as healthy: `1xx` … `5xx`."""
    protocol: str = ""
    """What the probe speaks; empty = the cloud's choice, which is what it speaks to the backends."""

    @property
    def is_http(self) -> bool:
        """Whether a probe is a request with a method and an answer with a status code."""
        return self.protocol != GRPC

    def is_met_by(self, actual: HealthCheck) -> bool:
        """Tell whether `actual` does what this one asks for; what we leave to the cloud is not compared."""
        if not self.enabled:
            return not actual.enabled
        if self.domain and self.domain != actual.domain:
            return False
        # Older rules are said to be shown without a protocol.
        if self.protocol and actual.protocol not in ("", self.protocol):
            return False
        return self._timing() == actual._timing() and (not self.is_http or self._http() == actual._http())

    def _timing(self) -> tuple[object, ...]:
        thresholds = (self.healthy_threshold, self.unhealthy_threshold)
        return (self.enabled, self.path, self.interval, self.timeout, *thresholds)

    def _http(self) -> tuple[object, ...]:
        return (self.method.upper(), self.codes)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Endpoint:
    """Where a target listens: an instance, or an address, and a port. Its identity in the cloud."""

    instance_id: str = ""
    address: str = ""
    port: int

    def __str__(self) -> str:
        return f"{self.instance_id or self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A real server behind a rule; weight 0 gets no new connections."""

    endpoint: Endpoint
    weight: int


class TargetHealth(StrEnum):
    """The cloud's verdict about a target."""

    ALIVE = "Alive"
    DEAD = "Dead"
    UNKNOWN = "Unknown"
    UNCHECKED = "Close"

    @property
    def serves(self) -> bool:
        """Whether the target gets traffic and answers it, as far as the cloud knows.

        An unchecked one gets traffic; one that was not probed yet may not answer.
        """
        return self in (TargetHealth.ALIVE, TargetHealth.UNCHECKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A forwarding rule: one domain and path of a listener."""

    id: LocationId
    domain: str
    path: str
    default: bool
    http2: bool
    scheduler: str
    backend_protocol: str
    session_seconds: int
    health_check: HealthCheck
    tls: TlsBinding | None
    targets: tuple[Target, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the domain itself refuses nobody; what counts where SNI is on."""
        return self.tls is None or not (self.tls.mutual and self.tls.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listener with its rules; `tls` is None where the domains carry their own (SNI on)."""

    id: ListenerId
    name: str
    protocol: str
    port: int
    sni: bool
    tls: TlsBinding | None
    create_time: str
    rules: tuple[Rule, ...] = ()

    def with_targets(self, found: Mapping[str, tuple[Target, ...]]) -> Listener:
        """Return the listener with the targets of its rules, by location."""
        return replace(self, rules=tuple(replace(r, targets=found.get(r.id, ())) for r in self.rules))


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCertificate:
    """An uploaded certificate that carries our tags.

    Attributes:
        copy_of: an equal one of somebody else's that the cloud had before this one was uploaded.
    """

    id: CertId
    kind: CertificateKind
    fingerprint: Fingerprint
    owner: CertificateOwner
    copy_of: CertId | None = None


class CertificateState(StrEnum):
    """What the certificate service says about a certificate, in words for a message."""

    UNDER_REVIEW = "under review"
    ISSUED = "issued"
    EXPIRED = "expired"
    REVOKED = "revoked"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    NOT_ISSUED = "not issued"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedCertificate:
    """Any certificate of the account as the cloud describes it; its text and key are not asked for.

    Attributes:
        kind: None for one that is neither a server's nor a CA's.
        names: the domain names that it is good for.
        not_before: None for one that was not issued, as is `not_after`.
    """

    kind: CertificateKind | None
    state: CertificateState
    names: tuple[str, ...]
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOwner:
    """The object that a certificate was uploaded for, as its tags say."""

    cluster: str
    namespace: str
    name: str
    uid: str


class Family(StrEnum):
    """Listeners of one family cannot share a port of a load balancer."""

    TCP = "TCP"
    UDP = "UDP"


def family(protocol: str) -> Family:
    """Return the family of a listener's protocol (cloud documentation 214/32516)."""
    return Family.UDP if protocol in {"UDP", "QUIC"} else Family.TCP
