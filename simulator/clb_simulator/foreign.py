"""Somebody else with another key of the account: calls the same actions as any client, past the wire.

Used by the admin port and by the fault `foreign`. What it does is in the log of calls under its own key id.
A load balancer that is busy makes it wait, as it would a person at the console.
"""

import asyncio
from typing import Final

from clb_simulator.action import Action, Kind
from clb_simulator.calls import CallLog
from clb_simulator.catalog import find_action
from clb_simulator.engine import Engine
from clb_simulator.envelope import new_request_id
from clb_simulator.errors import RESOURCE_IN_OPERATING, ApiError
from clb_simulator.foreign_deeds import ForeignCall, plan_deed
from clb_simulator.params import Object
from clb_simulator.schema import PRODUCTS, check_request, fill_reply

FOREIGN_KEY_ID: Final = "AKIDsomebodyelse"
_POLL_SECONDS: Final = 0.05
_ATTEMPTS: Final = 1200


class ForeignActor:
    """Makes calls in somebody else's name."""

    def __init__(self, engine: Engine, calls: CallLog, uin: str) -> None:
        self._engine = engine
        self._uin = uin
        self._calls = calls
        self._waiting: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Give up what still waits for a busy load balancer."""
        for one in self._waiting:
            one.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def do(self, deed: str, *, target: str | None, seed: int) -> None:
        """Do a deed now, or as soon as the load balancer is not busy; nothing when there is no target."""
        call = plan_deed(self._engine.store, deed, target=target, seed=seed)
        if call is None or await self._attempt(call):
            return
        waiting = asyncio.create_task(self._insist(call))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def call(self, call: ForeignCall) -> Object:
        """Make one call and return its reply.

        Raises:
            ApiError: as a client would get it.
        """
        request_id = new_request_id()
        error: ApiError | None = None
        try:
            return {**await self._perform(call, request_id), "RequestId": request_id}
        except ApiError as refusal:
            error = refusal
            raise
        finally:
            self._record(call, request_id, error)

    async def _perform(self, call: ForeignCall, request_id: str) -> Object:
        action = _action(call)
        params = check_request(call.service, call.action, dict(call.params))
        reply = await self._engine.perform(
            action, call.action, params, region=call.region, uin=self._uin, request_id=request_id
        )
        return fill_reply(call.service, call.action, reply)

    async def _attempt(self, call: ForeignCall) -> bool:
        try:
            await self.call(call)
        except ApiError as error:
            # Any other refusal is the end of it; the log of calls tells it.
            return error.code != RESOURCE_IN_OPERATING
        return True

    async def _insist(self, call: ForeignCall) -> None:
        # By the machine's time, since a test's clock may stand still.
        for _ in range(_ATTEMPTS):
            await asyncio.sleep(_POLL_SECONDS)
            if await self._attempt(call):
                return

    def _record(self, call: ForeignCall, request_id: str, error: ApiError | None) -> None:
        self._calls.add(
            at=self._engine.clock.now(),
            secret_id=FOREIGN_KEY_ID,
            service=call.service,
            action=call.action,
            region=call.region,
            request_id=request_id,
            write=_is_write(call),
            params=dict(call.params),
            code=error.code if error else None,
            message=error.message if error else None,
        )


def _action(call: ForeignCall) -> Action:
    if call.service not in PRODUCTS:
        raise ApiError("NoSuchProduct", f"The product {call.service} is not simulated.")
    return find_action(call.service, call.action)


def _is_write(call: ForeignCall) -> bool:
    try:
        return _action(call).kind is not Kind.READ
    except ApiError:
        return False
