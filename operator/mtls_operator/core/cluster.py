"""What the cluster holds besides our own kinds, reduced to what decisions use.

Pure values; `adapters.kube.shapes` makes them from API objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mtls_operator.api.meta import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A cluster node.

    Attributes:
        ready: the Ready condition: True, False, or None for Unknown.
        ready_since: when that condition last changed.
    """

    name: str
    uid: str
    provider_id: str
    internal_ip: str
    labels: Mapping[str, str]
    taints: frozenset[str]
    ready: bool | None
    ready_since: datetime | None
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """One port of a Service; `node_port` is 0 while none is allotted."""

    name: str
    port: int
    node_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service as far as nodes forward to it.

    Attributes:
        local_nodes: with externalTrafficPolicy Local, the names of the nodes that have a ready endpoint of
            it: the others drop what they receive. None when every node forwards.
    """

    ref: ObjectRef
    type: str
    ports: tuple[ServicePort, ...]
    local_nodes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSlice:
    """A part of a Service's endpoints.

    Attributes:
        service: whose endpoints they are.
        nodes: the names of the nodes with an endpoint that takes new connections.
    """

    service: ObjectRef
    nodes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace and its labels, which access rules select by."""

    name: str
    labels: Mapping[str, str]
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A ClientCert as others see it, small enough to hold thousands.

    Attributes:
        authority: whom it asks.
        created: its creation time as Kubernetes wrote it, which sorts as text.
        revoked: its manifest revokes it.
        stalled: it cannot be issued as its manifest stands, so nobody should wait for it.
        password_secret: the Secret of its namespace with the PKCS#12 password; empty when one is made.
    """

    ref: ObjectRef
    authority: ObjectRef
    uid: str
    created: str
    revoked: bool = False
    paused: bool = False
    deleting: bool = False
    stalled: bool = False
    password_secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A CertificateAuthority as others see it: its spec, its roots and what listeners admit.

    Attributes:
        active: the fingerprint of the root that signs.
        retiring: the fingerprints of the roots that signed before.
        admitted: the fingerprint of what listeners admit.
        upload: its id in the cloud.
        source_secrets: the Secrets that its roots are taken from; empty when it makes its own.
    """

    uid: str
    generation: int
    active: str
    retiring: tuple[str, ...]
    admitted: str
    upload: str
    phase: str
    deleting: bool
    source_secrets: frozenset[ObjectRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who an object belongs to: the controller owner reference."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Secret; its content never shows in a repr.

    Attributes:
        uid: empty for one that is not created yet.
        resource_version: what an update must still find.
    """

    ref: ObjectRef
    type: str
    data: Mapping[str, bytes] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    uid: str = ""
    resource_version: str = ""

    def belongs_to(self, uid: str) -> bool:
        """Tell whether the object with this uid made the Secret."""
        return self.owner is not None and self.owner.uid == uid


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap:
    """A ConfigMap."""

    ref: ObjectRef
    data: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    uid: str = ""
    resource_version: str = ""
