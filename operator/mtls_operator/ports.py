"""What the reconcilers need from outside, as protocols.

The adapters implement them; unit tests implement them with state in memory. Every method may raise
the errors of its side (`KubeError` or `CloudError` and their subclasses) and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mtls_operator.core.lanes import Lane

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.listener_status import VerificationResult
    from mtls_operator.api.meta import Key, Kind, ObjectRef
    from mtls_operator.api.resource import Resource, Status
    from mtls_operator.core.actions import NewRule, RoutedTarget
    from mtls_operator.core.cloud import (
        CertId,
        CertificateKind,
        CertificateOwner,
        CloudCertificate,
        DescribedCertificate,
        Endpoint,
        Fingerprint,
        Listener,
        ListenerId,
        LoadBalancer,
        LoadBalancerId,
        LocationId,
        MutualBinding,
        TargetHealth,
    )
    from mtls_operator.core.cloud_quota import Quotas
    from mtls_operator.core.cluster import ConfigMap, Namespace, Node, Request, Secret, Service
    from mtls_operator.core.published import Published


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        ...


class Wake(Protocol):
    """The work queue, for those who only add to it."""

    async def __call__(self, key: Key, delay: float = 0.0, lane: Lane = Lane.CONSEQUENCE) -> None:
        """Have a pass made over an object, after a delay in seconds."""
        ...


class Kube(Protocol):
    """Reads and writes at the API server."""

    async def get_authority(self, ref: ObjectRef) -> CertificateAuthority | None:
        """Return the object, None when there is none."""
        ...

    async def get_client_cert(self, ref: ObjectRef) -> ClientCert | None:
        """Return the object, None when there is none."""
        ...

    async def get_listener(self, ref: ObjectRef) -> MutualTLSListener | None:
        """Return the object, None when there is none."""
        ...

    async def get_namespace(self, name: str) -> Namespace | None:
        """Return the namespace as it is now, None when there is none."""
        ...

    async def get_secret(self, ref: ObjectRef) -> Secret | None:
        """Return the Secret, None when there is none."""
        ...

    async def list_secrets(self, namespace: str, labels: Mapping[str, str]) -> Sequence[Secret]:
        """Return the Secrets of a namespace that carry these labels, without type and content."""
        ...

    async def create_secret(self, secret: Secret) -> Secret:
        """Create it; raises KubeAlreadyExists when somebody was faster."""
        ...

    async def update_secret(self, secret: Secret) -> Secret:
        """Replace it; raises KubeConflict unless uid and resourceVersion are still those given."""
        ...

    async def delete_secret(self, secret: Secret) -> None:
        """Delete exactly this one; one that is gone already is fine."""
        ...

    async def get_config_map(self, ref: ObjectRef) -> ConfigMap | None:
        """Return the ConfigMap, None when there is none."""
        ...

    async def create_config_map(self, config_map: ConfigMap) -> ConfigMap:
        """Create it; raises KubeAlreadyExists when somebody was faster."""
        ...

    async def update_config_map(self, config_map: ConfigMap) -> ConfigMap:
        """Replace it; raises KubeConflict unless uid and resourceVersion are still those given."""
        ...

    async def list_config_maps(self, namespace: str, label: str) -> Sequence[ConfigMap]:
        """Return the ConfigMaps of a namespace that carry a label with the value `true`."""
        ...

    async def merge_config_map(self, config_map: ConfigMap, data: Mapping[str, str | None]) -> ConfigMap:
        """Add, replace or (None) remove entries, whatever `config_map.data` holds; the others stay.

        Returns it with its new version, its data as given; raises KubeConflict unless uid and
        resourceVersion are still those given.
        """
        ...

    async def delete_config_map(self, config_map: ConfigMap) -> None:
        """Delete exactly this one; one that is gone already is fine."""
        ...

    async def add_finalizer(self, resource: Resource) -> None:
        """Hold the object until our effects are undone; returns when the API server has it."""
        ...

    async def remove_finalizer(self, resource: Resource) -> None:
        """Let the object go; an object that is gone already is fine."""
        ...

    async def apply_status(self, resource: Resource, status: Status) -> None:
        """Write the whole status."""
        ...


class View(Protocol):
    """What is watched, from memory: never asks the API server."""

    def nodes(self) -> Collection[Node]:
        """Return every node."""
        ...

    def services(self, namespace: str) -> Mapping[str, Service]:
        """Return the Services of a namespace by name."""
        ...

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace, None when it is not known."""
        ...

    def listeners(self) -> Collection[MutualTLSListener]:
        """Return every MutualTLSListener."""
        ...

    def requests_to(self, authority: ObjectRef) -> Collection[Request]:
        """Return every ClientCert of an authority."""
        ...

    def refs_of(self, kind: Kind) -> Collection[ObjectRef]:
        """Return where every object of a kind of ours is."""
        ...

    def published(self, authority: ObjectRef) -> Published | None:
        """Return what an authority publishes, also one that is gone; None when it publishes nothing."""
        ...

    def requests_within(self, authority: ObjectRef, namespace: str) -> Collection[Request]:
        """Return the ClientCerts of an authority in one namespace."""
        ...


