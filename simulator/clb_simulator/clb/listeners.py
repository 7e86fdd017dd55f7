"""CreateListener, DescribeListeners, ModifyListener, DeleteListener and DeleteLoadBalancerListeners.

Pure over the store; `engine` decides when a change happens.
"""

from dataclasses import replace
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access, health_checks, quota, removal
from clb_simulator.clb.bindings import read_binding
from clb_simulator.clb.wire import render_listener
from clb_simulator.errors import ApiError, invalid, invalid_value, missing_parameter, too_long
from clb_simulator.model import CertificateBinding, HealthCheck, Listener, LoadBalancer
from clb_simulator.params import Object, Params

_PROTOCOLS: Final = frozenset({"TCP", "UDP", "HTTP", "HTTPS", "TCP_SSL", "QUIC"})
_UDP_FAMILY: Final = frozenset({"UDP", "QUIC"})
_WITH_CERTIFICATE: Final = frozenset({"HTTPS", "TCP_SSL", "QUIC"})
_PORTS_LIMIT: Final = 50
_LISTENER_IDS_LIMIT: Final = 100
_DELETIONS_LIMIT: Final = 20
_MAX_PORT: Final = 65535
_MAX_NAME: Final = 80
_LAST_OF_BASIC_PLANE: Final = 0xFFFF
_SESSION_RANGE: Final = range(30, 3601)


def create_listener(call: Call, params: Params) -> Object:
    """CreateListener: one listener per port, all or none."""
    owner = access.load_balancer(call, params)
    protocol = params.required_text("Protocol")
    if protocol not in _PROTOCOLS:
        raise invalid_value("Protocol", f"one of {', '.join(sorted(_PROTOCOLS))} is expected.")
    ports = _ports(params)
    present = access.listeners_of(call, owner.load_balancer_id)
    quota.check(call, quota.LISTENERS, len(present) + len(ports))
    template = _template(call, params, owner, protocol)
    names = _names(params, len(ports))
    identifiers = []
    for port, name in zip(ports, names, strict=True):
        _check_port(present, protocol, port)
        created = replace(template, listener_id=call.ids.take("lbl-"), port=port, name=name)
        call.store.listeners.put(created.listener_id, created)
        identifiers.append(created.listener_id)
    return {"ListenerIds": [*identifiers]}


def describe_listeners(call: Call, params: Params) -> Object:
    """DescribeListeners: unknown listener ids are left out."""
    owner = access.load_balancer(call, params)
    wanted = params.texts("ListenerIds")
    if len(wanted) > _LISTENER_IDS_LIMIT:
        raise too_long("ListenerIds", _LISTENER_IDS_LIMIT + 1)
    protocol, port = params.text("Protocol"), params.integer("Port")
    found = [
        one
        for one in access.listeners_of(call, owner.load_balancer_id)
        if (not wanted or one.listener_id in wanted)
        and (protocol is None or one.protocol == protocol)
        and (port is None or one.port == port)
    ]
    return {"Listeners": [render_listener(call, one) for one in found], "TotalCount": len(found)}


def modify_listener(call: Call, params: Params) -> Object:
    """ModifyListener: the certificate is replaced as a whole; SNI can only be switched on."""
    one = access.listener(call, params)
    certificate = read_binding(call, params)
    one = _switch_sni(call, params, one)
    if certificate is not None:
        one = _with_certificate(call, one, certificate)
    name = params.text("ListenerName")
    if name is not None:
        one = replace(one, name=_checked_name(name, "ListenerName"))
    one = replace(one, keepalive=_keepalive(params, one.protocol, one.keepalive))
    params.ignore("SessionType", "TargetType")
    one = replace(
        one,
        session_seconds=_session(params, one.protocol, one.session_seconds),
        scheduler=_scheduler(params, one.scheduler),
        health_check=_health_check(params, one.protocol),
    )
    call.store.listeners.put(one.listener_id, one)
    return {}


def delete_listener(call: Call, params: Params) -> Object:
    """DeleteListener: with its rules and bindings."""
    removal.remove_listener(call, access.listener(call, params))
    return {}


def delete_load_balancer_listeners(call: Call, params: Params) -> Object:
    """DeleteLoadBalancerListeners: all or none of those named; without names, every listener."""
    owner = access.load_balancer(call, params)
    present = {one.listener_id: one for one in access.listeners_of(call, owner.load_balancer_id)}
    wanted = params.texts("ListenerIds")
    if len(wanted) > _DELETIONS_LIMIT:
        raise too_long("ListenerIds", _DELETIONS_LIMIT + 1)
    absent = [one for one in wanted if one not in present]
    if absent:
        raise invalid(f"some ListenerId {','.join(absent)} not found.")
    for listener_id in dict.fromkeys(wanted) or present:
        removal.remove_listener(call, present[listener_id])
    return {}


def _template(call: Call, params: Params, owner: LoadBalancer, protocol: str) -> Listener:
    sni = params.integer("SniSwitch") or 0
    if sni not in (0, 1) or (sni and protocol != "HTTPS"):
        raise invalid_value("SniSwitch", "0, or 1 for an HTTPS listener, is expected.")
    # Terraform sends SessionType and TargetType with their defaults.
    params.ignore("SessionType", "TargetType")
    return Listener(
        listener_id="",
        load_balancer_id=owner.load_balancer_id,
        name="",
        port=0,
        protocol=protocol,
        sni=bool(sni),
        certificate=_new_certificate(call, params, protocol, sni=bool(sni)),
        created_at=call.now,
        scheduler=_scheduler(params, "WRR"),
        session_seconds=_session(params, protocol, 0),
        keepalive=_keepalive(params, protocol, 0),
        health_check=_health_check(params, protocol),
    )


