"""DescribeTaskStatus.

Pure over the store.
"""

from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.errors import ApiError, invalid, missing_parameter
from clb_simulator.params import Object, Params


def describe_task_status(call: Call, params: Params) -> Object:
    """DescribeTaskStatus: 0 succeeded, 1 failed, 2 running, for the RequestId of a change."""
    task_id, deal_name = params.text("TaskId"), params.text("DealName")
    if not task_id and deal_name:
        raise ApiError("UnsupportedOperation", "clb-simulator knows tasks by TaskId, not by DealName.")
    if not task_id:
        raise missing_parameter("TaskId")
    task = call.store.tasks.get(task_id)
    if task is None or task.service != "clb" or task.region != call.region:
        raise invalid(f"The task {task_id} does not exist.")
    return {
        "Status": int(task.status),
        "LoadBalancerIds": [task.load_balancer_id] if task.load_balancer_id else [],
        "Message": task.message,
    }


ACTIONS: Final = {"DescribeTaskStatus": Action(handler=describe_task_status, kind=Kind.READ)}
