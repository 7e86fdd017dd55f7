"""Put the simulator together and run it.

I/O: listens on two ports, starts the data plane, opens the state file. Used by the command line and, in
one process, by tests.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from aiohttp import web

from clb_simulator.admin import Admin
from clb_simulator.app import Front
from clb_simulator.auth import SecretKey
from clb_simulator.calls import CallLog
from clb_simulator.clock import Clock, SystemClock
from clb_simulator.dataplane.model import DataPlane
from clb_simulator.dataplane.nginx import NginxDataPlane
from clb_simulator.dataplane.null import NullDataPlane
from clb_simulator.dataplane.switches import Switches as DataPlaneSwitches
from clb_simulator.engine import Engine
from clb_simulator.foreign import ForeignActor
from clb_simulator.scenario import Scenario, play
from clb_simulator.state import StateFile
from clb_simulator.store import Store
from clb_simulator.switches import Switches
from clb_simulator.tls import issue_identity, server_context
from clb_simulator.working_directory import open_working_directory

_GRACE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    scheme: Literal["http", "https"] = "http"

    @property
    def url(self) -> str:
        """The address as an URL."""
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a simulator is to run.

    Attributes:
        directory: where the data plane keeps its files while it runs; by default beside the state file, or
            a temporary folder.
        tls_ca_file: where to write the CA of the API's certificate; None serves the API without TLS.
        task_seconds: how long a change takes.
        scenario: what exists and goes wrong from the start.
    """

    keys: Mapping[str, SecretKey]
    api: Address = field(default_factory=Address)
    admin: Address = field(default_factory=Address)
    state_file: Path | None = None
    directory: Path | None = None
    tls_ca_file: Path | None = None
    data_plane: Literal["nginx", "none"] = "none"
    task_seconds: float = 0.5
    throttled: bool = True
    switches: Switches = field(default_factory=Switches)
    data_plane_switches: DataPlaneSwitches = field(default_factory=DataPlaneSwitches)
    scenario: Scenario | None = None


class Server:
    """A running simulator."""

    def __init__(
        self, config: Config, clock: Clock | None = None, data_plane: DataPlane | None = None
    ) -> None:
        """Prepare a simulator; a clock and a data plane of the caller's own may take the place of ours.

        Raises:
            StateFileError: if the state file cannot be read.
            WorkingDirectoryError: if the folder to work in cannot be used.
        """
        self._config = config
        self._journal = StateFile(config.state_file) if config.state_file else None
        store = Store(self._journal)
        if self._journal is not None:
            self._journal.load(store)
        self._directory = open_working_directory(config.directory, config.state_file)
        self.engine = Engine(
            store=store,
            clock=clock or SystemClock(),
            data_plane=data_plane or self._data_plane(),
            switches=config.switches,
            task_seconds=config.task_seconds,
        )
        self.calls = CallLog()
        uin = next((key.uin for key in config.keys.values()), "")
        self.foreign = ForeignActor(self.engine, self.calls, uin)
        self.front = Front(self.engine, self.calls, config.keys, self.foreign, throttled=config.throttled)
        self._runners: list[web.AppRunner] = []
        self.api = config.api
        self.admin = config.admin

    async def start(self) -> None:
        """Serve; return when both ports accept requests."""
        if self._config.scenario is not None:
            play(self._config.scenario, self.engine, self.front)
        await self.engine.start()
        self.api = await self._listen(self.front.application(), self._config.api, self._tls())
        admin = Admin(self.engine, self.calls, self.front, self.foreign)
        self.admin = await self._listen(admin.application(), self._config.admin)

    async def stop(self) -> None:
        """Stop serving. What was acknowledged is in the state file."""
        for runner in self._runners:
            await runner.cleanup()
        await self.foreign.stop()
        await self.engine.stop()
        if self._journal is not None:
            self._journal.close()
        self._directory.remove()

    async def _listen(
        self, application: web.Application, address: Address, tls: ssl.SSLContext | None = None
    ) -> Address:
        # A reply that a fault delays must not hold up the end.
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GRACE_SECONDS)
        self._runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, address.host, address.port, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        return Address(host=host, port=port, scheme="https" if tls else "http")

    def _tls(self) -> ssl.SSLContext | None:
        if self._config.tls_ca_file is None:
            return None
        identity = issue_identity(self._config.api.host, self.engine.clock.now())
        self._config.tls_ca_file.write_text(identity.ca_pem)
        return server_context(identity, self._directory.path)

    def _data_plane(self) -> DataPlane:
        if self._config.data_plane == "none":
            return NullDataPlane()
        return NginxDataPlane(self._directory.path, switches=self._config.data_plane_switches)
