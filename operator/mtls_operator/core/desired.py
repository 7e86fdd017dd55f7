"""The listener that a manifest asks for, and what was observed of it.

Pure values, the two sides that `core.listener_plan` compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from mtls_operator.core.cloud import InCloud
from mtls_operator.core.cloud_quota import NO_QUOTAS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mtls_operator.core.actions import Tls
    from mtls_operator.core.backends import Shortage
    from mtls_operator.core.cloud import (
        CertId,
        Endpoint,
        Fingerprint,
        HealthCheck,
        Listener,
        LocationId,
        Shown,
        Target,
        TlsBinding,
    )
    from mtls_operator.core.cloud_quota import Quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRoute:
    """A path of a domain and the targets behind it.

    Attributes:
        left_out: how many eligible targets more there are than the account's quota allows.
        shortage: why targets are missing that should be there; nothing that is bound goes meanwhile.
    """

    path: str
    scheduler: str
    backend_protocol: str
    session_seconds: int
    health_check: HealthCheck
    targets: tuple[Target, ...]
    left_out: int = 0
    shortage: Shortage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredDomain:
    """A domain with its routes; `tls` only where SNI is on."""

    name: str
    default: bool
    http2: bool
    tls: Tls | None
    routes: tuple[DesiredRoute, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredListener:
    """The whole listener.

    Attributes:
        name: carries our cluster id and the object's uid, which is how we know it again.
        secrets: the Secret behind each server certificate, for the plan's sentences.
        drain_period: how long a target keeps weight 0 before it is unbound.
        reselect_at: when other nodes may be eligible although nothing happens: a silent one is trusted
            no longer. None when none is silent.
    """

    name: str
    port: int
    sni: bool
    tls: Tls | None
    domains: tuple[DesiredDomain, ...]
    secrets: Mapping[Fingerprint, str]
    drain_period: timedelta = timedelta(seconds=30)
    reselect_at: datetime | None = None

    def routes(self) -> Iterator[tuple[DesiredDomain, DesiredRoute]]:
        """Yield every route with its domain."""
        for domain in self.domains:
            for route in domain.routes:
                yield domain, route

    def bindings(self) -> Iterator[Tls]:
        """Yield every TLS binding that the manifest asks for."""
        if self.tls is not None:
            yield self.tls
        for domain in self.domains:
            if domain.tls is not None:
                yield domain.tls

    def uploads(self) -> frozenset[Fingerprint]:
        """Return the server certificates that the operator uploads itself."""
        return frozenset(fingerprint for tls in self.bindings() for fingerprint in tls.uploads)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedListener:
    """What the cloud has for the object.

    Attributes:
        listener: ours, with its rules and targets; None when there is none.
        uploads: our server certificates in the cloud.
        former_domains: those that the last pass reported: of what the manifest has no more, these were ours.
        unused: our uploads for this object that nothing uses any more.
        draining_since: since when a target that should go has had weight 0.
        serving: the targets that get traffic, by the cloud's health check; asked only when a target
            should go, since that decides whether it may.
        neighbours: how many listeners the load balancer has, ours included.
        quotas: what the account may have.
        adopting: the listener is somebody else's and may become ours.
        copies: our upload of the same authority, by the id of the copy that somebody else made. Asked
            only until an adoption is over: a door that admits by a copy does not stand open.
    """

    listener: Listener | None
    uploads: Mapping[Fingerprint, CertId]
    unused: tuple[CertId, ...] = ()
    former_domains: frozenset[str] = frozenset()
    draining_since: Mapping[tuple[LocationId, Endpoint], datetime] = field(default_factory=dict)
    serving: frozenset[tuple[LocationId, Endpoint]] = frozenset()
    neighbours: int = 0
    quotas: Quotas = NO_QUOTAS
    adopting: bool = False
    copies: Mapping[CertId, CertId] = field(default_factory=dict)

    def admits_only(self, binding: TlsBinding, ca: CertId) -> bool:
        """Tell whether nobody gets in without a certificate of this CA, whichever copy is bound."""
        bound = binding.ca_certificate_id
        return bound is not None and binding.admits_only(bound) and ca in (bound, self.copies.get(bound))

    def id_of(self, shown: Shown) -> CertId | None:
        """Return the cloud's id of a server certificate, None for one that is not uploaded yet."""
        return shown.id if isinstance(shown, InCloud) else self.uploads.get(shown)
