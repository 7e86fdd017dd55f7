"""A simulator in a thread of the calling process, for tests and scripts without an event loop of their own.

I/O: a thread with an event loop. Used by the pytest plugin.
"""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, TypeVar

import httpx

from clb_simulator.params import Json, Object
from clb_simulator.provisioning import DEFAULT_REGION
from clb_simulator.server import Config, Server

Result = TypeVar("Result")
_START_SECONDS: Final = 30.0
_ADMIN_SECONDS: Final = 10.0


class AdminRefusal(Exception):
    """The admin port refused a request; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """How to reach a running simulator.

    Attributes:
        api_url: for SDKs that take a URL, and for curl.
        endpoint: host and port of the API, as the Python SDK's HttpProfile takes it.
        admin_url: the admin port.
    """

    api_url: str
    endpoint: str
    admin_url: str
    secret_id: str
    secret_key: str = field(repr=False)
    region: str = DEFAULT_REGION

    def environment(self) -> dict[str, str]:
        """Return the variables from which Tencent Cloud's clients take their keys and region."""
        return {
            "TENCENTCLOUD_SECRET_ID": self.secret_id,
            "TENCENTCLOUD_SECRET_KEY": self.secret_key,
            "TENCENTCLOUD_REGION": self.region,
        }

    def admin(self, method: str, path: str, **body: Json) -> Object:
        """Ask the admin port and return its answer.

        Raises:
            AdminRefusal: with the admin port's sentence.
        """
        url = f"{self.admin_url}{path}"
        # Not by way of a proxy that the environment names.
        reply = httpx.request(method, url, json=body, timeout=_ADMIN_SECONDS, trust_env=False)
        if reply.is_error:
            raise AdminRefusal(f"{method} {path}: {reply.text}")
        answer: Object = reply.json()
        return answer

    def create_load_balancer(self, **fields: Json) -> str:
        """Create a load balancer and return its id; fields as POST /load-balancers takes them."""
        return str(self.admin("POST", "/load-balancers", **fields)["load_balancer_id"])

    def create_instance(self, private_ip: str, **fields: Json) -> str:
        """Create an instance and return its id; fields as POST /instances takes them."""
        return str(self.admin("POST", "/instances", private_ip=private_ip, **fields)["instance_id"])

    def order_fault(self, kind: str, **fields: Json) -> None:
        """Order a fault; fields as POST /faults takes them."""
        self.admin("POST", "/faults", kind=kind, **fields)


class EmbeddedSimulator:
    """Runs a simulator in a thread while the block is entered."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clb-simulator", daemon=True)
        self._server: Server | None = None

    def __enter__(self) -> Endpoints:
        """Start; return when both ports accept requests."""
        self._thread.start()
        try:
            server = self._await(self._start())
        except BaseException:
            self._end()
            raise
        key = next(iter(self._config.keys.values()))
        return Endpoints(
            api_url=server.api.url,
            endpoint=f"{server.api.host}:{server.api.port}",
            admin_url=server.admin.url,
            secret_id=key.secret_id,
            secret_key=key.secret_key,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, and leave nothing behind."""
        try:
            if self._server is not None:
                self._await(self._server.stop())
        finally:
            self._end()

    async def _start(self) -> Server:
        # Made on the loop that it runs on.
        self._server = server = Server(self._config)
        await server.start()
        return server

    def _await(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
