"""Read a HealthCheck with its ranges and defaults.

Pure. Used by `listeners` and `rules`. Ranges are those of the API's HealthCheck structure.
"""

import re
from dataclasses import replace
from typing import Final

from clb_simulator.errors import invalid, invalid_value
from clb_simulator.model import HealthCheck
from clb_simulator.params import Params

_RANGES: Final = {
    "TimeOut": (2, 60),
    "IntervalTime": (2, 300),
    "HealthNum": (2, 10),
    "UnHealthNum": (2, 10),
    "HttpCode": (1, 31),
}
_PATH: Final = re.compile(r"/[!-~]{0,199}")
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,120}")
_LAYER_7_TYPES: Final = ("HTTP", "HTTPS", "GRPC")


def default_for_rule(forward_type: str, domain: str) -> HealthCheck:
    """Return the health check that a new rule gets when the request has none."""
    is_plain = not domain.startswith("~") and "*" not in domain
    check_type = forward_type.removesuffix("S") if forward_type == "GRPCS" else forward_type
    return HealthCheck(check_type=check_type, domain=domain if is_plain else None)


def default_for_layer_4(protocol: str) -> HealthCheck:
    """Return the health check that a new layer-4 listener gets when the request has none."""
    check_type = "PING" if protocol in ("UDP", "QUIC") else "TCP"
    return HealthCheck(check_type=check_type, path=None, method=None, codes_mask=None)


def read(params: Params | None, base: HealthCheck) -> HealthCheck:
    """Return `base` with what the request asks for.

    Raises:
        ApiError: InvalidParameterValue for a value outside its range, InvalidParameter when TimeOut is not
            below IntervalTime.
    """
    if params is None:
        return base
    switch = params.integer("HealthSwitch")
    if switch not in (None, 0, 1):
        raise invalid_value(params.path("HealthSwitch"), "0 or 1 is expected.")
    check = replace(
        base,
        enabled=base.enabled if switch is None else switch == 1,
        timeout=_ranged(params, "TimeOut", base.timeout),
        interval=_ranged(params, "IntervalTime", base.interval),
        healthy_threshold=_ranged(params, "HealthNum", base.healthy_threshold),
        unhealthy_threshold=_ranged(params, "UnHealthNum", base.unhealthy_threshold),
        source_ip_type=_or(params.integer("SourceIpType"), base.source_ip_type),
    )
    if check.timeout >= check.interval:
        raise invalid(f"`{params.path('TimeOut')}` must be below `{params.path('IntervalTime')}`.")
    check_port = params.integer("CheckPort")
    check_port = None if check_port == -1 else check_port
    return _read_http(params, replace(check, check_port=check_port))


def _read_http(params: Params, check: HealthCheck) -> HealthCheck:
    check_type = params.text("CheckType") or check.check_type
    if check.check_type in _LAYER_7_TYPES and check_type not in _LAYER_7_TYPES:
        raise invalid_value(params.path("CheckType"), "HTTP, HTTPS or GRPC is expected.")
    method = params.text("HttpCheckMethod")
    if method is not None and method.upper() not in ("HEAD", "GET"):
        raise invalid_value(params.path("HttpCheckMethod"), "HEAD or GET is expected.")
    path = params.text("HttpCheckPath")
    if path is not None and not _PATH.fullmatch(path):
        raise invalid_value(params.path("HttpCheckPath"), "a slash and no blanks are expected.")
    domain = params.text("HttpCheckDomain") or check.domain
    if domain is not None and not _HOST.fullmatch(domain):
        raise invalid_value(params.path("HttpCheckDomain"), "letters, digits, '-' and '.' are expected.")
    mask = params.integer("HttpCode")
    return replace(
        check,
        check_type=check_type,
        method=method.upper() if method else check.method,
        path=path or check.path,
        domain=domain,
        codes_mask=check.codes_mask if mask is None else _ranged(params, "HttpCode", mask),
    )


def _ranged(params: Params, name: str, default: int) -> int:
    value = _or(params.integer(name), default)
    low, high = _RANGES[name]
    if not low <= value <= high:
        raise invalid_value(params.path(name), f"{low} to {high} is expected.")
    return value


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
