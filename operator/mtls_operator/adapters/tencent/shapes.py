"""From the cloud's JSON to our values and back. Pure; the only place with the cloud's field names.

A field without a value comes as null in nearly all replies and may be absent as well: both read as
empty. What we compare is canonical here: upper-case methods, code masks as sets of classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CertificateState,
    DescribedCertificate,
    Endpoint,
    HealthCheck,
    Listener,
    ListenerId,
    LoadBalancer,
    LoadBalancerId,
    LocationId,
    Rule,
    Target,
    TargetHealth,
    TlsBinding,
)
from mtls_operator.core.cloud_quota import NO_LIMIT, Quotas

if TYPE_CHECKING:
    from mtls_operator.api.model import Json
    from mtls_operator.core.actions import NewRule
    from mtls_operator.core.cloud import MutualBinding

Body = Mapping[str, object]

_CODES: Final = {"1xx": 1, "2xx": 2, "3xx": 4, "4xx": 8, "5xx": 16}
_RUNNING: Final = 1
_KINDS: Final = {"SVR": CertificateKind.SERVER, "CA": CertificateKind.CA}
# API: Certificates.Status; what is not here is somewhere on its way to being issued.
_STATES: Final = {
    0: CertificateState.UNDER_REVIEW,
    1: CertificateState.ISSUED,
    2: CertificateState.REFUSED,
    3: CertificateState.EXPIRED,
    6: CertificateState.CANCELLED,
    7: CertificateState.CANCELLED,
    9: CertificateState.REVOKED,
    10: CertificateState.REVOKED,
    14: CertificateState.CANCELLED,
}
_CHINA: Final = timezone(timedelta(hours=8))


def items(body: Body, key: str) -> tuple[Body, ...]:
    """Return a list of objects, empty when it is null or absent."""
    value = body.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(item for item in value if isinstance(item, Mapping))


def text(body: Body, key: str) -> str:
    """Return a string, empty when it is null or absent."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


def number(body: Body, key: str) -> int:
    """Return an integer, 0 when it is null or absent."""
    value = body.get(key)
    return int(value) if isinstance(value, int) else 0


def texts(body: Body, key: str) -> tuple[str, ...]:
    """Return a list of strings, empty when it is null or absent."""
    value = body.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def tags(body: Body) -> dict[str, str]:
    """Return an object's tags."""
    return {text(tag, "TagKey"): text(tag, "TagValue") for tag in items(body, "Tags")}


def read_load_balancer(body: Body, region: str) -> LoadBalancer:
    """Read a load balancer; an IPv6 one has its address in a field of its own."""
    addresses = (*texts(body, "LoadBalancerVips"), text(body, "AddressIPv6"))
    return LoadBalancer(
        id=LoadBalancerId(text(body, "LoadBalancerId")),
        region=region,
        addresses=tuple(address for address in addresses if address),
        tags=tags(body),
        ready=number(body, "Status") == _RUNNING,
    )


def read_quotas(body: Body) -> Quotas:
    """Read the limits that concern us; one that the reply does not name is none."""
    limits = {text(one, "QuotaId"): one.get("QuotaLimit") for one in items(body, "QuotaSet")}

    def limit(name: str) -> int:
        value = limits.get(name)
        return value if isinstance(value, int) else NO_LIMIT

    return Quotas(
        listeners=limit("TOTAL_LISTENER_QUOTA"),
        rules=limit("TOTAL_LISTENER_RULE_QUOTA"),
        targets=limit("TOTAL_TARGET_BIND_QUOTA"),
    )


def read_listener(body: Body) -> Listener:
    """Read a listener with its rules."""
    return Listener(
        id=ListenerId(text(body, "ListenerId")),
        name=text(body, "ListenerName"),
        protocol=text(body, "Protocol"),
        port=number(body, "Port"),
        sni=bool(number(body, "SniSwitch")),
        tls=read_binding(body.get("Certificate")),
        create_time=text(body, "CreateTime"),
        rules=tuple(read_rule(rule) for rule in items(body, "Rules")),
    )


def read_binding(body: object) -> TlsBinding | None:
    """Read the certificates of a listener or domain, None without one."""
    if not isinstance(body, Mapping) or not body.get("CertId"):
        return None
    ca = text(body, "CertCaId")
    return TlsBinding(
        mutual=text(body, "SSLMode") == "MUTUAL",
        # ON is the default, which older load balancers leave out of the reply.
        required=(text(body, "SSLVerifyClient") or "ON") == "ON",
        certificate_id=CertId(text(body, "CertId")),
        ca_certificate_id=CertId(ca) if ca else None,
        further_certificate_ids=tuple(CertId(item) for item in texts(body, "ExtCertIds")),
    )


def write_binding(binding: MutualBinding) -> dict[str, Json]:
    """Render certificates whole, as a field of the request: what is left out would fall back to one-way.

    One server certificate goes into `Certificate`, a pair with its CA into `MultiCertInfo`; a request
    may have one of the two (API: the two are exclusive).
    """
    modes: dict[str, Json] = {"SSLMode": "MUTUAL", "SSLVerifyClient": "ON"}
    if len(binding.server) == 1:
        return {"Certificate": {**modes, "CertId": binding.server[0], "CertCaId": binding.ca}}
    listed = [{"CertId": certificate} for certificate in (*binding.server, binding.ca)]
    return {"MultiCertInfo": {**modes, "CertList": listed}}


