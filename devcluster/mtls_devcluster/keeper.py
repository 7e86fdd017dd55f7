"""Stand guard over one child: it and whatever it started end together, and end with the launcher.

A script of its own, stdlib only and run with `python -I -S`, so that it is up in milliseconds. It
leads a new session, writes down who it is *before* the child exists, and then waits for one of:

- the child ends → the rest of the session is ended, and the keeper with it;
- SIGTERM → the child gets SIGTERM, and SIGKILL after the grace;
- end of file on stdin, whose other end the launcher holds → as SIGTERM. The kernel closes that end
  however the launcher dies, SIGKILL included. A byte that arrives first is the launcher's
  permission to live on without it.

Started by `processes.Supervisor`, by nobody else.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
_SWEEP_SECONDS = 1.0


def main(record: Path, grace: float, name: str, command: list[str]) -> int:
    """Run the command until it ends or has to; return its exit status, 128 + n for signal n."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    write_record(record, name, command)
    try:
        # This process has one thread, so preexec_fn is safe.
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=_prepare_child,  # noqa: PLW1509
        )
    except OSError as error:
        sys.stderr.write(f"{name} cannot be started: {error}\n")
        return 127
    _wait_for_end(child, wake)
    _end_child(child, grace)
    _sweep_session()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def write_record(record: Path, name: str, command: list[str]) -> None:
    """Write down this process: a pid alone may be somebody else's by the time it is read."""
    content = {
        "name": name,
        "pid": os.getpid(),
        "start_time": session_and_start(os.getpid())[1],
        "boot_id": boot_id(),
        "command": command,
    }
    fresh = record.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(content))
    fresh.replace(record)


def boot_id() -> str:
    """Return what tells this boot from others: start times count from the boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def session_and_start(pid: int) -> tuple[int, int]:
    """Return a live process's session and its start time in clock ticks since boot.

    Source: proc_pid_stat(5), fields 3, 6 and 22.

    Raises:
        ProcessLookupError: There is no such process, or only its zombie.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    # The second field is the program's name in brackets and may itself contain brackets.
    state, _ppid, _pgrp, session, *rest = stat.rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(pid)
    return int(session), int(rest[15])


def session_members(session: int) -> list[int]:
    """Return the live processes of a session, its leader included."""
    members = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with contextlib.suppress(ProcessLookupError):
            if session_and_start(pid)[0] == session:
                members.append(pid)
    return members


def _wait_for_end(child: subprocess.Popen[bytes], wake: int) -> None:
    """Return when the child has ended or is to be ended."""
    watched = [wake, sys.stdin.fileno()]
    while child.poll() is None:
        ready, _, _ = select.select(watched, [], [])
        if sys.stdin.fileno() in ready:
            if not os.read(sys.stdin.fileno(), 1):
                return
            watched = [wake]
        if wake in ready and signal.SIGTERM in os.read(wake, 64):
            return


def _end_child(child: subprocess.Popen[bytes], grace: float) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _sweep_session() -> None:
    """End what the child left behind, such as the workers of a server that was killed."""
    deadline = time.monotonic() + _SWEEP_SECONDS
    number = signal.SIGTERM
    while rest := [pid for pid in session_members(os.getpid()) if pid != os.getpid()]:
        for pid in rest:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(0.02)


def _prepare_child() -> None:
    """Make the kernel end the child should somebody kill its keeper (Linux: prctl(2)).

    An ignored signal stays ignored across exec, so what the keeper ignores is put back.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]))
