"""What the simulated cloud holds, as immutable values.

Pure. `store` keeps them by identifier, `state` writes them to a file; a change is a new value in the place
of the old one, so a value that was read stays what it was.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Literal

CertificateType = Literal["SVR", "CA"]
SslMode = Literal["UNIDIRECTIONAL", "MUTUAL"]
VerifyClient = Literal["ON", "OPTIONAL"]


class TaskStatus(IntEnum):
    """The status of a change, in DescribeTaskStatus's numbers."""

    SUCCEEDED = 0
    FAILED = 1
    RUNNING = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    """A load balancer. Its VIP is an address of this machine: the data plane listens on it."""

    load_balancer_id: str
    region: str
    name: str
    network: Literal["OPEN", "INTERNAL"]
    vip: str
    vpc_id: str
    created_at: datetime
    project_id: int = 0
    subnet_id: str = ""
    pass_to_target: bool = False
    security_groups: tuple[str, ...] = ()
    internet_charge_type: str = "TRAFFIC_POSTPAID_BY_HOUR"
    bandwidth_mbps: int = 10
    isp: str = "BGP"
    sla_type: str = ""
    snat_pro: bool = False
    delete_protect: bool = False
    target_region: str | None = None
    target_vpc_id: str | None = None

    @property
    def targets_vpc_id(self) -> str:
        """The VPC whose instances can be bound: the load balancer's own unless it was set otherwise."""
        return self.target_vpc_id or self.vpc_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateBinding:
    """The certificates of a listener or a domain, replaced as a whole by every change."""

    ssl_mode: SslMode
    verify_client: VerifyClient
    certificate_ids: tuple[str, ...]
    ca_id: str | None

    def uses(self, certificate_id: str) -> bool:
        """Tell whether the certificate is bound here, as server certificate or as CA."""
        return certificate_id == self.ca_id or certificate_id in self.certificate_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """An active health check, with every default filled in. Times are seconds."""

    enabled: bool = True
    timeout: int = 2
    interval: int = 5
    healthy_threshold: int = 3
    unhealthy_threshold: int = 3
    codes_mask: int | None = 31
    path: str | None = "/"
    domain: str | None = None
    method: str | None = "HEAD"
    check_type: str = "HTTP"
    source_ip_type: int = 0
    check_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A backend bound to a rule or to a layer-4 listener."""

    port: int
    weight: int
    instance_id: str | None
    address: str
    registered_at: datetime
    tag: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What makes a target the same one: the instance, or the address without one, and the port."""
        return (self.instance_id or self.address, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listener. `targets` and `health_check` are those of a layer-4 protocol."""

    listener_id: str
    load_balancer_id: str
    name: str
    port: int
    protocol: str
    sni: bool
    certificate: CertificateBinding | None
    created_at: datetime
    scheduler: str = "WRR"
    session_seconds: int = 0
    keepalive: int = 0
    health_check: HealthCheck | None = None
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain of a listener: what all of its rules share."""

    domain_id: str
    listener_id: str
    names: tuple[str, ...]
    is_default: bool
    http2: bool
    quic: bool
    certificate: CertificateBinding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A forwarding rule: one URL of a domain and its targets."""

    location_id: str
    listener_id: str
    domain_id: str
    url: str
    scheduler: str
    session_seconds: int
    cookie_name: str | None
    forward_type: str
    health_check: HealthCheck
    created_at: datetime
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An uploaded certificate; the representation hides the key.

    `deleted` marks one that was deleted while load balancers still served their copy of it.
    """

    certificate_id: str
    certificate_type: CertificateType
    chain_pem: str
    key_pem: str | None = field(repr=False)
    alias: str
    project_id: int
    uploaded_at: datetime
    leaf_sha1: str
    chain_sha256: str
    common_name: str
    subject_alt_names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    algorithm: str
    ca_common_names: tuple[str, ...] = ()
    ca_not_after: tuple[datetime, ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A virtual machine that can be bound by its instance id."""

    instance_id: str
    private_ip: str
    name: str
    vpc_id: str
    region: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of one resource, kept apart from it as the Tag service does."""

    resource: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A quota that differs from its documented default."""

    region: str
    quota_id: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A change that was accepted: everything needed to carry it out, also after a restart.

    Attributes:
        task_id: the RequestId of the call.
        load_balancer_ids: the load balancers that the task changes, and keeps busy meanwhile.
        params: the request's body as JSON.
        ids: the identifiers that the call took, in order.
        code: the error code of a failed task.
        deal_name: the order's name, by which the task of a creation is known as well.
    """

    task_id: str
    service: str
    action: str
    region: str
    load_balancer_ids: tuple[str, ...]
    params: str = field(repr=False)
    ids: tuple[str, ...]
    created_at: datetime
    due_at: datetime
    status: TaskStatus = TaskStatus.RUNNING
    code: str | None = None
    message: str | None = None
    deal_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryKey:
    """A key that STS issued, known by its id; the representation hides its secrets."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    uin: str
    role: str
    session_name: str
    expires_at: datetime
