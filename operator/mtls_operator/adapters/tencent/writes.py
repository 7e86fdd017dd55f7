"""Changes to load balancers: one at a time for each, and done when the cloud says so.

CLB makes one change at a time per load balancer and refuses others meanwhile (code
FailedOperation.ResourceInOperating). Our own changes queue here, the urgent first; those of other
controllers are waited out, and so is the while for which a load balancer stays busy after a large
batch. A write's RequestId is the id of its task (API: DescribeTaskStatus).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator import errors
from mtls_operator.adapters.tencent.lane_lock import LaneLock
from mtls_operator.core.lanes import lane_under_way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.api.model import Json
    from mtls_operator.core.cloud import LoadBalancer, LoadBalancerId

_SUCCEEDED: Final = 0
_FAILED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How often something is asked again, and for how long; in seconds."""

    first: float
    longest: float
    growth: float
    patience: float

    def __iter__(self) -> Iterator[float]:
        """Yield pauses that grow until the patience is used up."""
        pause, left = self.first, self.patience
        while left > 0:
            yield pause
            left -= pause
            pause = min(pause * self.growth, self.longest)


TASK_POLLS: Final = Pauses(first=0.1, longest=2.0, growth=1.5, patience=120.0)
BUSY_POLLS: Final = Pauses(first=0.5, longest=5.0, growth=2.0, patience=60.0)


class LoadBalancerWrites:
    """Sends changes, each when the one before it on the same load balancer is done."""

    def __init__(self, api: CloudApi, *, tasks: Pauses = TASK_POLLS, busy: Pauses = BUSY_POLLS) -> None:
        """Take the cloud, and how to wait for a task and for a busy load balancer."""
        self._api = api
        self._tasks = tasks
        self._busy = busy
        self._locks: dict[tuple[str, LoadBalancerId], LaneLock] = {}

    async def change(
        self, balancer: LoadBalancer, action: str, params: Mapping[str, Json]
    ) -> Mapping[str, object]:
        """Make a change and return its reply once its task has succeeded.

        Raises:
            TaskFailed: the cloud gave up; nothing changed.
            ReplyLost: it may have happened: observe before repeating.
        """
        async with self._lock(balancer).held(lane_under_way()):
            reply = await self._when_idle(balancer, action, params)
            await self._finish(balancer, action, str(reply.get("RequestId") or ""))
            return reply

    async def change_at_once(
        self, balancer: LoadBalancer, action: str, params: Mapping[str, Json]
    ) -> Mapping[str, object]:
        """Make a change of a kind that has no task: the batch actions."""
        async with self._lock(balancer).held(lane_under_way()):
            return await self._when_idle(balancer, action, params)

    def _lock(self, balancer: LoadBalancer) -> LaneLock:
        return self._locks.setdefault((balancer.region, balancer.id), LaneLock())

    async def _when_idle(
        self, balancer: LoadBalancer, action: str, params: Mapping[str, Json]
    ) -> Mapping[str, object]:
        body: Json = {"LoadBalancerId": balancer.id, **params}
        for pause in self._busy:
            try:
                return await self._api.write("clb", balancer.region, action, body)
            except errors.Busy:
                await asyncio.sleep(pause)
        return await self._api.write("clb", balancer.region, action, body)

    async def _finish(self, balancer: LoadBalancer, action: str, task: str) -> None:
        for pause in self._tasks:
            await asyncio.sleep(pause)
            reply = await self._status(balancer, action, task)
            status = reply.get("Status")
            if status == _SUCCEEDED:
                return
            if status == _FAILED:
                message = str(reply.get("Message") or "the cloud gave no reason")
                raise errors.TaskFailed(action, "TaskFailed", message, task)
        raise errors.Unavailable(action, "TaskRunning", "the cloud is still making the change", task)

    async def _status(self, balancer: LoadBalancer, action: str, task: str) -> Mapping[str, object]:
        """Ask once how a task is; nothing when there is no answer: the change goes on all the same."""
        try:
            return await self._api.read("clb", balancer.region, "DescribeTaskStatus", {"TaskId": task})
        except (errors.Unavailable, errors.Throttled):
            return {}
        except (errors.InvalidRequest, errors.CloudNotFound):
            # Nobody has done anything wrong: whether it was made is seen at the next look.
            raise errors.ReplyLost(action, "TaskUnknown", "the cloud forgot the task", task) from None
