"""ModifyLoadBalancerAttributes and SetLoadBalancerSecurityGroups.

Pure over the store; `engine` decides when a change happens.
"""

from dataclasses import replace
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access
from clb_simulator.clb.network import NetworkCharge, check_name, read_charge
from clb_simulator.errors import ApiError, too_long
from clb_simulator.model import LoadBalancer
from clb_simulator.params import Object, Params

_MAX_GROUPS: Final = 50


def modify_load_balancer_attributes(call: Call, params: Params) -> Object:
    """ModifyLoadBalancerAttributes: what is absent stays as it is; tags are not here."""
    one = access.load_balancer(call, params)
    if params.integer("SwitchFlag"):
        raise ApiError("UnsupportedOperation", "clb-simulator does not simulate a change of charging.")
    name = params.text("LoadBalancerName")
    charge = read_charge(
        params.part("InternetChargeInfo"), NetworkCharge(one.internet_charge_type, one.bandwidth_mbps)
    )
    changed = replace(
        _with_target_region(one, params.part("TargetRegionInfo")),
        name=one.name if name is None else check_name(name),
        internet_charge_type=charge.type,
        bandwidth_mbps=charge.bandwidth_mbps,
        pass_to_target=_or(params.flag("LoadBalancerPassToTarget"), one.pass_to_target),
        snat_pro=_or(params.flag("SnatPro"), one.snat_pro),
        delete_protect=_or(params.flag("DeleteProtect"), one.delete_protect),
    )
    call.store.load_balancers.put(changed.load_balancer_id, changed)
    return {"DealName": None}


def set_load_balancer_security_groups(call: Call, params: Params) -> Object:
    """SetLoadBalancerSecurityGroups: the list replaces the present one; an absent one clears it."""
    one = access.load_balancer(call, params)
    groups = params.texts("SecurityGroups")
    if len(groups) > _MAX_GROUPS:
        raise too_long("SecurityGroups", _MAX_GROUPS + 1)
    changed = replace(one, security_groups=tuple(dict.fromkeys(groups)))
    call.store.load_balancers.put(changed.load_balancer_id, changed)
    return {}


def _with_target_region(one: LoadBalancer, params: Params | None) -> LoadBalancer:
    if params is None:
        return one
    params.ignore("NumericalVpcId")
    return replace(
        one, target_region=params.required_text("Region"), target_vpc_id=params.required_text("VpcId")
    )


def _or(asked: bool | None, present: bool) -> bool:  # noqa: FBT001
    return present if asked is None else asked


ACTIONS: Final = {
    "ModifyLoadBalancerAttributes": Action(
        handler=modify_load_balancer_attributes, kind=Kind.CHANGE, job="ModifyQLBAttributes"
    ),
    "SetLoadBalancerSecurityGroups": Action(
        handler=set_load_balancer_security_groups, kind=Kind.CHANGE, job="SetQLBSecurityGroups"
    ),
}
