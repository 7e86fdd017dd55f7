"""DeleteLoadBalancer with its guard rails.

Pure over the store; `engine` decides when a change happens.
"""

from datetime import timedelta
from itertools import takewhile
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access, removal
from clb_simulator.errors import ApiError, load_balancer_not_found, missing_parameter, too_long
from clb_simulator.model import LoadBalancer, Task, TaskStatus
from clb_simulator.params import Object, Params
from clb_simulator.tag.names import load_balancer_resource

_ACTION: Final = "DeleteLoadBalancer"
_IDS: Final = 20
_RISKY_TARGETS: Final = 20
_RISKY_DELETIONS: Final = 30
_DELETIONS_SPAN: Final = timedelta(minutes=5)


def delete_load_balancer(call: Call, params: Params) -> Object:
    """DeleteLoadBalancer: all of those named or none, with their listeners, rules and bindings."""
    leaving = [_find(call, identifier) for identifier in _identifiers(params)]
    is_forced = bool(params.flag("ForceDelete"))
    for one in leaving:
        _check_deletable(call, one, is_forced=is_forced)
    _check_frequency(call, len(leaving))
    for one in leaving:
        _remove(call, one)
    return {}


def _identifiers(params: Params) -> tuple[str, ...]:
    identifiers = tuple(dict.fromkeys(params.texts("LoadBalancerIds")))
    if not identifiers:
        raise missing_parameter("LoadBalancerIds")
    if len(identifiers) > _IDS:
        raise too_long("LoadBalancerIds", _IDS + 1)
    return identifiers


def _owners(call: Call, params: Params) -> tuple[str, ...]:
    return tuple(_find(call, identifier).load_balancer_id for identifier in _identifiers(params))


def _find(call: Call, identifier: str) -> LoadBalancer:
    found = call.store.load_balancers.get(identifier)
    if found is None or found.region != call.region:
        raise load_balancer_not_found(identifier)
    return found


def _check_deletable(call: Call, one: LoadBalancer, *, is_forced: bool) -> None:
    if one.delete_protect:
        raise ApiError("FailedOperation", f"{one.load_balancer_id} is protected from deletion.")
    targets = access.target_count(call, one.load_balancer_id)
    if targets >= _RISKY_TARGETS and not is_forced:
        raise ApiError(
            "FailedOperation.TargetNumCheckRisk",
            f"{one.load_balancer_id} has {targets} targets; ForceDelete is needed from {_RISKY_TARGETS} on.",
        )


def _check_frequency(call: Call, wanted: int) -> None:
    # Documented: ForceDelete helps against the other risks, and not against this one.
    since = call.now - _DELETIONS_SPAN
    before = takewhile(lambda task: task.task_id != call.request_id, call.store.tasks.all())
    recent = sum(
        len(task.load_balancer_ids) for task in before if _is_deletion(task, call) and task.created_at > since
    )
    if recent + wanted >= _RISKY_DELETIONS:
        raise ApiError(
            "FailedOperation.FrequencyCheckRisk",
            f"{_RISKY_DELETIONS} load balancers or more would be deleted in this region within five minutes.",
        )


def _is_deletion(task: Task, call: Call) -> bool:
    return task.action == _ACTION and task.region == call.region and task.status is not TaskStatus.FAILED


def _remove(call: Call, one: LoadBalancer) -> None:
    for listener in access.listeners_of(call, one.load_balancer_id):
        removal.remove_listener(call, listener)
    resource = load_balancer_resource(one.region, one.load_balancer_id)
    if call.store.tags.get(resource) is not None:
        call.store.tags.remove(resource)
    call.store.load_balancers.remove(one.load_balancer_id)


ACTIONS: Final = {
    _ACTION: Action(handler=delete_load_balancer, kind=Kind.CHANGE, job="DeleteQLB", owners=_owners),
}
