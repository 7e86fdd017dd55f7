"""The admin port: what a person or a test does from outside the simulated API.

I/O: aiohttp. JSON in and out; a refusal is a status 4xx with `{"error": sentence}`. Nothing here needs a
signature, so it listens on loopback only.
"""

import asyncio
from dataclasses import asdict
from datetime import timedelta

from aiohttp import web
from pydantic import TypeAdapter

from clb_simulator import termination
from clb_simulator.admin_faults import FaultAdmin
from clb_simulator.admin_requests import (
    AdminError,
    Answer,
    as_json,
    as_json_errors,
    json_object,
    number,
    read_body,
    validated,
)
from clb_simulator.app import Front
from clb_simulator.calls import CallLog
from clb_simulator.clb import quota
from clb_simulator.clock import SystemClock
from clb_simulator.dump import dump_state
from clb_simulator.engine import Engine
from clb_simulator.foreign import ForeignActor
from clb_simulator.model import Quota
from clb_simulator.overview import Overview
from clb_simulator.page import show_page
from clb_simulator.params import Json, Object
from clb_simulator.provisioning import (
    DEFAULT_REGION,
    NewInstance,
    NewLoadBalancer,
    create_instance,
    create_load_balancer,
)
from clb_simulator.switches import Switches


class Admin:
    """Answers the admin port's requests."""

    def __init__(self, engine: Engine, calls: CallLog, front: Front, foreign: ForeignActor) -> None:
        self._engine = engine
        self._calls = calls
        self._front = front
        self._faults = FaultAdmin(engine, foreign)
        self._unbinding: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(middlewares=[as_json_errors])
        app.router.add_get("/", show_page)
        for method, path, handler in self._routes():
            app.router.add_route(method, path, as_json(handler))
        return app

    def _routes(self) -> tuple[tuple[str, str, Answer], ...]:
        return (
            ("GET", "/readyz", self._ready),
            ("GET", "/state", self._state),
            ("GET", "/overview", self._overview),
            ("POST", "/load-balancers", self._create_load_balancer),
            ("POST", "/load-balancers/{id}/busy", self._hold_busy),
            ("POST", "/instances", self._create_instance),
            ("DELETE", "/instances/{id}", self._terminate_instance),
            ("GET", "/calls", self._list_calls),
            ("DELETE", "/calls", self._clear_calls),
            ("GET", "/settings", self._settings),
            ("PATCH", "/settings", self._change_settings),
            ("GET", "/switches", self._switches),
            ("PATCH", "/switches", self._change_switches),
            ("PUT", "/quotas/{quota_id}", self._set_quota),
            ("POST", "/clock", self._move_clock),
            *self._faults.routes(),
        )

    async def _ready(self, _request: web.Request) -> Object:
        return {"ready": True}

    async def _state(self, _request: web.Request) -> Object:
        return dump_state(self._engine.store)

    async def _overview(self, _request: web.Request) -> Object:
        engine = self._engine
        return Overview(engine.store, engine.health, engine.busy, engine.clock.now()).render()

    async def _create_load_balancer(self, request: web.Request) -> Object:
        wanted = await read_body(request, NewLoadBalancer)
        made = []
        now = self._engine.clock.now()
        self._engine.change(lambda store: made.append(create_load_balancer(store, wanted, now)))
        return {"load_balancer_id": made[0].load_balancer_id, "vip": made[0].vip, "region": made[0].region}

    async def _hold_busy(self, request: web.Request) -> Object:
        identifier = request.match_info["id"]
        if self._engine.store.load_balancers.get(identifier) is None:
            raise AdminError(f"The load balancer {identifier} does not exist.")
        seconds = number(await json_object(request), "seconds")
        self._engine.busy.hold(identifier, self._engine.clock.now() + timedelta(seconds=seconds))
        return {}

    async def _create_instance(self, request: web.Request) -> Object:
        wanted = await read_body(request, NewInstance)
        made = []
        self._engine.change(lambda store: made.append(create_instance(store, wanted)))
        return {"instance_id": made[0].instance_id, "private_ip": made[0].private_ip}

    async def _terminate_instance(self, request: web.Request) -> Object:
        identifier = request.match_info["id"]
        if self._engine.store.instances.get(identifier) is None:
            raise AdminError(f"The instance {identifier} does not exist.")
        self._engine.change(lambda store: termination.remove_instance(store, identifier))
        unbinding = asyncio.create_task(self._unbind_later(identifier))
        self._unbinding.add(unbinding)
        unbinding.add_done_callback(self._unbinding.discard)
        return {}

    async def _unbind_later(self, instance_id: str) -> None:
        await self._engine.clock.sleep(self._engine.task_seconds)
        await self._engine.change_and_serve(lambda store: termination.unbind_instance(store, instance_id))

    async def _list_calls(self, request: web.Request) -> Object:
        since, last = request.query.get("since", "0"), request.query.get("last")
        if not since.isdecimal():
            raise AdminError(f"since must be a call's number, not {since!r}.")
        if last is not None and not last.isdecimal():
            raise AdminError(f"last must be a number of calls, not {last!r}.")
        listed: list[Json] = [*self._calls.since(int(since))]
        shown = listed if last is None else listed[max(0, len(listed) - int(last)) :]
        return {"total": self._calls.total, "writes": self._calls.writes, "calls": shown}

    async def _clear_calls(self, _request: web.Request) -> Object:
        self._calls.clear()
        return {}

    async def _settings(self, _request: web.Request) -> Object:
        return {"task_seconds": self._engine.task_seconds, "throttled": self._front.throttled}

    async def _change_settings(self, request: web.Request) -> Object:
        body = await json_object(request)
        unknown = body.keys() - {"task_seconds", "throttled"}
        if unknown:
            raise AdminError(f"There is no setting {sorted(unknown)}.")
        if "task_seconds" in body:
            self._engine.task_seconds = max(0.0, number(body, "task_seconds"))
        if "throttled" in body:
            self._front.throttled = bool(body["throttled"])
        return await self._settings(request)

    async def _switches(self, _request: web.Request) -> Object:
        return asdict(self._engine.switches)

    async def _change_switches(self, request: web.Request) -> Object:
        body = await json_object(request)
        merged = {**asdict(self._engine.switches), **body}
        unknown = body.keys() - asdict(self._engine.switches).keys()
        if unknown:
            raise AdminError(f"There is no switch {sorted(unknown)}.")
        self._engine.switches = validated(merged, TypeAdapter(Switches))
        return asdict(self._engine.switches)

    async def _set_quota(self, request: web.Request) -> Object:
        quota_id = request.match_info["quota_id"]
        if quota_id not in quota.DEFAULTS:
            raise AdminError(f"There is no quota {quota_id}.")
        body = await json_object(request)
        changed = Quota(
            region=str(body.get("region", DEFAULT_REGION)),
            quota_id=quota_id,
            limit=int(number(body, "limit")),
        )
        key = quota.quota_key(changed.region, quota_id)
        self._engine.change(lambda store: store.quotas.put(key, changed))
        return asdict(changed)

    async def _move_clock(self, request: web.Request) -> Object:
        clock = self._engine.clock
        if not isinstance(clock, SystemClock):
            raise AdminError("This simulator's clock is moved by the test that owns it.")
        clock.offset += timedelta(seconds=number(await json_object(request), "advance_seconds"))
        return {"now": clock.now().isoformat()}
