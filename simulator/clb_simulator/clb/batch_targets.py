"""BatchRegisterTargets and BatchDeregisterTargets: synchronous, and they may succeed in part.

Pure over the store. A listener whose targets cannot be bound or unbound as asked is named in
FailListenerIdSet and keeps what it had; the others change. The reply has no Error then.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access, binding_targets
from clb_simulator.errors import ApiError, invalid, missing_parameter, too_long
from clb_simulator.model import LoadBalancer
from clb_simulator.params import Json, Object, Params

_TOTAL: Final = 500
_Apply: TypeAlias = Callable[[Call, LoadBalancer, binding_targets.Place, list[Params]], None]
_Groups: TypeAlias = dict[tuple[str, str | None], list[Params]]


def batch_register_targets(call: Call, params: Params) -> Object:
    """BatchRegisterTargets: bind targets to many rules at once."""
    return _batch(call, params, _register)


def batch_deregister_targets(call: Call, params: Params) -> Object:
    """BatchDeregisterTargets: unbind targets from many rules at once."""
    return _batch(call, params, _deregister)


def _batch(call: Call, params: Params, apply: _Apply) -> Object:
    owner = access.load_balancer(call, params)
    groups = _groups(params)
    for key in groups:
        # A listener or rule that does not exist refuses the call as a whole.
        _place(call, owner, *key)
    failures: dict[str, str] = {}
    for key, targets in groups.items():
        try:
            apply(call, owner, _place(call, owner, *key), targets)
        except ApiError as error:
            failures.setdefault(key[0], error.message)
    failed: list[Json] = list(failures)
    return {"FailListenerIdSet": failed, "Message": "; ".join(failures.values())}


def _groups(params: Params) -> _Groups:
    targets = params.parts("Targets")
    if not targets:
        raise missing_parameter("Targets")
    if len(targets) > _TOTAL:
        raise too_long("Targets", _TOTAL + 1)
    groups: _Groups = {}
    for one in targets:
        key = (one.required_text("ListenerId"), one.text("LocationId"))
        binding_targets.read_key(one)
        binding_targets.read_weight(one)
        one.text("Tag")
        groups.setdefault(key, []).append(one)
    return groups


def _place(
    call: Call, owner: LoadBalancer, listener_id: str, location_id: str | None
) -> binding_targets.Place:
    listener = access.listener_of(call, owner.load_balancer_id, listener_id)
    if listener.protocol not in access.LAYER_7:
        return binding_targets.Place(listener, None)
    if location_id is None:
        raise invalid(f"LocationId is required: {listener_id} is an HTTP/HTTPS listener.")
    return binding_targets.Place(listener, access.rule_by_id(call, listener_id, location_id))


def _register(call: Call, owner: LoadBalancer, where: binding_targets.Place, targets: list[Params]) -> None:
    bound = [binding_targets.read_target(call, owner.targets_vpc_id, one) for one in targets]
    binding_targets.register(call, where, bound)


def _deregister(
    call: Call, _owner: LoadBalancer, where: binding_targets.Place, targets: list[Params]
) -> None:
    binding_targets.deregister(call, where, [binding_targets.read_key(one) for one in targets])


ACTIONS: Final = {
    "BatchRegisterTargets": Action(handler=batch_register_targets, kind=Kind.BATCH),
    "BatchDeregisterTargets": Action(handler=batch_deregister_targets, kind=Kind.BATCH),
}
