"""Start and stop the programs of the local environment, so that none is ever left behind.

Starts processes, writes logs and records. Every program runs under a `keeper`, which ends it when
this process is gone, in whatever way. `make up` calls `release` as its last act; from then on the
records in the directory are how `make down` finds the programs again.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from mtls_devcluster import keeper
from mtls_devcluster.errors import DevClusterError, ProcessFailed

_POLL_SECONDS = 0.02
# What a keeper needs after its child's grace: sweeping the session takes up to a second.
_KEEPER_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run.

    Attributes:
        name: Names the log and the record; one per supervisor.
        command: The program and its arguments.
        environment: The whole environment of the program; this process's own when None.
        grace: Seconds between SIGTERM and SIGKILL.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] | None = None
    directory: Path | None = None
    grace: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """Which process was started: pid, start time and boot, which no other process ever shares."""

    name: str
    pid: int
    start_time: int
    boot_id: str
    command: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a record; None when there is none or it is damaged."""
        try:
            content = json.loads(path.read_text())
            return cls(**{**content, "command": tuple(content["command"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def is_alive(self) -> bool:
        """Whether this very process runs, rather than another one that got its pid later."""
        if self.boot_id != keeper.boot_id():
            return False
        try:
            return keeper.session_and_start(self.pid)[1] == self.start_time
        except ProcessLookupError:
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process; nothing happens when it is gone.

        The pidfd is opened first and the start time is compared afterwards: the pid cannot change
        hands in between.
        """
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.is_alive():
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


@dataclass(slots=True, eq=False)
class RunningProcess:
    """A program that this process started, and its log."""

    program: Program
    log: Path
    keeper: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise ProcessFailed when the program has ended."""
        status = self.keeper.poll()
        if status is not None:
            raise ProcessFailed(f"{self.program.name} ended with status {status}.", self.log)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the program's end and return its exit status (subprocess.TimeoutExpired)."""
        return self.keeper.wait(timeout)

    def stop(self) -> None:
        """End the program and everything that it started. Idempotent."""
        _hang_up(self.keeper)
        # Until the keeper is reaped its pid, which is the session's number, cannot be reused.
        deadline = time.monotonic() + self.program.grace + _KEEPER_SECONDS
        while _runs(self.keeper) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if self.keeper.returncode is None:
            for pid in keeper.session_members(self.keeper.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.keeper.wait()


@dataclass(slots=True)
class Supervisor:
    """Starts programs into one directory; as a context manager it stops them at its end.

    Attributes:
        directory: Where `<name>.log` and `<name>.pid` go.
    """

    directory: Path
    processes: list[RunningProcess] = field(default_factory=list)
    _released: bool = False

    def start(self, program: Program) -> RunningProcess:
        """Start a program.

        Raises:
            DevClusterError: One of this name, from an earlier start, is still running.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        record = self._record_of(program.name)
        earlier = ProcessRecord.read(record)
        if earlier is not None and earlier.is_alive():
            raise DevClusterError(
                f"{program.name} is already running (pid {earlier.pid}, started from {self.directory}). "
                "Stop it first: make down"
            )
        log = self.directory / f"{program.name}.log"
        script = [*_KEEPER, str(record), str(program.grace), program.name, *program.command]
        with log.open("wb") as output:
            running = subprocess.Popen(
                script,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=program.environment,
                cwd=program.directory,
            )
        process = RunningProcess(program, log, running)
        self.processes.append(process)
        return process

    def check(self) -> None:
        """Raise ProcessFailed when one of the programs has ended."""
        for process in self.processes:
            process.check()

    def release(self) -> None:
        """Let the programs outlive this process; `stop_recorded` ends them later.

        Raises:
            ProcessFailed: One of them has ended; none is released then.
        """
        self.check()
        for process in self.processes:
            _allow_to_live_on(process.keeper)
        self._released = True

    def stop(self) -> None:
        """End everything, the last started first, also when one interrupts it."""
        while self.processes:
            self.processes[-1].stop()
            stopped = self.processes.pop()
            self._record_of(stopped.program.name).unlink(missing_ok=True)

    def _record_of(self, name: str) -> Path:
        return (self.directory / f"{name}.pid").resolve()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._released:
            self.stop()


def recorded(directory: Path) -> list[ProcessRecord]:
    """Return the records of a directory whose process is still running, the oldest first."""
    records = (ProcessRecord.read(path) for path in directory.glob("*.pid"))
    alive = [record for record in records if record is not None and record.is_alive()]
    return sorted(alive, key=lambda record: record.start_time)


def stop_recorded(directory: Path, timeout: float = 15.0) -> list[str]:
    """End what an earlier process started and released; return the names, the last started first.

    A record whose process is gone, or whose pid belongs to another process by now, is removed and
    nothing else happens.

    Raises:
        DevClusterError: A process did not end within the timeout (seconds), not even on SIGKILL.
    """
    alive = recorded(directory)[::-1]
    for record in alive:
        _stop_record(record, timeout)
    for path in directory.glob("*.pid"):
        path.unlink(missing_ok=True)
    return [record.name for record in alive]


def _stop_record(record: ProcessRecord, timeout: float) -> None:
    record.signal(signal.SIGTERM)
    if _gone_within(record, timeout):
        return
    # The keeper's death takes the child with it; what the child started is in the keeper's session.
    members = keeper.session_members(record.pid) if record.is_alive() else []
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if not _gone_within(record, _KEEPER_SECONDS):
        raise DevClusterError(f"{record.name} (pid {record.pid}) does not end. Look at it: ps {record.pid}")


def _gone_within(record: ProcessRecord, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while record.is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _runs(process: subprocess.Popen[bytes]) -> bool:
    """Whether it runs, found out without reaping it."""
    if process.returncode is not None:
        return False
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    """Close the keeper's stdin, and send SIGTERM for one that was released before."""
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
        return
    process.terminate()


def _allow_to_live_on(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is None or process.stdin.closed:
        return
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"\n")
        process.stdin.close()


_KEEPER = (sys.executable, "-I", "-S", str(Path(keeper.__file__).resolve()))
