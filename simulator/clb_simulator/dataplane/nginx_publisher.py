"""One change of one nginx's configuration, from text to being served.

Writes files and signals nginx. Used by `NginxFleet`, which never publishes two changes at once to one.
"""

import asyncio
from pathlib import Path

from clb_simulator.dataplane.model import DataPlaneError
from clb_simulator.dataplane.nginx_config import NOTHING, Rendering, configuration
from clb_simulator.dataplane.nginx_directory import NginxDirectory
from clb_simulator.dataplane.nginx_generation import ServedGeneration
from clb_simulator.dataplane.nginx_process import NginxProcess, first_error, worker_user
from clb_simulator.dataplane.tls_terminator import TlsTerminator

_LIVE_SECONDS = 20.0
_GLANCE_SECONDS = 0.02


class NginxPublisher:
    """Serves one rendering after the other."""

    def __init__(self, directory: Path) -> None:
        self._directory = NginxDirectory(directory)
        self._process = NginxProcess(self._directory.path)
        self._served = ServedGeneration(self._directory.control_socket)
        self._terminator = TlsTerminator(self._directory.path)
        self._generation = 0
        self._current = NOTHING

    @property
    def current(self) -> Rendering:
        """What is served."""
        return self._current

    @property
    def pid(self) -> int | None:
        """The process id of nginx's master, or None before `start`."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether nginx runs."""
        return self._process.running

    @property
    def generation(self) -> int:
        """How many configurations have been served: unchanged by a change that changes nothing."""
        return self._generation

    async def start(self) -> None:
        """Start nginx with no listeners.

        Raises:
            DataPlaneError: if it cannot run here.
        """
        self._directory.prepare()
        self._write(NOTHING, generation=1)
        await self._process.start(self._directory.configuration)
        self._generation = 1
        self._current = NOTHING
        await self._until_serving(1, log_offset=0)

    async def publish(self, rendering: Rendering) -> None:
        """Serve a rendering; return when no new connection can reach the one before.

        Raises:
            DataPlaneError: if nginx refuses it; the one before is served on.
        """
        if not self._process.running:
            raise DataPlaneError("nginx does not run; start the data plane first.")
        if rendering == self._current:
            return
        self._directory.write_files(rendering.files)
        prepared = await self._terminator.prepare(rendering.doors)
        try:
            await self._reload(rendering)
        except DataPlaneError:
            self._terminator.discard(prepared)
            raise
        await self._terminator.open(prepared)
        self._current = rendering
        self._directory.keep_only(frozenset(rendering.files))

    async def _reload(self, rendering: Rendering) -> None:
        generation = self._generation + 1
        previous = self._directory.configuration.read_text()
        offset = self._directory.error_offset()
        self._write(rendering, generation)
        try:
            self._process.reload()
            await self._until_serving(generation, offset)
        except DataPlaneError:
            self._directory.write_configuration(previous)
            raise
        self._generation = generation

    async def stop(self) -> None:
        """End nginx."""
        await self._terminator.stop()
        await self._served.close()
        await self._process.stop()

    def _write(self, rendering: Rendering, generation: int) -> None:
        # No `nginx -t` first: a reload checks the same, more besides, and keeps the old on any error.
        text = configuration(rendering.body, generation, worker_user())
        self._directory.write_configuration(text)

    async def _until_serving(self, generation: int, log_offset: int) -> None:
        try:
            async with asyncio.timeout(_LIVE_SECONDS):
                while True:
                    await self._retired(log_offset)
                    if await self._served.observe() == generation:
                        return
                    await asyncio.sleep(_GLANCE_SECONDS)
        except TimeoutError as error:
            raise DataPlaneError(f"nginx did not serve the change within {_LIVE_SECONDS} seconds.") from error

    async def _retired(self, log_offset: int) -> None:
        ended = asyncio.ensure_future(self._served.ended())
        try:
            while not ended.done():
                self._refuse_failure(log_offset)
                await asyncio.wait((ended,), timeout=_GLANCE_SECONDS)
        finally:
            ended.cancel()
        self._refuse_failure(log_offset)

    def _refuse_failure(self, log_offset: int) -> None:
        lines = [line for line in self._directory.errors_since(log_offset) if "[emerg]" in line]
        # nginx tries an occupied address five times, and may still succeed.
        if any("bind() to" not in line for line in lines):
            raise DataPlaneError(f"nginx refuses the configuration: {first_error(chr(10).join(lines))}")
        if not self._process.running:
            raise DataPlaneError(f"nginx has ended: {first_error(chr(10).join(lines))}")
