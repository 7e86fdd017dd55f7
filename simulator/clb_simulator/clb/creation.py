"""CreateLoadBalancer: asynchronous, for up to 20 at once, and idempotent by ClientToken.

Pure over the store. The call chooses the ids and keeps them in its task, whose effect makes the load
balancers. A repeated ClientToken gets a task of its own with the same ids, so whichever of the two ends
well first makes them and the other finds them made.
"""

from dataclasses import replace
from typing import Final, Literal

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import quota
from clb_simulator.clb.network import NetworkCharge, check_name, read_charge
from clb_simulator.errors import ApiError, invalid, invalid_value, missing_parameter, too_long
from clb_simulator.model import LoadBalancer, Tags, Task, TaskStatus
from clb_simulator.params import Json, Object, Params
from clb_simulator.provisioning import DEFAULT_VPC, ProvisioningError, choose_vip
from clb_simulator.tag.names import load_balancer_resource

CREATION: Final = "CreateLoadBalancer#made"
_MAX_NUMBER: Final = 20
_MAX_TAGS: Final = 20
_MAX_TOKEN: Final = 64
_QUOTAS: Final = {"OPEN": quota.OPEN_LOAD_BALANCERS, "INTERNAL": quota.INTERNAL_LOAD_BALANCERS}
_ISPS: Final = ("BGP", "CMCC", "CUCC", "CTCC", "INTERNAL")


def create_load_balancer(call: Call, params: Params) -> Object:
    """CreateLoadBalancer: the ids come at once, the load balancers when the task ends."""
    number = params.integer("Number") or 1
    if not 1 <= number <= _MAX_NUMBER:
        raise invalid_value("Number", f"1 to {_MAX_NUMBER} is expected.")
    identifiers = tuple(call.ids.take("lb-") for _ in range(number))
    _build(call, params, identifiers)
    token = _client_token(params)
    task = Task(
        task_id=call.request_id,
        service="clb",
        action=CREATION,
        region=call.region,
        load_balancer_ids=identifiers,
        params=params.as_json(),
        ids=identifiers,
        created_at=call.now,
        due_at=call.task_due_at,
        deal_name=_deal_name(call),
    )
    earlier = _earlier_task(call, token)
    if earlier is not None:
        if earlier.params != task.params:
            raise invalid("The ClientToken belongs to an earlier request with other parameters.")
        task = replace(earlier, task_id=call.request_id)
    call.store.tasks.put(task.task_id, task)
    told: list[Json] = list(task.load_balancer_ids)
    return {"LoadBalancerIds": told, "DealName": task.deal_name}


def make_load_balancers(call: Call, params: Params) -> Object:
    """Make the load balancers of a creation whose task ends."""
    number = params.integer("Number") or 1
    identifiers = tuple(call.ids.take("lb-") for _ in range(number))
    if call.store.load_balancers.get(identifiers[0]) is not None:
        return {}
    tags = _tags(params)
    for one in _build(call, params, identifiers):
        call.store.load_balancers.put(one.load_balancer_id, one)
        if tags:
            resource = load_balancer_resource(one.region, one.load_balancer_id)
            call.store.tags.put(resource, Tags(resource=resource, values=tags))
    return {}


def _build(call: Call, params: Params, identifiers: tuple[str, ...]) -> tuple[LoadBalancer, ...]:
    network = _network(params)
    _refuse_other_kinds(params)
    _tags(params)
    in_region = [one for one in call.store.load_balancers.all() if one.region == call.region]
    present = sum(one.network == network for one in in_region)
    quota.check(call, _QUOTAS[network], present + len(identifiers))
    charge = read_charge(params.part("InternetAccessible"), NetworkCharge())
    subnet_id = params.text("SubnetId")
    if network == "INTERNAL" and not (params.text("VpcId") and subnet_id):
        raise missing_parameter("VpcId" if not params.text("VpcId") else "SubnetId")
    template = LoadBalancer(
        load_balancer_id="",
        region=call.region,
        name="",
        network=network,
        vip="",
        vpc_id=params.text("VpcId") or DEFAULT_VPC,
        created_at=call.now,
        project_id=params.integer("ProjectId") or 0,
        subnet_id=subnet_id or "",
        pass_to_target=bool(params.flag("LoadBalancerPassToTarget")),
        internet_charge_type=charge.type,
        bandwidth_mbps=charge.bandwidth_mbps,
        isp=_isp(params),
        sla_type=params.text("SlaType") or "",
        snat_pro=bool(params.flag("SnatPro")),
    )
    names = _names(params, identifiers, {one.name for one in in_region})
    vips = _vips(call, params, len(identifiers))
    return tuple(
        replace(template, load_balancer_id=identifier, name=name, vip=vip)
        for identifier, name, vip in zip(identifiers, names, vips, strict=True)
    )


