"""Which actions of which product are simulated.

Pure. Read by the HTTP front and by the runner of tasks.
"""

from collections.abc import Mapping
from typing import Final

from clb_simulator.action import Action, Kind
from clb_simulator.clb import (
    attributes,
    batch_targets,
    creation,
    domains,
    listeners,
    load_balancer_deletion,
    load_balancers,
    quota,
    replacement,
    rules,
    target_health,
    targets,
    task_status,
)
from clb_simulator.errors import ApiError
from clb_simulator.schema import is_defined
from clb_simulator.ssl import certificates, deletion
from clb_simulator.sts import identity, roles
from clb_simulator.tag import resources
from clb_simulator.vpc import addresses

ACTIONS: Final[Mapping[str, Mapping[str, Action]]] = {
    "clb": {
        **load_balancers.ACTIONS,
        **creation.ACTIONS,
        **attributes.ACTIONS,
        **load_balancer_deletion.ACTIONS,
        **replacement.ACTIONS,
        **listeners.ACTIONS,
        **domains.ACTIONS,
        **rules.ACTIONS,
        **targets.ACTIONS,
        **batch_targets.ACTIONS,
        **target_health.ACTIONS,
        **task_status.ACTIONS,
        **quota.ACTIONS,
    },
    "ssl": {**certificates.ACTIONS, **deletion.ACTIONS},
    "sts": {**identity.ACTIONS, **roles.ACTIONS},
    "tag": {**resources.ACTIONS},
    "vpc": {**addresses.ACTIONS},
}


def find_action(service: str, name: str) -> Action:
    """Return an action that clients may call.

    Raises:
        ApiError: InvalidAction, which says whether the product lacks the action or the simulator does.
    """
    action = ACTIONS[service].get(name)
    if action is not None and action.kind is not Kind.EFFECT:
        return action
    if is_defined(service, name):
        raise ApiError(
            "InvalidAction", f"The action {name} of {service} exists and clb-simulator does not simulate it."
        )
    raise ApiError("InvalidAction", f"The action {name} of {service} does not exist.")
