"""Quotas: what an account may have in a region, and DescribeQuota.

Pure over the store. Defaults are the documented ones; the admin port sets others.
"""

from collections.abc import Mapping
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.errors import limit_exceeded
from clb_simulator.params import Object, Params

LISTENERS: Final = "TOTAL_LISTENER_QUOTA"
RULES: Final = "TOTAL_LISTENER_RULE_QUOTA"
TARGETS: Final = "TOTAL_TARGET_BIND_QUOTA"
OPEN_LOAD_BALANCERS: Final = "TOTAL_OPEN_CLB_QUOTA"
INTERNAL_LOAD_BALANCERS: Final = "TOTAL_INTERNAL_CLB_QUOTA"

DEFAULTS: Final[Mapping[str, int]] = {
    OPEN_LOAD_BALANCERS: 100,
    INTERNAL_LOAD_BALANCERS: 100,
    LISTENERS: 50,
    RULES: 50,
    TARGETS: 100,
    "TOTAL_SNAT_IP_QUOTA": 10,
    "TOTAL_ISP_CLB_QUOTA": 3,
    "TOTAL_FULL_PORT_RANGE_LISTENER_QUOTA": 10,
}


def quota_key(region: str, quota_id: str) -> str:
    """Return the identifier under which the store keeps a changed quota."""
    return f"{region}/{quota_id}"


def limit_of(call: Call, quota_id: str) -> int:
    """Return a quota's limit in the call's region."""
    changed = call.store.quotas.get(quota_key(call.region, quota_id))
    return changed.limit if changed else DEFAULTS[quota_id]


def check(call: Call, quota_id: str, wanted: int) -> None:
    """Refuse a total above the quota.

    Raises:
        ApiError: LimitExceeded.
    """
    limit = limit_of(call, quota_id)
    if wanted > limit:
        raise limit_exceeded(quota_id, limit)


def describe_quota(call: Call, _params: Params) -> Object:
    """DescribeQuota: the limits; only the numbers of load balancers have a present value."""
    networks = {OPEN_LOAD_BALANCERS: "OPEN", INTERNAL_LOAD_BALANCERS: "INTERNAL"}
    in_region = [one.network for one in call.store.load_balancers.all() if one.region == call.region]
    return {
        "QuotaSet": [
            {
                "QuotaId": quota_id,
                "QuotaCurrent": len([one for one in in_region if one == networks[quota_id]])
                if quota_id in networks
                else None,
                "QuotaLimit": limit_of(call, quota_id),
            }
            for quota_id in DEFAULTS
        ]
    }


ACTIONS: Final = {"DescribeQuota": Action(handler=describe_quota, kind=Kind.READ)}