def _network(params: Params) -> Literal["OPEN", "INTERNAL"]:
    kind = params.required_text("LoadBalancerType")
    if kind == "OPEN":
        return "OPEN"
    if kind == "INTERNAL":
        return "INTERNAL"
    raise invalid_value("LoadBalancerType", "OPEN or INTERNAL is expected.")


def _refuse_other_kinds(params: Params) -> None:
    if params.integer("Forward") not in (None, 1):
        raise invalid_value("Forward", "only 1 is supported.")
    if (params.text("AddressIPVersion") or "IPV4").upper() != "IPV4":
        raise ApiError("UnsupportedOperation", "clb-simulator simulates load balancers of IPv4 only.")
    if params.text("LBChargeType") not in (None, "POSTPAID_BY_HOUR"):
        raise ApiError("UnsupportedOperation", "clb-simulator simulates POSTPAID_BY_HOUR only.")


def _tags(params: Params) -> tuple[tuple[str, str], ...]:
    tags = {one.required_text("TagKey"): one.text("TagValue") or "" for one in params.parts("Tags")}
    if len(tags) > _MAX_TAGS:
        raise too_long("Tags", _MAX_TAGS + 1)
    return tuple(tags.items())


def _isp(params: Params) -> str:
    isp = params.text("VipIsp") or "BGP"
    if isp not in _ISPS:
        raise invalid_value("VipIsp", f"one of {', '.join(_ISPS)} is expected.")
    return isp


def _names(params: Params, identifiers: tuple[str, ...], taken: set[str]) -> tuple[str, ...]:
    name = params.text("LoadBalancerName")
    if name is not None:
        check_name(name)
    # Documented: the name counts for a single load balancer only, and a duplicate is replaced by a generated
    # one without a word.
    if name is None or len(identifiers) > 1 or name in taken:
        return identifiers
    return (name,)


def _vips(call: Call, params: Params, number: int) -> list[str]:
    wanted = params.text("Vip")
    if wanted and number > 1:
        raise invalid("Vip is for a single load balancer.")
    taken = {one.vip for one in call.store.load_balancers.all()}
    chosen: list[str] = []
    try:
        for _ in range(number):
            chosen.append(choose_vip(wanted or None, taken | set(chosen)))
    except ProvisioningError as error:
        raise invalid_value("Vip", str(error)) from error
    return chosen


def _client_token(params: Params) -> str | None:
    token = params.text("ClientToken")
    if token and (len(token) > _MAX_TOKEN or not token.isascii()):
        raise ApiError(
            "InvalidParameter.ClientTokenLimitExceeded", f"ClientToken takes {_MAX_TOKEN} ASCII characters."
        )
    return token or None


def _earlier_task(call: Call, token: str | None) -> Task | None:
    if token is None:
        return None
    for task in call.store.tasks.all():
        is_creation = task.action == CREATION and task.region == call.region
        if is_creation and task.status is not TaskStatus.FAILED and _token_of(task) == token:
            return task
    return None


def _token_of(task: Task) -> str | None:
    return Params.from_json(task.params).text("ClientToken")


def _deal_name(call: Call) -> str:
    return f"{call.now:%Y%m%d}{int(call.request_id[:8], 16):010d}"


ACTIONS: Final = {
    "CreateLoadBalancer": Action(handler=create_load_balancer, kind=Kind.WRITE),
    CREATION: Action(handler=make_load_balancers, kind=Kind.EFFECT, job="CreateQLB"),
}
