"""Routes of a listener: paths, health checks, backends.

Pure. Part of `MutualTLSListener.spec.domains`; the limits are those of CLB's CreateRule.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.model import ApiModel
from mtls_operator.api.rules import Rule, SchemaKeywords, carries, exactly_one_of
from mtls_operator.api.timing import between, is_shorter

Port = Annotated[int, Field(ge=1, le=65535)]
UrlPath = Annotated[
    str,
    Field(max_length=200),
    Rule(
        r"self.matches(r'^(=|~[*]?|\^~)? */[!-~]*$')",
        "must begin with '/', or with '=', '^~', '~' or '~*' before it, and have no blanks",
    ),
]
ProbePath = Annotated[
    str, Field(max_length=200), Rule("self.matches('^/[!-~]*$')", "must begin with '/' and have no blanks")
]


class Scheduler(StrEnum):
    """How requests are spread."""

    WRR = "WRR"
    LEAST_CONN = "LEAST_CONN"
    IP_HASH = "IP_HASH"


class BackendProtocol(StrEnum):
    """What the load balancer speaks to the backends."""

    HTTP = "HTTP"
    HTTPS = "HTTPS"
    GRPC = "GRPC"


class ProbeMethod(StrEnum):
    """The HTTP method of a probe."""

    HEAD = "HEAD"
    GET = "GET"


class StatusClass(StrEnum):
    """A class of HTTP status codes."""

    INFORMATIONAL = "1xx"
    SUCCESS = "2xx"
    REDIRECTION = "3xx"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"


class HealthCheck(ApiModel):
    """How the load balancer finds out which backends work: by the route's backendProtocol."""

    model_config = carries(is_shorter("timeout", "interval"))

    enabled: bool = True
    """Whether to probe at all; without probes every backend gets traffic."""
    domain: Annotated[str, Field(max_length=80)] | None = None
    """The Host header of the probe. Needed under a wildcard domain. Default: the route's domain."""
    path: ProbePath = "/"
    """The path to ask for."""
    method: ProbeMethod = ProbeMethod.HEAD
    """HEAD or GET. Has no effect with backendProtocol GRPC."""
    interval: Annotated[Duration, between("2s", "300s")] = timedelta(seconds=5)
    """The time between two probes, 2s to 300s."""
    timeout: Annotated[Duration, between("2s", "60s")] = timedelta(seconds=2)
    """How long to wait for an answer, 2s to 60s."""
    healthy_threshold: Annotated[int, Field(ge=2, le=10)] = 3
    """Successes in a row that make a backend healthy, 2 to 10."""
    unhealthy_threshold: Annotated[int, Field(ge=2, le=10)] = 3
    """Failures in a row that make a backend unhealthy, 2 to 10."""
    codes: Annotated[tuple[StatusClass, ...], Field(min_length=1, max_length=5)] = (
        StatusClass.SUCCESS,
        StatusClass.REDIRECTION,
    )
    """The answers that count as a success: 1xx, 2xx, 3xx, 4xx, 5xx. With backendProtocol GRPC it is the
    load balancer's default alone: status 12, which a server gives for a method that it does not have."""


ServiceName = Annotated[
    str,
    Field(max_length=63),
    Rule(
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "must be a Service's name: lower-case letters, digits and '-', a letter or digit at both ends",
    ),
]
ServicePort = Annotated[
    int | str,
    SchemaKeywords({"x-kubernetes-int-or-string": True, "maxLength": 15, "minimum": 1, "maximum": 65535}),
]


class ServiceRef(ApiModel):
    """A port of a Service."""

    name: ServiceName
    """The Service's name; it is of type NodePort or LoadBalancer and in the listener's namespace."""
    port: ServicePort
    """The Service's port, by name or by number."""


class Backend(ApiModel):
    """Where requests go: a port on every node that serves."""

    model_config = carries(exactly_one_of("service", "nodePort"))

    service: ServiceRef | None = None
    """A Service; its nodePort is used."""
    node_port: Port | None = None
    """A node port given directly."""
    weight: Annotated[int, Field(ge=0, le=100)] = 10
    """The share of requests, 0 to 100; 0 gets none."""


OFF: Final = timedelta(0)


class Route(ApiModel):
    """A path of a domain and where its requests go."""

    model_config = carries(
        Rule(
            "self.scheduler == 'WRR' || self.sessionPersistence.matches('^[0hms]*$')",
            "sessionPersistence works with scheduler WRR only",
            ".sessionPersistence",
        )
    )

    path: UrlPath
    """The path, such as / or /api; the longest match wins."""
    scheduler: Scheduler = Scheduler.WRR
    """WRR (round robin by weight), LEAST_CONN or IP_HASH."""
    backend_protocol: BackendProtocol = BackendProtocol.HTTP
    """HTTP, HTTPS or GRPC, which needs http2. The backends' certificates are not verified."""
    health_check: HealthCheck = HealthCheck()
    """How the load balancer finds out which backends work."""
    session_persistence: Annotated[Duration, between("30s", "86400s", or_zero=True)] = OFF
    """How long a client stays with a backend, by a cookie: 30s to 86400s, with WRR only; 0s is off."""
    backends: Annotated[tuple[Backend, ...], Field(min_length=1, max_length=16)]
    """Where requests go. Each is another node port."""
