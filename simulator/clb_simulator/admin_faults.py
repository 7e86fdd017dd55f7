"""The admin port's part about what goes wrong: faults, and somebody else's changes.

I/O: aiohttp. Its routes are served by `admin`.
"""

from dataclasses import dataclass

from aiohttp import web

from clb_simulator.admin_requests import AdminError, Answer, json_object, read_body, validated
from clb_simulator.engine import Engine
from clb_simulator.fault_kinds import FAULT, Deed, FailedTask
from clb_simulator.foreign import ForeignActor
from clb_simulator.foreign_deeds import ForeignCall, plan_deed
from clb_simulator.params import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class _TaskFailure:
    action: str
    message: str
    remaining: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewDeed:
    deed: Deed
    target: str | None = None
    seed: int = 0


class FaultAdmin:
    """Answers what the admin port is asked about faults."""

    def __init__(self, engine: Engine, foreign: ForeignActor) -> None:
        self._engine = engine
        self._foreign = foreign

    def routes(self) -> tuple[tuple[str, str, Answer], ...]:
        """Return method, path and handler of each."""
        return (
            ("GET", "/faults", self._list),
            ("POST", "/faults", self._order),
            ("POST", "/faults/failed-task", self._order_failed_task),
            ("DELETE", "/faults", self._clear),
            ("DELETE", "/faults/{id}", self._take_back),
            ("POST", "/foreign/calls", self._make_foreign_call),
            ("POST", "/foreign/deeds", self._do_foreign_deed),
        )

    async def _list(self, _request: web.Request) -> Object:
        return {"faults": [*self._engine.faults.describe()]}

    async def _order(self, request: web.Request) -> Object:
        fault = validated(await json_object(request), FAULT)
        return {"id": self._engine.faults.add(fault)}

    async def _order_failed_task(self, request: web.Request) -> Object:
        wanted = await read_body(request, _TaskFailure)
        fault = FailedTask(
            kind="failed-task", action=wanted.action, message=wanted.message, count=wanted.remaining
        )
        return {"id": self._engine.faults.add(fault)}

    async def _clear(self, _request: web.Request) -> Object:
        self._engine.faults.clear()
        return {}

    async def _take_back(self, request: web.Request) -> Object:
        number = request.match_info["id"]
        if not number.isdigit() or not self._engine.faults.remove(int(number)):
            raise AdminError(f"There is no fault {number}.")
        return {}

    async def _make_foreign_call(self, request: web.Request) -> Object:
        return await self._foreign.call(await read_body(request, ForeignCall))

    async def _do_foreign_deed(self, request: web.Request) -> Object:
        wanted = await read_body(request, _NewDeed)
        call = plan_deed(self._engine.store, wanted.deed, target=wanted.target, seed=wanted.seed)
        if call is None:
            raise AdminError(f"There is nothing to {wanted.deed.replace('-', ' ')}.")
        reply = await self._foreign.call(call)
        return {"target": call.target, "action": call.action, "reply": reply}
