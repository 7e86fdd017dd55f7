"""DescribeTaskStatus and DescribeAsyncJobs.

Pure over the store.
"""

from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.errors import invalid, invalid_value, missing_parameter, too_long
from clb_simulator.model import Task, TaskStatus
from clb_simulator.params import Json, Object, Params

_JOB_STATUS: Final = {
    TaskStatus.RUNNING: "Processing",
    TaskStatus.SUCCEEDED: "Succeeded",
    TaskStatus.FAILED: "Failed",
}
_MAX_RESULTS: Final = 100
_DEFAULT_RESULTS: Final = 20


def describe_task_status(call: Call, params: Params) -> Object:
    """DescribeTaskStatus: 0 succeeded, 1 failed, 2 running, for the RequestId or order name of a change."""
    task_id, deal_name = params.text("TaskId"), params.text("DealName")
    if not task_id and not deal_name:
        raise missing_parameter("TaskId")
    task = call.store.tasks.get(task_id) if task_id else _by_deal_name(call, deal_name)
    if task is None or not _is_visible(call, task):
        raise invalid(f"The task {task_id or deal_name} does not exist.")
    named: list[Json] = list(task.load_balancer_ids)
    return {"Status": int(task.status), "LoadBalancerIds": named, "Message": task.message}


def describe_async_jobs(call: Call, params: Params) -> Object:
    """DescribeAsyncJobs: the tasks with these RequestIds, or all of the region, newest first, in pages."""
    asked = params.integer("MaxResults")
    size = _DEFAULT_RESULTS if asked is None else asked
    if not 1 <= size <= _MAX_RESULTS:
        raise invalid_value("MaxResults", f"1 to {_MAX_RESULTS} is expected.")
    wanted = params.texts("RequestIds")
    if len(wanted) > _MAX_RESULTS:
        raise too_long("RequestIds", _MAX_RESULTS + 1)
    start = _start(params.text("NextToken"))
    found = [
        one
        for one in call.store.tasks.all()
        if _is_visible(call, one) and (not wanted or one.task_id in wanted)
    ]
    found.reverse()
    following = start + size
    jobs: list[Json] = [_render(one) for one in found[start:following]]
    return {
        "Jobs": jobs,
        "NextToken": str(following) if following < len(found) else "",
        "MaxResults": size,
        "TotalCount": len(found),
    }


def _is_visible(call: Call, task: Task) -> bool:
    return task.service == "clb" and task.region == call.region


def _by_deal_name(call: Call, deal_name: str | None) -> Task | None:
    return next((one for one in call.store.tasks.all() if one.deal_name == deal_name), None)


def _start(token: str | None) -> int:
    if not token:
        return 0
    if not (token.isascii() and token.isdigit()):
        raise invalid_value("NextToken", "a token of an earlier reply is expected.")
    return int(token)


def _render(task: Task) -> Object:
    resources: list[Json] = list(task.load_balancer_ids)
    return {
        # An effect is named after the action that asked for it.
        "ApiName": task.action.partition("#")[0],
        "RequestId": task.task_id,
        "Status": _JOB_STATUS[task.status],
        "ResourceIds": resources,
    }


ACTIONS: Final = {
    "DescribeTaskStatus": Action(handler=describe_task_status, kind=Kind.READ),
    "DescribeAsyncJobs": Action(handler=describe_async_jobs, kind=Kind.READ),
}
