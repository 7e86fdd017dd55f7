"""What a MutualTLSListener's status says.

Pure. Made by the MutualTLSListener reconciler from what it read back from the cloud.
"""

from mtls_operator.api.model import ApiModel, Time
from mtls_operator.api.resource import Status


class TargetCounts(ApiModel):
    """Backends of a route, in numbers."""

    desired: int = 0
    """How many there should be."""
    registered: int = 0
    """How many the load balancer has."""
    healthy: int = 0
    """How many answer its probes."""


class RouteStatus(ApiModel):
    """A route in the cloud."""

    path: str
    """The path."""
    location_id: str | None = None
    """Its rule's id, such as loc-1a2b3c4d."""
    targets: TargetCounts | None = None
    """Its backends, in numbers."""


class DomainStatus(ApiModel):
    """A domain in the cloud."""

    domain: str
    """The domain."""
    certificate_id: str | None = None
    """The server certificate that clients see, as the load balancer reports it."""
    additional_certificate_id: str | None = None
    """The second server certificate, of the other key algorithm, where the load balancer reports one."""
    ca_certificate_id: str | None = None
    """The authority's certificate whose clients are admitted, as the load balancer reports it."""
    routes: tuple[RouteStatus, ...] = ()
    """Its routes."""


class ListenerStatus(Status):
    """The listener that is."""

    listener_id: str | None = None
    """The listener's id, such as lbl-1a2b3c4d."""
    create_time: str | None = None
    """When the cloud made it, in the cloud's words; with id and port it tells the listener from another."""
    addresses: tuple[str, ...] = ()
    """The load balancer's addresses."""
    not_after: Time | None = None
    """When the first of its server certificates ends."""
    healthy: str | None = None
    """Healthy backends of all, such as 2/2."""
    domains: tuple[DomainStatus, ...] = ()
    """The domains in the cloud."""
