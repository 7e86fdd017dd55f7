"""DescribeTargetHealth: what the data plane's checks say.

Pure over the store and the call's health function.
"""

from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access
from clb_simulator.errors import load_balancer_not_found, too_long
from clb_simulator.model import HealthCheck, Listener, LoadBalancer, Rule, Target
from clb_simulator.params import Json, Object, Params

_LOAD_BALANCER_IDS: Final = 30


def describe_target_health(call: Call, params: Params) -> Object:
    """DescribeTargetHealth: Unknown before the first check, Close when checking is off."""
    wanted = params.texts("LoadBalancerIds")
    if len(wanted) > _LOAD_BALANCER_IDS:
        raise too_long("LoadBalancerIds", _LOAD_BALANCER_IDS + 1)
    listener_ids, location_ids = params.texts("ListenerIds"), params.texts("LocationIds")
    described: list[Json] = []
    for identifier in wanted:
        owner = call.store.load_balancers.get(identifier)
        if owner is None or owner.region != call.region:
            raise load_balancer_not_found(identifier)
        described.append(_render_load_balancer(call, owner, listener_ids, location_ids))
    return {"LoadBalancers": described}


def _render_load_balancer(
    call: Call, owner: LoadBalancer, listener_ids: tuple[str, ...], location_ids: tuple[str, ...]
) -> Object:
    listeners: list[Json] = [
        _render_listener(call, one, location_ids)
        for one in access.listeners_of(call, owner.load_balancer_id)
        if not listener_ids or one.listener_id in listener_ids
    ]
    return {
        "LoadBalancerId": owner.load_balancer_id,
        "LoadBalancerName": owner.name,
        "Listeners": listeners,
    }


def _render_listener(call: Call, one: Listener, location_ids: tuple[str, ...]) -> Object:
    rules: list[Json]
    if one.protocol in access.LAYER_7:
        rules = [
            _render_rule(call, rule)
            for rule in access.rules_of(call, one.listener_id)
            if not location_ids or rule.location_id in location_ids
        ]
    else:
        rules = [_render_layer_4(call, one)]
    return {
        "ListenerId": one.listener_id,
        "ListenerName": one.name,
        "Protocol": one.protocol,
        "Port": one.port,
        "Rules": rules,
    }


def _render_rule(call: Call, rule: Rule) -> Object:
    return {
        "LocationId": rule.location_id,
        "Domain": access.domain_of(call, rule).names[0],
        "Url": rule.url,
        "RuleId": rule.location_id,
        "Targets": [_render_target(call, rule.location_id, rule.health_check, one) for one in rule.targets],
    }


def _render_layer_4(call: Call, one: Listener) -> Object:
    return {
        "LocationId": "",
        "Domain": None,
        "Url": None,
        "RuleId": "",
        "Targets": [_render_target(call, one.listener_id, one.health_check, each) for each in one.targets],
    }


def _render_target(call: Call, location_id: str, check: HealthCheck | None, one: Target) -> Object:
    is_off = check is None or not check.enabled
    detail = "Close" if is_off else call.health(location_id, one.address, one.port)
    return {
        "IP": one.address,
        "Port": one.port,
        "TargetId": one.instance_id or one.address,
        "HealthStatus": detail in ("Alive", "Close"),
        "HealthStatusDetail": detail,
        "HealthStatusDetial": detail,
        "TargetGroupId": "",
        "Weight": one.weight,
    }


ACTIONS: Final = {"DescribeTargetHealth": Action(handler=describe_target_health, kind=Kind.READ)}
