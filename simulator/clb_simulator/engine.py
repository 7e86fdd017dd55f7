"""Run actions against the state: transactions, one change at a time per load balancer, tasks, data plane.

I/O: the data plane and the clock. The HTTP front calls `perform` for every admitted request; the admin
port calls the same methods for what it does.

A change that takes time is tried when it is asked for, so that a wrong request is refused at once and the
client gets its identifiers; the trial is taken back. The task keeps the request, and when it is due the
same function runs for real. So a failed task leaves no trace, and a task survives a restart.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.busy import Busy
from clb_simulator.catalog import ACTIONS
from clb_simulator.clb import access
from clb_simulator.clock import Clock
from clb_simulator.dataplane.model import DataPlane, DataPlaneError
from clb_simulator.errors import ApiError
from clb_simulator.faults import Faults
from clb_simulator.ids import FreshIds, ReplayedIds
from clb_simulator.model import Task, TaskStatus
from clb_simulator.params import Object, Params
from clb_simulator.serving import Serving
from clb_simulator.store import Change, Store
from clb_simulator.switches import Switches
from clb_simulator.tasks import prune

log: Final = logging.getLogger(__name__)


class Engine:
    """The simulated cloud at work.

    Attributes:
        task_seconds: how long a change takes.
        switches: the behaviours that are guesses; may be replaced at any time.
    """

    def __init__(
        self, *, store: Store, clock: Clock, data_plane: DataPlane, switches: Switches, task_seconds: float
    ) -> None:
        self.store = store
        self.clock = clock
        self.switches = switches
        self.task_seconds = task_seconds
        self.faults = Faults()
        self.busy = Busy()
        self._data_plane = data_plane
        self._serving = Serving(store)
        self._publishing = asyncio.Lock()
        self._runners: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Serve what the state holds and take up the tasks that a former process left."""
        await self._data_plane.start()
        await self._publish()
        for task in self.store.tasks.all():
            if task.status is TaskStatus.RUNNING:
                self._run_later(task)

    async def stop(self) -> None:
        """Leave running tasks as they are and stop serving."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        await self._data_plane.stop()

    async def perform(
        self, action: Action, name: str, params: Params, *, region: str, uin: str, request_id: str
    ) -> Object:
        """Run an action for a client and return its reply.

        Raises:
            ApiError: when the action is refused; the state is then what it was.
        """
        ids = FreshIds()
        call = self._call(region=region, uin=uin, request_id=request_id, ids=ids)
        if action.kind is Kind.READ:
            return self._read(action, call, params)
        if action.kind is Kind.WRITE:
            return self._write(action, call, params)
        owners = _owners(action, call, params)
        for owner in owners:
            self.busy.check(owner, now=call.now, switches=self.switches)
        if action.kind is Kind.BATCH:
            with self.busy.during(owners, name):
                return await self._change_now(action, call, params, owners)
        with self.store.trial():
            reply = action.handler(call, params)
            _refuse_unread(params)
        task = Task(
            task_id=request_id,
            service="clb",
            action=name,
            region=region,
            load_balancer_ids=owners,
            params=params.as_json(),
            ids=tuple(ids.taken),
            created_at=call.now,
            due_at=self._due_at(call, name),
        )
        with self.store.transaction():
            prune(self.store)
            self.store.tasks.put(task.task_id, task)
        self._run_later(task)
        return reply

    def health(self, location_id: str, address: str, port: int) -> str:
        """Return the data plane's verdict on a backend, in DescribeTargetHealth's words."""
        return self._data_plane.health(location_id, address, port)

    def _due_at(self, call: Call, name: str) -> datetime:
        ordered = self.faults.take_task_seconds(name)
        return call.task_due_at if ordered is None else call.now + timedelta(seconds=ordered)

    def change(self, effect: Callable[[Store], None]) -> None:
        """Change the state outside of any action, for the admin port."""
        with self.store.transaction():
            effect(self.store)

    async def change_and_serve(self, effect: Callable[[Store], None]) -> None:
        """Change the state outside of any action, and what is served with it."""
        self.change(effect)
        await self._publish()

    def _read(self, action: Action, call: Call, params: Params) -> Object:
        if not self.switches.early_visibility:
            reply = action.handler(call, params)
        else:
            with self.store.trial():
                self._show_running_tasks()
                reply = action.handler(call, params)
        _refuse_unread(params)
        return reply

    def _show_running_tasks(self) -> None:
        for task in self.store.tasks.all():
            if task.status is TaskStatus.RUNNING:
                with suppress(ApiError):
                    self._carry_out(task)

    def _write(self, action: Action, call: Call, params: Params) -> Object:
        with self.store.transaction() as change:
            reply = action.handler(call, params)
            _refuse_unread(params)
            prune(self.store)
        for table, key in change.former:
            begun = self.store.tasks.get(key) if table == self.store.tasks.name else None
            if begun is not None and begun.status is TaskStatus.RUNNING:
                self._run_later(begun)
        return reply

    async def _change_now(
        self, action: Action, call: Call, params: Params, owners: tuple[str, ...]
    ) -> Object:
        with self.store.provisional() as change:
            reply = action.handler(call, params)
            _refuse_unread(params)
        await self._publish_or_revert(change)
        self.store.persist(change)
        self._hold_tail(owners)
        return reply

    def _run_later(self, task: Task) -> None:
        self.busy.begin(task.load_balancer_ids, ACTIONS[task.service][task.action].job or task.action)
        runner = asyncio.create_task(self._run(task), name=f"task {task.task_id}")
        self._runners.add(runner)
        runner.add_done_callback(self._runners.discard)

    async def _run(self, task: Task) -> None:
        remaining = (task.due_at - self.clock.now()).total_seconds()
        await self.clock.sleep(max(0.0, remaining))
        try:
            await self._finish(task)
        except Exception:
            log.exception("a task broke off", extra={"task_id": task.task_id, "action": task.action})
            self._fail(task, "InternalError", "clb-simulator failed; see its log.")
        finally:
            self.busy.end(task.load_balancer_ids)
            self._hold_tail(task.load_balancer_ids)

    async def _finish(self, task: Task) -> None:
        # An effect is named after the action that asked for it.
        ordered_failure = self.faults.take_task_failure(task.action.partition("#")[0])
        if ordered_failure is not None:
            self._fail(task, "FailedOperation", ordered_failure)
            return
        try:
            with self.store.provisional() as change:
                self._carry_out(task)
            if task.load_balancer_ids:
                await self._publish_or_revert(change)
        except ApiError as error:
            self._fail(task, error.code, error.message)
            return
        with self.store.transaction(change):
            self.store.tasks.put(task.task_id, replace(task, status=TaskStatus.SUCCEEDED))

    def _carry_out(self, task: Task) -> None:
        call = self._call(region=task.region, uin="", request_id=task.task_id, ids=ReplayedIds(task.ids))
        handler = ACTIONS[task.service][task.action].handler
        handler(replace(call, now=task.created_at), Params.from_json(task.params))

    def _fail(self, task: Task, code: str, message: str) -> None:
        with self.store.transaction():
            failed = replace(task, status=TaskStatus.FAILED, code=code, message=message)
            self.store.tasks.put(task.task_id, failed)

    async def _publish_or_revert(self, change: Change) -> None:
        try:
            await self._publish()
        except DataPlaneError as error:
            self.store.revert(change)
            raise ApiError("FailedOperation", f"The change cannot be served: {error}") from error
        except BaseException:
            self.store.revert(change)
            raise

    async def _publish(self) -> None:
        async with self._publishing:
            await self._data_plane.apply(self._serving.listeners())

    def _hold_tail(self, load_balancer_ids: tuple[str, ...]) -> None:
        tail = self.switches.busy_tail_seconds
        if tail > 0:
            for load_balancer_id in load_balancer_ids:
                self.busy.hold(load_balancer_id, self.clock.now() + timedelta(seconds=tail))

    def _call(self, *, region: str, uin: str, request_id: str, ids: FreshIds | ReplayedIds) -> Call:
        now = self.clock.now()
        return Call(
            store=self.store,
            region=region,
            uin=uin,
            request_id=request_id,
            now=now,
            task_due_at=now + timedelta(seconds=self.task_seconds),
            ids=ids,
            switches=self.switches,
            health=self._data_plane.health,
        )


def _owners(action: Action, call: Call, params: Params) -> tuple[str, ...]:
    if action.owners is not None:
        return action.owners(call, params)
    return (access.load_balancer(call, params).load_balancer_id,)


def _refuse_unread(params: Params) -> None:
    unread = list(params.unread())
    if unread:
        named = ", ".join(f"`{path}`" for path in unread)
        raise ApiError(
            "UnsupportedOperation", f"clb-simulator does not simulate the parameters {named} here."
        )
