"""What describes a load balancer itself: its name and how its traffic is charged.

Pure. Used by the creation and the modification of load balancers.
"""

from dataclasses import dataclass
from typing import Final

from clb_simulator.errors import invalid_value
from clb_simulator.params import Params

_CHARGE_TYPES: Final = (
    "TRAFFIC_POSTPAID_BY_HOUR",
    "BANDWIDTH_POSTPAID_BY_HOUR",
    "BANDWIDTH_PACKAGE",
    "BANDWIDTH_PREPAID",
)
_MAX_BANDWIDTH: Final = 61440
_MAX_NAME: Final = 80
_LAST_OF_BASIC_PLANE: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class NetworkCharge:
    """How traffic is charged, with the documented defaults; the bandwidth is in Mbit/s."""

    type: str = "TRAFFIC_POSTPAID_BY_HOUR"
    bandwidth_mbps: int = 10


def read_charge(params: Params | None, base: NetworkCharge) -> NetworkCharge:
    """Return `base` with what an InternetAccessible asks for.

    Raises:
        ApiError: InvalidParameterValue.
    """
    if params is None:
        return base
    kind = params.text("InternetChargeType") or base.type
    if kind not in _CHARGE_TYPES:
        raise invalid_value(params.path("InternetChargeType"), f"one of {', '.join(_CHARGE_TYPES)}.")
    asked = params.integer("InternetMaxBandwidthOut")
    bandwidth = base.bandwidth_mbps if asked is None else asked
    if not 1 <= bandwidth <= _MAX_BANDWIDTH:
        raise invalid_value(params.path("InternetMaxBandwidthOut"), f"1 to {_MAX_BANDWIDTH} is expected.")
    return NetworkCharge(kind, bandwidth)


def check_name(name: str) -> str:
    """Return a load balancer's name.

    Raises:
        ApiError: InvalidParameterValue.
    """
    if not 1 <= len(name) <= _MAX_NAME or any(ord(letter) > _LAST_OF_BASIC_PLANE for letter in name):
        raise invalid_value("LoadBalancerName", f"1 to {_MAX_NAME} characters of the basic plane.")
    return name
