"""The listeners that a data plane serves, as values, and the port that serves them.

Pure. The control side of the simulator builds these from its state; `NullDataPlane` and
`NginxDataPlane` implement `DataPlane`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

Verify = Literal["on", "optional", "off"]
"""Whether a client must show a certificate: Required, Optional, or one-way HTTPS."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One target of a route: where it listens and its share of the requests (0 to 100, 0 gets none)."""

    address: str
    port: int
    weight: int


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """An active check over HTTP.

    `codes_mask` is CLB's HttpCode: the sum of 1, 2, 4, 8 and 16 for the classes 1xx to 5xx that count as
    alive. `host` of None means the domain's first name. `protocol` is HTTP or HTTPS.
    """

    enabled: bool
    path: str
    method: str
    host: str | None
    interval_seconds: int
    timeout_seconds: int
    healthy_threshold: int
    unhealthy_threshold: int
    codes_mask: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Route:
    """One forwarding rule: a URL in CLB's form and the backends that serve it.

    `scheduler` is WRR, LEAST_CONN or IP_HASH; `forward_type` is HTTP, HTTPS, GRPC or GRPCS;
    `session_seconds` of 0 means no session persistence, and `cookie_name` of None means the data plane's
    own name.
    """

    location_id: str
    url: str
    scheduler: str
    forward_type: str
    session_seconds: int
    cookie_name: str | None
    backends: tuple[Backend, ...]
    health_check: HealthCheck


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate chain, leaf first, and its private key; the representation hides the key."""

    chain_pem: str
    key_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TlsBinding:
    """What TLS shows and asks at one listener or domain: one key pair, or an RSA and an ECC one."""

    key_pairs: tuple[KeyPair, ...]
    client_ca_pem: str | None
    verify: Verify


@dataclass(frozen=True, slots=True)
class Domain:
    """The names of one domain, its routes and, when the listener has SNI on, its certificates."""

    names: tuple[str, ...]
    default: bool
    http2: bool
    tls: TlsBinding | None
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener at the address of its load balancer.

    `protocol` is HTTP or HTTPS. With `sni` the domains carry the certificates; without it, `tls` does.
    """

    load_balancer_id: str
    listener_id: str
    address: str
    port: int
    protocol: str
    sni: bool
    tls: TlsBinding | None
    domains: tuple[Domain, ...]


class HealthState(StrEnum):
    """The verdict on one backend of one route, in the words of DescribeTargetHealth."""

    ALIVE = "Alive"
    DEAD = "Dead"
    UNKNOWN = "Unknown"
    CLOSE = "Close"


class DataPlane(Protocol):
    """Serves listeners. One instance serves the whole simulator."""

    async def start(self) -> None:
        """Begin to serve, with no listeners.

        Raises:
            DataPlaneError: if the data plane cannot be started.
        """

    async def apply(self, listeners: tuple[Listener, ...]) -> None:
        """Serve exactly these listeners; return when new connections are served by them.

        Raises:
            DataPlaneError: if they cannot be served; what was served before still is.
        """

    def health(self, location_id: str, address: str, port: int) -> HealthState:
        """Tell the verdict of the active check on one backend of a route."""

    async def stop(self) -> None:
        """Serve nothing any more and leave no process behind."""


class DataPlaneError(Exception):
    """A configuration that cannot be served, or a data plane that does not start or stopped."""