def _new_certificate(call: Call, params: Params, protocol: str, *, sni: bool) -> CertificateBinding | None:
    certificate = read_binding(call, params)
    if protocol not in _WITH_CERTIFICATE:
        if certificate is not None:
            raise invalid(f"A {protocol} listener takes no certificate.")
        return None
    if sni:
        if certificate is not None and call.switches.misplaced_certificate == "refused":
            raise invalid("With SniSwitch 1 certificates belong to the domains, not to the listener.")
        return None
    if certificate is None:
        raise missing_parameter("Certificate")
    return certificate


def _switch_sni(call: Call, params: Params, one: Listener) -> Listener:
    wanted = params.integer("SniSwitch")
    if wanted is None or bool(wanted) == one.sni:
        return one
    if wanted != 1 or one.protocol != "HTTPS":
        raise invalid_value("SniSwitch", "it can only be switched on, for an HTTPS listener.")
    for domain in access.domains_of(call, one.listener_id):
        call.store.domains.put(domain.domain_id, replace(domain, certificate=one.certificate))
    return replace(one, sni=True, certificate=None)


def _with_certificate(call: Call, one: Listener, certificate: CertificateBinding) -> Listener:
    if one.protocol not in _WITH_CERTIFICATE:
        raise invalid(f"A {one.protocol} listener takes no certificate.")
    if not one.sni:
        return replace(one, certificate=certificate)
    if call.switches.misplaced_certificate == "refused":
        raise invalid("With SniSwitch 1 certificates belong to the domains, not to the listener.")
    return one


def _ports(params: Params) -> tuple[int, ...]:
    ports = params.integers("Ports")
    if not ports:
        raise missing_parameter("Ports")
    if len(ports) >= _PORTS_LIMIT:
        raise too_long("Ports", _PORTS_LIMIT)
    if any(not 1 <= port <= _MAX_PORT for port in ports):
        raise invalid_value("Ports", f"1 to {_MAX_PORT} is expected.")
    if len(set(ports)) != len(ports):
        raise ApiError("InvalidParameter.PortCheckFailed", f"Ports {list(ports)} repeats a port.")
    return ports


def _check_port(present: tuple[Listener, ...], protocol: str, port: int) -> None:
    is_udp = protocol in _UDP_FAMILY
    for one in present:
        if one.port == port and (one.protocol in _UDP_FAMILY) == is_udp:
            raise ApiError(
                "InvalidParameter.PortCheckFailed",
                f"Port {port} is already used by listener {one.listener_id} ({one.protocol}).",
            )


def _names(params: Params, count: int) -> tuple[str, ...]:
    names = params.texts("ListenerNames")
    if not names:
        return ("",) * count
    if len(names) != count:
        raise invalid("ListenerNames must have as many elements as Ports.")
    return tuple(_checked_name(name, "ListenerNames") for name in names)


def _checked_name(name: str, path: str) -> str:
    if not 1 <= len(name) <= _MAX_NAME or any(ord(letter) > _LAST_OF_BASIC_PLANE for letter in name):
        raise invalid_value(path, f"1 to {_MAX_NAME} characters of the basic plane are expected.")
    return name


def _scheduler(params: Params, default: str) -> str:
    scheduler = params.text("Scheduler") or default
    if scheduler not in ("WRR", "LEAST_CONN"):
        raise ApiError("InvalidParameterValue", "Scheduler should be WRR or LEAST_CONN")
    return scheduler


def _session(params: Params, protocol: str, default: int) -> int:
    seconds = params.integer("SessionExpireTime")
    if seconds is None:
        return default
    if seconds and (protocol not in ("TCP", "UDP") or seconds not in _SESSION_RANGE):
        raise invalid_value("SessionExpireTime", "0, or 30 to 3600 for TCP and UDP listeners, is expected.")
    return seconds


def _keepalive(params: Params, protocol: str, default: int) -> int:
    value = params.integer("KeepaliveEnable")
    if value is None:
        return default
    if value not in (0, 1) or (value and protocol not in access.LAYER_7):
        raise invalid_value("KeepaliveEnable", "0, or 1 for HTTP and HTTPS listeners, is expected.")
    return value


def _health_check(params: Params, protocol: str) -> HealthCheck | None:
    if protocol in access.LAYER_7:
        if params.part("HealthCheck") is not None:
            raise invalid("The health check of an HTTP/HTTPS listener belongs to its rules.")
        return None
    return health_checks.read(params.part("HealthCheck"), health_checks.default_for_layer_4(protocol))


ACTIONS: Final = {
    "CreateListener": Action(handler=create_listener, kind=Kind.CHANGE, job="CreateQLBListener"),
    "DescribeListeners": Action(handler=describe_listeners, kind=Kind.READ),
    "ModifyListener": Action(handler=modify_listener, kind=Kind.CHANGE, job="UpdateQLBListener"),
    "DeleteListener": Action(handler=delete_listener, kind=Kind.CHANGE, job="DeleteQLBListener"),
    "DeleteLoadBalancerListeners": Action(
        handler=delete_load_balancer_listeners, kind=Kind.CHANGE, job="DeleteQLBListener"
    ),
}
