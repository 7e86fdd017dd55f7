"""Change the targets of a rule or a layer-4 listener.

Pure over the store. A target is known by its instance or address, and its port; the weight is a property
of it. Used by `targets` (one place per call) and `batch_targets` (many).
"""

import ipaddress
from dataclasses import dataclass, replace
from typing import Final

from clb_simulator.action import Call
from clb_simulator.clb import access, quota
from clb_simulator.errors import ApiError, invalid, invalid_value
from clb_simulator.model import Listener, Rule, Target
from clb_simulator.params import Params

DEFAULT_WEIGHT: Final = 10
MAX_WEIGHT: Final = 100
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Place:
    """Where targets are bound: a rule, or a layer-4 listener without one."""

    listener: Listener
    rule: Rule | None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that are bound here."""
        return self.rule.targets if self.rule else self.listener.targets


def place(call: Call, listener: Listener, params: Params) -> Place:
    """Return where a request's targets go.

    Raises:
        ApiError: InvalidParameter.LocationNotFound, or InvalidParameter when an L7 listener lacks a rule.
    """
    if listener.protocol in access.LAYER_7:
        return Place(listener, access.rule(call, listener.listener_id, params))
    return Place(listener, None)


def read_weight(params: Params) -> int | None:
    """Return the field Weight, or None when it is absent.

    Raises:
        ApiError: InvalidParameterValue outside 0 to 100.
    """
    weight = params.integer("Weight")
    if weight is not None and not 0 <= weight <= MAX_WEIGHT:
        raise invalid_value(params.path("Weight"), f"0 to {MAX_WEIGHT} is expected.")
    return weight


def read_key(params: Params) -> tuple[str, int]:
    """Return what names a target: its instance or address, and its port.

    Raises:
        ApiError: InvalidParameter without exactly one of the two, InvalidParameterValue for a bad port.
    """
    port = params.required_integer("Port")
    if not 1 <= port <= _MAX_PORT:
        raise invalid_value(params.path("Port"), f"1 to {_MAX_PORT} is expected.")
    instance_id, address = params.text("InstanceId"), params.text("EniIp")
    params.ignore("Type")  # Documented as output only.
    if bool(instance_id) == bool(address):
        raise invalid(f"`{params.path('InstanceId')}` and `{params.path('EniIp')}`: exactly one is expected.")
    return (instance_id or address or "", port)


def read_target(call: Call, owner_vpc: str, params: Params) -> Target:
    """Return a new target.

    Raises:
        ApiError: InvalidParameter for an instance that does not exist or is in another VPC.
    """
    identity, port = read_key(params)
    weight = read_weight(params)
    has_instance = bool(params.text("InstanceId"))
    return Target(
        port=port,
        weight=DEFAULT_WEIGHT if weight is None else weight,
        instance_id=identity if has_instance else None,
        address=_instance_address(call, owner_vpc, identity) if has_instance else _address(identity),
        registered_at=call.now,
        tag=params.text("Tag"),
    )


def register(call: Call, where: Place, targets: list[Target]) -> None:
    """Bind targets.

    Raises:
        ApiError: InvalidParameterValue.Duplicate for a repeated target, LimitExceeded above the quota.
    """
    present = {one.key: one for one in where.targets}
    added = {one.key: one for one in targets}
    if len(added) != len(targets):
        raise ApiError("InvalidParameterValue.Duplicate", "Targets names a target twice.")
    repeated = present.keys() & added.keys()
    if repeated and call.switches.register_existing_target == "duplicate":
        raise ApiError("InvalidParameterValue.Duplicate", f"Targets {sorted(repeated)} are bound already.")
    merged = {**added, **present}
    quota.check(call, quota.TARGETS, len(merged))
    ordered = [*where.targets, *(one for one in targets if one.key not in present)]
    _write(call, where, tuple(ordered))


def deregister(call: Call, where: Place, keys: list[tuple[str, int]]) -> None:
    """Unbind targets.

    Raises:
        ApiError: InvalidParameter when one of them is not bound here; then none is unbound.
    """
    _require(where, keys)
    _write(call, where, tuple(one for one in where.targets if one.key not in keys))


def set_weights(call: Call, where: Place, weights: dict[tuple[str, int], int]) -> None:
    """Change the weights of bound targets.

    Raises:
        ApiError: InvalidParameter when one of them is not bound here.
    """
    _require(where, list(weights))
    changed = tuple(replace(one, weight=weights.get(one.key, one.weight)) for one in where.targets)
    _write(call, where, changed)


def _require(where: Place, keys: list[tuple[str, int]]) -> None:
    absent = [
        f"{identity}:{port}"
        for identity, port in keys
        if (identity, port) not in {t.key for t in where.targets}
    ]
    if absent:
        spot = where.rule.location_id if where.rule else where.listener.listener_id
        raise invalid(f"Targets {', '.join(absent)} are not bound to {spot}.")


def _write(call: Call, where: Place, targets: tuple[Target, ...]) -> None:
    if where.rule is not None:
        call.store.rules.put(where.rule.location_id, replace(where.rule, targets=targets))
    else:
        call.store.listeners.put(where.listener.listener_id, replace(where.listener, targets=targets))


def _instance_address(call: Call, owner_vpc: str, instance_id: str) -> str:
    instance = call.store.instances.get(instance_id)
    if instance is None:
        raise invalid(f"The instance {instance_id} does not exist.")
    if instance.vpc_id != owner_vpc:
        raise invalid(
            f"The instance {instance_id} is in {instance.vpc_id}, the load balancer in {owner_vpc}."
        )
    return instance.private_ip


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise invalid_value("EniIp", f"{text} is not an IP address.") from None
