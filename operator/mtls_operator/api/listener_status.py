"""What a MutualTLSListener's status says.

Pure. Made by the MutualTLSListener reconciler from what it read back from the cloud.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

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


class VerificationResult(StrEnum):
    """What the operator's own trial of the doors found."""

    ENFORCED = "Enforced"
    OPEN = "Open"
    UNKNOWN = "Unknown"


class VerificationStatus(ApiModel):
    """The operator's own trial of the doors. Written when it changes."""

    result: VerificationResult
    """Enforced, Open, or Unknown where nothing could be found out."""
    since: Time
    """Since when it has been so."""
    served: tuple[str, ...] = ()
    """SHA-256 fingerprints of the server certificates that were shown."""
    backends_seen: tuple[str, ...] = ()
    """Which backends answered, as far as they say so."""


class Applied(ApiModel):
    """What the listener was last seen to agree with, as digests: what differs later is drift.

    A part that it never agreed with is absent.
    """

    certificates: str = ""
    """Which certificates are shown and whom they admit."""
    rules: str = ""
    """The domains and routes."""
    targets: str = ""
    """The backends."""


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
    verification: VerificationStatus | None = None
    """What the operator's own trial of the doors found."""
    plan: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """With plan-only or driftPolicy Report: the changes that would be made, a sentence each."""
    applied: Applied | None = None
    """What the listener was last seen to agree with."""
    last_handled_sync: str | None = None
    """The value of the annotation mtls.clb-operator.dev/sync that was last looked for."""
