"""Render load balancers, listeners, rules and targets as replies carry them.

Pure over the store. Fields that are not named here come as null (see `schema.fill_reply`); those that are
have the value that the API's own examples show for an object that does not use them.
"""

from clb_simulator.action import Call
from clb_simulator.clb import access
from clb_simulator.clock import china_time
from clb_simulator.model import (
    CertificateBinding,
    Domain,
    HealthCheck,
    Listener,
    LoadBalancer,
    Rule,
    Target,
)
from clb_simulator.params import Json, Object
from clb_simulator.tag.names import load_balancer_resource


def render_load_balancer(call: Call, one: LoadBalancer) -> Object:
    """Render a LoadBalancer."""
    created = china_time(one.created_at)
    tags = call.store.tags.get(load_balancer_resource(one.region, one.load_balancer_id))
    return {
        "LoadBalancerId": one.load_balancer_id,
        "LoadBalancerName": one.name,
        "LoadBalancerType": one.network,
        "Forward": 1,
        "Domain": "",
        "LoadBalancerDomain": "",
        "LoadBalancerVips": [one.vip],
        "AddressIPVersion": "ipv4",
        "Status": 1,
        "CreateTime": created,
        "StatusTime": created,
        "ProjectId": one.project_id,
        "OpenBgp": 0,
        "Snat": False,
        "Isolation": 0,
        "Log": "",
        "AnycastZone": "",
        "VpcId": one.vpc_id,
        "NumericalVpcId": 1111113,
        "TargetRegionInfo": {
            "Region": one.target_region or one.region,
            "VpcId": one.targets_vpc_id,
            "NumericalVpcId": 1111113,
        },
        "SubnetId": one.subnet_id,
        "SecureGroups": list(one.security_groups),
        "Tags": [{"TagKey": key, "TagValue": value} for key, value in (tags.values if tags else ())],
        "ChargeType": "POSTPAID_BY_HOUR",
        "LogSetId": "",
        "LogTopicId": "",
        "LoadBalancerPassToTarget": one.pass_to_target,
        "IsDDos": False,
        "ConfigId": "",
        "SnatPro": one.snat_pro,
        "SnatIps": [],
        "IsBlock": False,
        "IsBlockTime": "",
        "SlaType": one.sla_type,
        "LocalBgp": False,
        "MixIpTarget": False,
        "NfvInfo": "",
        "HealthLogSetId": "",
        "HealthLogTopicId": "",
        "AttributeFlags": ["SharedLimitFlag", *(["DeleteProtect"] if one.delete_protect else [])],
        "VipIsp": one.isp if one.network == "OPEN" else "",
        "NetworkAttributes": _network_attributes(one),
        "TargetCount": access.target_count(call, one.load_balancer_id),
        "Egress": "",
    }


def render_listener(call: Call, one: Listener) -> Object:
    """Render a Listener with its rules."""
    is_layer_7 = one.protocol in access.LAYER_7
    rules: Json = None
    if is_layer_7:
        rules = [render_rule(call, one, rule) for rule in access.rules_of(call, one.listener_id)]
    return {
        "ListenerId": one.listener_id,
        "ListenerName": one.name,
        "Protocol": one.protocol,
        "Port": one.port,
        "EndPort": 0,
        "CreateTime": china_time(one.created_at),
        "Certificate": render_binding(one.certificate),
        "HealthCheck": render_health_check(one.health_check) if one.health_check else None,
        "Scheduler": None if is_layer_7 else one.scheduler,
        "SessionExpireTime": one.session_seconds,
        "SniSwitch": int(one.sni),
        "Rules": rules,
        "TargetType": None if is_layer_7 else "NODE",
        "SessionType": "NORMAL",
        "KeepaliveEnable": one.keepalive if is_layer_7 else None,
        "Toa": False,
        "DeregisterTargetRst": False,
        "AttrFlags": [],
        "MaxConn": -1,
        "MaxCps": -1,
        "IdleConnectTimeout": 0,
    }


def render_rule(call: Call, listener: Listener, one: Rule) -> Object:
    """Render a RuleOutput."""
    domain = access.domain_of(call, one)
    return {
        "LocationId": one.location_id,
        "ListenerId": one.listener_id,
        "Domain": domain.names[0],
        "Domains": list(domain.names),
        "Url": one.url,
        "SessionExpireTime": one.session_seconds,
        "HealthCheck": render_health_check(one.health_check),
        "Certificate": render_binding(_shown_certificate(call, listener, domain)),
        "Scheduler": one.scheduler,
        "RewriteTarget": {"TargetListenerId": None, "TargetLocationId": None},
        "HttpGzip": False,
        "BeAutoCreated": False,
        "DefaultServer": domain.is_default,
        "Http2": domain.http2,
        "ForwardType": one.forward_type,
        "CreateTime": china_time(one.created_at),
        "TargetType": "NODE",
        "WafDomainId": "",
        "QuicStatus": "QUIC_ACTIVE" if domain.quic else "QUIC_INACTIVE",
        "CookieName": one.cookie_name,
    }


def render_target(call: Call, one: Target) -> Object:
    """Render a Backend."""
    instance = call.store.instances.get(one.instance_id) if one.instance_id else None
    return {
        "Type": "CVM" if one.instance_id else "ENI",
        "InstanceId": one.instance_id or "",
        "Port": one.port,
        "Weight": one.weight,
        "PublicIpAddresses": None,
        "PrivateIpAddresses": [one.address],
        "InstanceName": instance.name if instance else "",
        "RegisteredTime": china_time(one.registered_at),
        "EniId": "",
        "Tag": one.tag,
        "Zone": instance.zone if instance else None,
    }


def render_binding(binding: CertificateBinding | None) -> Json:
    """Render a CertificateOutput, or null without a certificate."""
    if binding is None:
        return None
    is_mutual = binding.ssl_mode == "MUTUAL"
    return {
        "SSLMode": binding.ssl_mode,
        "SSLVerifyClient": binding.verify_client if is_mutual else None,
        "CertId": binding.certificate_ids[0],
        "CertCaId": binding.ca_id,
        "ExtCertIds": list(binding.certificate_ids[1:]),
    }


def render_health_check(check: HealthCheck) -> Object:
    """Render a HealthCheck."""
    return {
        "HealthSwitch": int(check.enabled),
        "TimeOut": check.timeout,
        "IntervalTime": check.interval,
        "HealthNum": check.healthy_threshold,
        "UnHealthNum": check.unhealthy_threshold,
        "HttpCode": check.codes_mask,
        "HttpCheckPath": check.path,
        "HttpCheckDomain": check.domain,
        "HttpCheckMethod": check.method,
        "CheckPort": check.check_port,
        "CheckType": check.check_type,
        "SourceIpType": check.source_ip_type,
    }


def _network_attributes(one: LoadBalancer) -> Json:
    if one.network == "INTERNAL":
        return None
    return {
        "InternetChargeType": one.internet_charge_type,
        "InternetMaxBandwidthOut": one.bandwidth_mbps,
        "BandwidthpkgSubType": None,
    }


def _shown_certificate(call: Call, listener: Listener, domain: Domain) -> CertificateBinding | None:
    if listener.sni:
        return domain.certificate
    return listener.certificate if call.switches.rule_certificate_mirrors_listener else None
