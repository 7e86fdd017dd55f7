"""DescribeLoadBalancers and DescribeLoadBalancerListByCertId.

Pure over the store.
"""

from collections.abc import Callable, Mapping
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access
from clb_simulator.clb.wire import render_load_balancer
from clb_simulator.errors import invalid_value, missing_parameter, too_long
from clb_simulator.model import LoadBalancer
from clb_simulator.params import Json, Object, Params
from clb_simulator.tag.names import load_balancer_resource

_IDS: Final = 20
_MAX_LIMIT: Final = 100
_FILTERS: Final = 10
_DEFAULT_LIMIT: Final = 20


def describe_load_balancers(call: Call, params: Params) -> Object:
    """DescribeLoadBalancers: an unknown id gives an empty list, not an error."""
    if len(params.texts("LoadBalancerIds")) > _IDS:
        raise too_long("LoadBalancerIds", _IDS + 1)
    limit = _DEFAULT_LIMIT if (asked := params.integer("Limit")) is None else asked
    offset = params.integer("Offset") or 0
    if not 1 <= limit <= _MAX_LIMIT or offset < 0:
        raise invalid_value("Limit", f"1 to {_MAX_LIMIT}, and an Offset of 0 or more, are expected.")
    is_wanted = _selection(call, params)
    newest_first = params.integer("OrderType") == 1
    params.ignore("WithRs", "AdditionalFields", "OrderBy")
    found = [one for one in call.store.load_balancers.all() if one.region == call.region and is_wanted(one)]
    found.sort(key=lambda one: one.created_at, reverse=newest_first)
    page: list[Json] = [render_load_balancer(call, one) for one in found[offset : offset + limit]]
    return {"TotalCount": len(found), "LoadBalancerSet": page}


def describe_load_balancer_list_by_cert_id(call: Call, params: Params) -> Object:
    """DescribeLoadBalancerListByCertId: which load balancers of this region bind a certificate."""
    certificate_ids = params.texts("CertIds")
    if not certificate_ids:
        raise missing_parameter("CertIds")
    if len(certificate_ids) > _IDS:
        raise too_long("CertIds", _IDS + 1)
    described: list[Json] = [
        {
            "CertId": certificate_id,
            "LoadBalancers": [
                render_load_balancer(call, one)
                for one in call.store.load_balancers.all()
                if one.region == call.region and uses_certificate(call, one, certificate_id)
            ],
        }
        for certificate_id in certificate_ids
    ]
    return {"CertSet": described}


def uses_certificate(call: Call, one: LoadBalancer, certificate_id: str) -> bool:
    """Tell whether a listener or a domain of the load balancer binds the certificate, as server or CA."""
    for listener in access.listeners_of(call, one.load_balancer_id):
        if listener.certificate is not None and listener.certificate.uses(certificate_id):
            return True
        for domain in access.domains_of(call, listener.listener_id):
            if domain.certificate is not None and domain.certificate.uses(certificate_id):
                return True
    return False


def _selection(call: Call, params: Params) -> Callable[[LoadBalancer], bool]:
    identifiers, vips = params.texts("LoadBalancerIds"), params.texts("LoadBalancerVips")
    network, name, vpc_id = (
        params.text("LoadBalancerType"),
        params.text("LoadBalancerName"),
        params.text("VpcId"),
    )
    search, project = params.text("SearchKey"), params.integer("ProjectId")
    forward = params.integer("Forward")
    filters = _filters(params)

    def is_wanted(one: LoadBalancer) -> bool:
        return (
            (not identifiers or one.load_balancer_id in identifiers)
            and (not vips or one.vip in vips)
            and network in (None, one.network)
            and vpc_id in (None, one.vpc_id)
            and project in (None, one.project_id)
            and forward in (None, -1, 1)
            and (name is None or name in one.name)
            and (search is None or search in f"{one.load_balancer_id} {one.name} {one.vip}")
            and _has_tags(call, one, filters)
        )

    return is_wanted


def _filters(params: Params) -> Mapping[str, tuple[str, ...]]:
    parts = params.parts("Filters")
    if len(parts) > _FILTERS:
        raise too_long("Filters", _FILTERS + 1)
    filters = {one.required_text("Name"): one.texts("Values") for one in parts}
    for name in filters:
        if name != "tag-key" and not name.startswith("tag:"):
            raise invalid_value("Filters", f"clb-simulator filters by tag-key and tag:<key>, not by {name}.")
    return filters


def _has_tags(call: Call, one: LoadBalancer, filters: Mapping[str, tuple[str, ...]]) -> bool:
    held = call.store.tags.get(load_balancer_resource(one.region, one.load_balancer_id))
    tags = dict(held.values) if held else {}
    for name, values in filters.items():
        if name == "tag-key" and not tags.keys() & set(values):
            return False
        if name.startswith("tag:") and tags.get(name.removeprefix("tag:")) not in values:
            return False
    return True


ACTIONS: Final = {
    "DescribeLoadBalancers": Action(handler=describe_load_balancers, kind=Kind.READ),
    "DescribeLoadBalancerListByCertId": Action(
        handler=describe_load_balancer_list_by_cert_id, kind=Kind.READ
    ),
}
