"""RegisterTargets, DeregisterTargets, ModifyTargetWeight, BatchModifyTargetWeight and DescribeTargets.

Pure over the store; `engine` decides when a change happens.
"""

from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access, binding_targets
from clb_simulator.clb.wire import render_target
from clb_simulator.errors import missing_parameter, too_long, wrong_type
from clb_simulator.model import Listener, Rule, Target
from clb_simulator.params import Json, Object, Params

_TARGETS: Final = 20
_LISTENER_IDS: Final = 20
_WEIGHT_ENTRIES: Final = 100
_WEIGHT_TARGETS: Final = 50
_WEIGHT_TOTAL: Final = 500


def register_targets(call: Call, params: Params) -> Object:
    """RegisterTargets: to one rule or layer-4 listener."""
    owner = access.load_balancer(call, params)
    where = binding_targets.place(call, access.listener(call, params), params)
    targets = [
        binding_targets.read_target(call, owner.targets_vpc_id, one) for one in _listed(params, _TARGETS)
    ]
    binding_targets.register(call, where, targets)
    return {}


def deregister_targets(call: Call, params: Params) -> Object:
    """DeregisterTargets: from one rule or layer-4 listener; weights are not looked at."""
    where = binding_targets.place(call, access.listener(call, params), params)
    keys = [_key_only(one) for one in _listed(params, _TARGETS)]
    binding_targets.deregister(call, where, keys)
    return {}


def modify_target_weight(call: Call, params: Params) -> Object:
    """ModifyTargetWeight: of targets of one rule or layer-4 listener."""
    where = binding_targets.place(call, access.listener(call, params), params)
    binding_targets.set_weights(call, where, _weights(params, _TARGETS))
    return {}


def batch_modify_target_weight(call: Call, params: Params) -> Object:
    """BatchModifyTargetWeight: of targets of several rules, all or none."""
    owner = access.load_balancer(call, params)
    entries = params.parts("ModifyList")
    if not entries:
        raise missing_parameter("ModifyList")
    if len(entries) > _WEIGHT_ENTRIES:
        raise too_long("ModifyList", _WEIGHT_ENTRIES + 1)
    total = 0
    for entry in entries:
        listener = access.listener_of(call, owner.load_balancer_id, entry.required_text("ListenerId"))
        weights = _weights(entry, _WEIGHT_TARGETS)
        total += len(weights)
        binding_targets.set_weights(call, binding_targets.place(call, listener, entry), weights)
    if total > _WEIGHT_TOTAL:
        raise too_long("ModifyList.Targets", _WEIGHT_TOTAL + 1)
    return {}


def describe_targets(call: Call, params: Params) -> Object:
    """DescribeTargets: layer 7 fills Rules, layer 4 fills Targets."""
    owner = access.load_balancer(call, params)
    wanted = params.texts("ListenerIds")
    if len(wanted) > _LISTENER_IDS:
        raise too_long("ListenerIds", _LISTENER_IDS + 1)
    protocol, port = params.text("Protocol"), params.integer("Port")
    filters = {one.required_text("Name"): one.texts("Values") for one in params.parts("Filters")}
    unknown = filters.keys() - {"location-id", "private-ip-address", "tag"}
    if unknown:
        raise wrong_type("Filters", f"location-id, private-ip-address or tag; got {sorted(unknown)}")
    found = [
        _render_listener(call, one, filters)
        for one in access.listeners_of(call, owner.load_balancer_id)
        if (not wanted or one.listener_id in wanted)
        and (protocol is None or one.protocol == protocol)
        and (port is None or one.port == port)
    ]
    return {"Listeners": [*found]}


def _render_listener(call: Call, one: Listener, filters: dict[str, tuple[str, ...]]) -> Object:
    is_layer_7 = one.protocol in access.LAYER_7
    rules: list[Json] = [
        _render_rule(call, rule, filters)
        for rule in access.rules_of(call, one.listener_id)
        if "location-id" not in filters or rule.location_id in filters["location-id"]
    ]
    return {
        "ListenerId": one.listener_id,
        "Protocol": one.protocol,
        "Port": one.port,
        "EndPort": 0,
        "Rules": rules if is_layer_7 else None,
        "Targets": None if is_layer_7 else _render_targets(call, one.targets, filters),
    }


def _render_rule(call: Call, rule: Rule, filters: dict[str, tuple[str, ...]]) -> Object:
    return {
        "LocationId": rule.location_id,
        "Domain": access.domain_of(call, rule).names[0],
        "Url": rule.url,
        "Targets": _render_targets(call, rule.targets, filters),
        "FunctionTargets": [],
    }


def _render_targets(
    call: Call, targets: tuple[Target, ...], filters: dict[str, tuple[str, ...]]
) -> list[Json]:
    return [
        render_target(call, one)
        for one in targets
        if one.address in filters.get("private-ip-address", (one.address,))
        and (one.tag or "") in filters.get("tag", (one.tag or "",))
    ]


def _listed(params: Params, limit: int) -> tuple[Params, ...]:
    targets = params.parts("Targets")
    if not targets:
        raise missing_parameter(params.path("Targets"))
    if len(targets) > limit:
        raise too_long(params.path("Targets"), limit + 1)
    return targets


def _weights(params: Params, limit: int) -> dict[tuple[str, int], int]:
    common = binding_targets.read_weight(params)
    default = binding_targets.DEFAULT_WEIGHT if common is None else common
    weights = {}
    for one in _listed(params, limit):
        own = binding_targets.read_weight(one)
        one.ignore("Tag")
        weights[binding_targets.read_key(one)] = default if own is None else own
    return weights


def _key_only(params: Params) -> tuple[str, int]:
    params.ignore("Weight", "Tag")
    return binding_targets.read_key(params)


ACTIONS: Final = {
    "RegisterTargets": Action(handler=register_targets, kind=Kind.CHANGE, job="AddQLBListenerDevice"),
    "DeregisterTargets": Action(handler=deregister_targets, kind=Kind.CHANGE, job="DelQLBListenerDevice"),
    "ModifyTargetWeight": Action(handler=modify_target_weight, kind=Kind.CHANGE, job="UpdateQLBDeviceWeight"),
    "BatchModifyTargetWeight": Action(
        handler=batch_modify_target_weight, kind=Kind.CHANGE, job="UpdateQLBDeviceWeight"
    ),
    "DescribeTargets": Action(handler=describe_targets, kind=Kind.READ),
}
