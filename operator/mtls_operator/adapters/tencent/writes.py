"""Changes to load balancers: one at a time for each, and done when the cloud says so.

CLB makes one change at a time per load balancer and refuses others meanwhile (code
FailedOperation.ResourceInOperating). Our own changes queue here; those of other controllers are
waited out. A write's RequestId is the id of its task (API: DescribeTaskStatus).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mtls_operator import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.api.model import Json
    from mtls_operator.core.cloud import LoadBalancer, LoadBalancerId

_FIRST_POLL_SECONDS: Final = 0.1
_LONGEST_POLL_SECONDS: Final = 2.0
_TASK_PATIENCE_SECONDS: Final = 120.0
_FIRST_BUSY_PAUSE_SECONDS: Final = 0.5
_LONGEST_BUSY_PAUSE_SECONDS: Final = 5.0
_BUSY_PATIENCE_SECONDS: Final = 60.0
_SUCCEEDED: Final = 0
_FAILED: Final = 1


class LoadBalancerWrites:
    """Sends changes, each when the one before it on the same load balancer is done."""

    def __init__(self, api: CloudApi) -> None:
        self._api = api
        self._locks: dict[tuple[str, LoadBalancerId], asyncio.Lock] = {}

    async def change(
        self, balancer: LoadBalancer, action: str, params: Mapping[str, Json]
    ) -> Mapping[str, object]:
        """Make a change and return its reply once its task has succeeded.

        Raises:
            TaskFailed: the cloud gave up; nothing changed.
            ReplyLost: it may have happened: observe before repeating.
        """
        async with self._lock(balancer):
            reply = await self._when_idle(balancer, action, params)
            await self._finish(balancer, action, str(reply.get("RequestId") or ""))
            return reply

    async def change_at_once(
        self, balancer: LoadBalancer, action: str, params: Mapping[str, Json]
    ) -> Mapping[str, object]:
        """Make a change of a kind that has no task: the batch actions."""
        async with self._lock(balancer):
            return await self._when_idle(balancer, action, params)

    def _lock(self, balancer: LoadBalancer) -> asyncio.Lock:
        return self._locks.setdefault((balancer.region, balancer.id), asyncio.Lock())

    async def _when_idle(
        self, balancer: LoadBalancer, action: str, params: Mapping[str, Json]
    ) -> Mapping[str, object]:
        body: Json = {"LoadBalancerId": balancer.id, **params}
        pause, patience = _FIRST_BUSY_PAUSE_SECONDS, _BUSY_PATIENCE_SECONDS
        while True:
            try:
                return await self._api.write("clb", balancer.region, action, body)
            except errors.Busy:
                if patience <= 0:
                    raise
            await asyncio.sleep(pause)
            patience -= pause
            pause = min(pause * 2, _LONGEST_BUSY_PAUSE_SECONDS)

    async def _finish(self, balancer: LoadBalancer, action: str, task: str) -> None:
        pause, patience = _FIRST_POLL_SECONDS, _TASK_PATIENCE_SECONDS
        while patience > 0:
            await asyncio.sleep(pause)
            patience -= pause
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
            reply = await self._api.read("clb", balancer.region, "DescribeTaskStatus", {"TaskId": task})
            status = reply.get("Status")
            if status == _SUCCEEDED:
                return
            if status == _FAILED:
                message = str(reply.get("Message") or "the cloud gave no reason")
                raise errors.TaskFailed(action, "TaskFailed", message, task)
        raise errors.Unavailable(action, "TaskRunning", "the cloud is still making the change", task)
