"""Send requests into a simulator and watch what must never happen.

In one process, past the network: the requests are signed and enter at the HTTP front, as aiohttp hands them
over. Violations are an InternalError, a reply that is no envelope, a task that broke off, and an error reply
after which the state is not what it was.
"""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request
from fuzz.pem_bodies import MEGABYTE, pem_bodies
from fuzz.request_maker import Known, RequestMaker, callable_actions
from fuzz.world import build_world, known_texts
from simulator.cloud import SECRET_ID, SECRET_KEY, UIN
from simulator.signing import HandMade

from clb_simulator.app import MAX_BODY
from clb_simulator.auth import SecretKey
from clb_simulator.params import Json
from clb_simulator.schema import PRODUCTS
from clb_simulator.server import Config, Server

REBUILD_AFTER = 200
RARE = 0.1
SHOWN = 2000


class Violation(Exception):
    """The simulator did what it must never do; the text has the request."""


@dataclass
class Tally:
    """How the requests ended."""

    outcomes: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.outcomes.total()


class Fuzzer:
    """Sends requests to one simulator after the other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.tally = Tally()
        self._chance = random.Random(seed)  # noqa: S311 - to be repeatable
        bodies = pem_bodies()
        small = [one for one in bodies.values() if len(one) < MEGABYTE // 2]
        self._known = Known(pem=small, large_pem=[one for one in bodies.values() if one not in small])
        self._maker = RequestMaker(self._chance, self._known)
        self._actions = callable_actions()

    async def run(self, requests: int) -> None:
        """Send so many requests.

        Raises:
            Violation: at the first one.
        """
        while self.tally.total < requests:
            server = _server()
            await server.start()
            try:
                await build_world(server, bodies=pem_bodies())
                for _ in range(min(REBUILD_AFTER, requests - self.tally.total)):
                    await self._step(server)
            finally:
                await server.stop()

    def _choose(self) -> tuple[str, str]:
        while True:
            service, action, _kind = self._chance.choice(self._actions)
            # Deletions are rare, so that the others find something to be about.
            if not action.startswith("Delete") or self._chance.random() < RARE:
                return service, action

    async def _step(self, server: Server) -> None:
        self._known.texts = known_texts(server.engine.store)
        service, action = self._choose()
        body = self._maker.body(service, action)
        before = [table.snapshot() for table in server.engine.store.tables()]
        reply = await send(server, service, action, body)
        code = str(reply.get("Error", {}).get("Code", "ok"))
        self.tally.outcomes[code] += 1
        self.tally.actions[f"{service} {action}"] += 1
        if code == "InternalError":
            raise Violation(f"InternalError from {_shown(self, service, action, body)}")
        if code != "ok" and before != [table.snapshot() for table in server.engine.store.tables()]:
            raise Violation(f"{code} and yet a change from {_shown(self, service, action, body)}")
        await drain(server)
        broken = [one for one in server.engine.store.tasks.all() if one.code == "InternalError"]
        if broken:
            raise Violation(f"The task broke off of {_shown(self, service, action, body)}")


async def send(server: Server, service: str, action: str, body: Json) -> dict[str, Any]:
    """Send a signed request and return its `Response`.

    Raises:
        Violation: if the reply is no envelope.
    """
    # A lone surrogate is written as JSON's escape, as clients would have to.
    sent = json.dumps(body).encode()
    made = HandMade(service=service, action=action, host="127.0.0.1", at=server.engine.clock.now(), body=sent)
    headers = {**made.headers(), "X-TC-Version": PRODUCTS[service].version}
    loop = asyncio.get_running_loop()
    payload = StreamReader(BaseProtocol(loop), 2**30, loop=loop)
    payload.feed_data(sent)
    payload.feed_eof()
    request = make_mocked_request("POST", "/", headers=headers, payload=payload, client_max_size=MAX_BODY)
    response = await server.front.handle(request)
    if response.status != 200 or response.headers["Content-Type"] != "application/json":
        raise Violation(f"status {response.status} from {service} {action}")
    assert isinstance(response.body, bytes)
    reply: dict[str, Any] = json.loads(response.body)["Response"]
    return reply


async def drain(server: Server) -> None:
    """Wait until every task has ended."""
    while server.engine._runners:
        await asyncio.gather(*server.engine._runners)


def _server() -> Server:
    key = SecretKey(SECRET_ID, SECRET_KEY, UIN)
    return Server(Config(keys={SECRET_ID: key}, task_seconds=0, throttled=False))


def _shown(fuzzer: Fuzzer, service: str, action: str, body: Json) -> str:
    text = json.dumps(body)
    cut = text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
    return f"{service} {action}, seed {fuzzer.seed}, request {fuzzer.tally.total}: {cut}"