def read_rule(body: Body) -> Rule:
    """Read a forwarding rule; its targets come from another call."""
    check = body.get("HealthCheck")
    return Rule(
        id=LocationId(text(body, "LocationId")),
        domain=text(body, "Domain"),
        path=text(body, "Url"),
        default=bool(body.get("DefaultServer")),
        http2=bool(body.get("Http2")),
        scheduler=text(body, "Scheduler") or "WRR",
        backend_protocol=text(body, "ForwardType") or "HTTP",
        session_seconds=number(body, "SessionExpireTime"),
        health_check=_read_health_check(check if isinstance(check, Mapping) else {}),
        tls=read_binding(body.get("Certificate")),
    )


def _read_health_check(body: Body) -> HealthCheck:
    mask = number(body, "HttpCode")
    return HealthCheck(
        enabled=bool(number(body, "HealthSwitch")),
        domain=text(body, "HttpCheckDomain"),
        path=text(body, "HttpCheckPath"),
        method=text(body, "HttpCheckMethod").upper(),
        interval=number(body, "IntervalTime"),
        timeout=number(body, "TimeOut"),
        healthy_threshold=number(body, "HealthNum"),
        unhealthy_threshold=number(body, "UnHealthNum"),
        codes=frozenset(name for name, bit in _CODES.items() if mask & bit),
        protocol=text(body, "CheckType"),
    )


def write_health_check(check: HealthCheck) -> Json:
    """Render a health check; the cloud fills in what is left out.

    A gRPC probe has no method, and its own sort of status codes: the cloud's default is 12, which a
    server gives for a method that it does not have (API: HealthCheck.ExtendedCode).
    """
    if not check.enabled:
        return {"HealthSwitch": 0}
    rendered: dict[str, Json] = {
        "HealthSwitch": 1,
        "TimeOut": check.timeout,
        "IntervalTime": check.interval,
        "HealthNum": check.healthy_threshold,
        "UnHealthNum": check.unhealthy_threshold,
        "HttpCheckPath": check.path,
    }
    if check.is_http:
        rendered["HttpCode"] = sum(_CODES[code] for code in check.codes)
        rendered["HttpCheckMethod"] = check.method
    if check.domain:
        rendered["HttpCheckDomain"] = check.domain
    if check.protocol:
        rendered["CheckType"] = check.protocol
    return rendered


def write_rules(rules: Sequence[tuple[NewRule, MutualBinding | None]]) -> list[Json]:
    """Render rules to create in one call; only the first of the default domain says that it is that.

    A listener has one default domain, and a call that names it twice may be taken for one of two.
    """
    first = next((rule for rule, _ in rules if rule.default), None)
    return [write_rule(replace(rule, default=rule is first), binding) for rule, binding in rules]


def write_rule(rule: NewRule, binding: MutualBinding | None) -> Json:
    """Render a rule to create; with SNI on it carries its domain's certificates from the start."""
    rendered: dict[str, Json] = {
        "Domain": rule.domain,
        "Url": rule.path,
        "Scheduler": rule.scheduler,
        "ForwardType": rule.backend_protocol,
        "SessionExpireTime": rule.session_seconds,
        "HealthCheck": write_health_check(rule.health_check),
        "Http2": rule.http2,
    }
    if rule.default:
        rendered["DefaultServer"] = True
    if binding is not None:
        rendered |= write_binding(binding)
    return rendered


def read_targets(body: Body) -> tuple[Target, ...]:
    """Read the targets of a rule."""
    return tuple(
        Target(endpoint=_read_endpoint(target), weight=number(target, "Weight"))
        for target in items(body, "Targets")
    )


def _read_endpoint(body: Body) -> Endpoint:
    """An instance is known by its id; everything else by its private address."""
    instance = text(body, "InstanceId")
    if instance.startswith("ins-"):
        return Endpoint(instance_id=instance, port=number(body, "Port"))
    addresses = texts(body, "PrivateIpAddresses")
    return Endpoint(address=addresses[0] if addresses else "", port=number(body, "Port"))


def write_target(endpoint: Endpoint) -> dict[str, Json]:
    """Render where a target listens."""
    where: dict[str, Json] = {"Port": endpoint.port}
    if endpoint.instance_id:
        return {**where, "InstanceId": endpoint.instance_id}
    return {**where, "EniIp": endpoint.address}


def read_health(body: Body) -> tuple[str, str, int, TargetHealth]:
    """Read a target's health: instance id, address, port and verdict."""
    detail = text(body, "HealthStatusDetail")
    known = detail in {health.value for health in TargetHealth}
    health = TargetHealth(detail) if known else TargetHealth.UNKNOWN
    return text(body, "TargetId"), text(body, "IP"), number(body, "Port"), health


def read_described(body: Body) -> DescribedCertificate:
    """Read the description of a certificate; its first name stands in a field of its own (API: Domain)."""
    names = (text(body, "Domain"), *texts(body, "SubjectAltName"))
    status = body.get("Status")
    return DescribedCertificate(
        kind=_KINDS.get(text(body, "CertificateType")),
        state=_STATES.get(status if isinstance(status, int) else -1, CertificateState.NOT_ISSUED),
        names=tuple(dict.fromkeys(name.lower() for name in names if name)),
        not_before=_time(body, "CertBeginTime"),
        not_after=_time(body, "CertEndTime"),
    )


def _time(body: Body, key: str) -> datetime | None:
    """Read a time of the certificate service, which is China's; one that was never set is no time."""
    try:
        return datetime.strptime(text(body, key), "%Y-%m-%d %H:%M:%S").replace(tzinfo=_CHINA).astimezone(UTC)
    except ValueError:
        return None