class Recorder(Protocol):
    """Kubernetes events."""

    async def normal(self, resource: Resource, reason: str, message: str) -> None:
        """Record that something expected happened."""
        ...

    async def warning(self, resource: Resource, reason: str, message: str) -> None:
        """Record that somebody should look."""
        ...


class Gauges(Protocol):
    """Numbers for a monitoring system to collect."""

    def set_verification(self, listener: ObjectRef, result: VerificationResult) -> None:
        """Say what the trials of a listener's doors have shown last."""
        ...

    def forget_verification(self, listener: ObjectRef) -> None:
        """Say nothing any more of a listener that is gone, or is not tried."""
        ...


class CertificateStore(Protocol):
    """The cloud's certificate service."""

    def expire_reads(self) -> None:
        """Have the next `inventory` ask the cloud, however short ago it was asked."""
        ...

    async def inventory(self) -> Sequence[CloudCertificate]:
        """Return every upload that carries this cluster's tag."""
        ...

    async def upload(
        self,
        kind: CertificateKind,
        *,
        chain: str,
        key: str,
        alias: str,
        owner: CertificateOwner,
        fingerprint: Fingerprint,
        tags: Mapping[str, str],
    ) -> CertId:
        """Upload a certificate with our tags and return its id.

        Args:
            kind: what it is for.
            chain: PEM, leaf first.
            key: PEM of its private key, empty for a CA.
            alias: what people see in the console.
            owner: goes into our tags.
            fingerprint: goes into our tags as well.
            tags: further ones, from the manifest.
        """
        ...

    async def copy_of(self, chain: str) -> CertId | None:
        """Return a certificate of the account that counts as equal, whoever uploaded it; None without one.

        Of several equal ones the service names one of its choice.
        """
        ...

    async def authorities_in(self, certificate: CertId) -> int:
        """Return how many authorities a CA upload holds; 0 for one that is gone or no CA's."""
        ...

    async def describe(self, certificate: CertId) -> DescribedCertificate | None:
        """Return what the cloud says of a certificate, whoever put it there; None when there is none."""
        ...

    async def users(self, certificate: CertId) -> Sequence[str]:
        """Return the load balancers that use a certificate, in every region served."""
        ...

    async def delete(self, certificate: CertId) -> None:
        """Delete an upload; one that is gone already is fine."""
        ...


class LoadBalancers(Protocol):
    """Load balancers of the cloud; writes wait until the cloud has made the change."""

    async def get(self, region: str, load_balancer: LoadBalancerId) -> LoadBalancer | None:
        """Return it, None when the cloud knows none of this id in this region."""
        ...

    async def quotas(self, region: str) -> Quotas:
        """Return what the account may have in a region, as it was read within the last minutes."""
        ...

    async def listeners(self, balancer: LoadBalancer) -> Sequence[Listener]:
        """Return its HTTPS listeners with rules, and the others without; targets are not filled in."""
        ...

    async def with_targets(self, balancer: LoadBalancer, listener: Listener) -> Listener:
        """Return the listener with the targets of its rules."""
        ...

    async def health(
        self, balancer: LoadBalancer, listener: ListenerId
    ) -> Mapping[tuple[LocationId, Endpoint], TargetHealth]:
        """Return the health of every target of a listener."""
        ...

    async def create_listener(
        self, balancer: LoadBalancer, *, name: str, port: int, sni: bool, binding: MutualBinding | None
    ) -> ListenerId:
        """Create an HTTPS listener."""
        ...

    async def rename_listener(self, balancer: LoadBalancer, listener: ListenerId, name: str) -> None:
        """Change a listener's name."""
        ...

    async def bind_listener(
        self, balancer: LoadBalancer, listener: ListenerId, binding: MutualBinding
    ) -> None:
        """Replace a listener's certificates as a whole."""
        ...

    async def delete_listener(self, balancer: LoadBalancer, listener: ListenerId) -> None:
        """Delete a listener with everything below it; one that is gone already is fine."""
        ...

    async def create_rules(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        rules: Sequence[tuple[NewRule, MutualBinding | None]],
    ) -> None:
        """Create rules, with their domains' certificates where SNI is on."""
        ...

    async def change_rule(
        self, balancer: LoadBalancer, listener: ListenerId, location: LocationId, rule: NewRule
    ) -> None:
        """Give a rule another scheduler, backend protocol, session time and health check."""
        ...

    async def change_domain(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        domain: str,
        *,
        binding: MutualBinding | None,
        http2: bool | None,
        make_default: bool,
        name: str | None = None,
    ) -> None:
        """Change what a domain's rules share, its name included; None leaves a member as it is."""
        ...

    async def delete_rules(
        self, balancer: LoadBalancer, listener: ListenerId, locations: Sequence[LocationId]
    ) -> None:
        """Delete rules."""
        ...

    async def register(
        self, balancer: LoadBalancer, listener: ListenerId, targets: Sequence[RoutedTarget]
    ) -> None:
        """Bind targets."""
        ...

    async def set_weights(
        self, balancer: LoadBalancer, listener: ListenerId, targets: Sequence[RoutedTarget]
    ) -> None:
        """Change targets' weights."""
        ...

    async def deregister(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        targets: Sequence[tuple[LocationId, Endpoint]],
    ) -> None:
        """Unbind targets."""
        ...
