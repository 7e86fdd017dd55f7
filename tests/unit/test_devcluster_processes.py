import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eventually import eventually

from mtls_devcluster import keeper
from mtls_devcluster.errors import DevClusterError, ProcessFailed
from mtls_devcluster.processes import ProcessRecord, Program, Supervisor, recorded, stop_recorded

# A server with a worker, as nginx is; both write down who they are.
SERVER_WITH_WORKER = "sleep 600 & echo $! > worker; echo $$ > server; wait"
DEAF_SERVER = "trap '' TERM; echo $$ > server; while true; do sleep 0.1; done"

LAUNCHER = """
import sys, time
from pathlib import Path
from mtls_devcluster.processes import Program, Supervisor
directory, script, after = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with Supervisor(directory) as supervisor:
    program = Program(name="server", command=("sh", "-c", script), directory=directory, grace=0.5)
    supervisor.start(program)
    while not (directory / "server").exists():
        time.sleep(0.01)
    if after == "release":
        supervisor.release()
    else:
        print("started", flush=True)
        time.sleep(600)
"""


def shell(script: str, directory: Path, grace: float = 0.5) -> Program:
    return Program(name="server", command=("sh", "-c", script), directory=directory, grace=grace)


def is_alive(pid: int) -> bool:
    try:
        keeper.session_and_start(pid)
    except ProcessLookupError:
        return False
    return True


def read_pid(path: Path) -> int:
    return int(eventually(lambda: path.read_text().strip()))


def launch(directory: Path, script: str, after: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", LAUNCHER, str(directory), script, after]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def gone(*pids: int) -> None:
    eventually(lambda: not any(map(is_alive, pids)), what=f"{pids} are gone is")


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that nobody here may touch."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_the_block_end_stops_the_program_and_its_worker(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(shell(SERVER_WITH_WORKER, tmp_path))
        pids = read_pid(tmp_path / "server"), read_pid(tmp_path / "worker")
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))
    assert not list(tmp_path.glob("*.pid"))


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(shell(DEAF_SERVER, tmp_path, grace=0.2))
        pid = read_pid(tmp_path / "server")
    assert not is_alive(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("script", [SERVER_WITH_WORKER, DEAF_SERVER], ids=["with-worker", "deaf"])
def test_nothing_survives_the_launcher_however_it_dies(
    tmp_path: Path, script: str, number: signal.Signals
) -> None:
    with launch(tmp_path, script, "wait") as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"started\n"
        record = ProcessRecord.read(tmp_path / "server.pid")
        assert record is not None
        members = keeper.session_members(record.pid)
        assert read_pid(tmp_path / "server") in members
        launcher.send_signal(number)
    gone(*members)


def test_a_launcher_killed_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    """The record is there before the child, so a kill at that moment is the earliest that matters."""
    with launch(tmp_path, SERVER_WITH_WORKER, "wait") as launcher:
        record = eventually(lambda: ProcessRecord.read(tmp_path / "server.pid"))
        launcher.kill()
    assert record is not None
    eventually(lambda: keeper.session_members(record.pid) == [])


def test_a_released_program_outlives_its_launcher_until_it_is_stopped(tmp_path: Path) -> None:
    with launch(tmp_path, SERVER_WITH_WORKER, "release") as launcher:
        assert launcher.wait(20) == 0
    pids = read_pid(tmp_path / "server"), read_pid(tmp_path / "worker")
    assert all(map(is_alive, pids))
    assert [record.name for record in recorded(tmp_path)] == ["server"]

    assert stop_recorded(tmp_path) == ["server"]

    assert not any(map(is_alive, pids))
    assert stop_recorded(tmp_path) == []


def test_the_worker_goes_when_the_server_is_killed(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        running = supervisor.start(shell(SERVER_WITH_WORKER, tmp_path))
        worker = read_pid(tmp_path / "worker")
        os.kill(read_pid(tmp_path / "server"), signal.SIGKILL)
        assert running.wait(10) == 128 + signal.SIGKILL
        assert not is_alive(worker)


def test_everything_goes_when_the_keeper_itself_is_killed(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        running = supervisor.start(shell(SERVER_WITH_WORKER, tmp_path))
        server, worker = read_pid(tmp_path / "server"), read_pid(tmp_path / "worker")
        running.keeper.kill()
        gone(server)
    gone(worker)


def test_a_recycled_pid_is_not_killed(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    start = keeper.session_and_start(stranger.pid)[1]
    write_record(tmp_path, pid=stranger.pid, start_time=start - 1, boot=keeper.boot_id())

    assert recorded(tmp_path) == []
    assert stop_recorded(tmp_path) == []

    assert stranger.poll() is None
    assert not list(tmp_path.glob("*.pid")), "the stale record is in the way of nothing"


def test_a_record_of_an_earlier_boot_names_nobody(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    start = keeper.session_and_start(stranger.pid)[1]
    write_record(tmp_path, pid=stranger.pid, start_time=start, boot="another-boot")
    assert stop_recorded(tmp_path) == []
    assert stranger.poll() is None


def test_a_matching_record_is_stopped(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    """The other side of the recycled pid: with the right start time the same record does match."""
    start = keeper.session_and_start(stranger.pid)[1]
    write_record(tmp_path, pid=stranger.pid, start_time=start, boot=keeper.boot_id())
    assert stop_recorded(tmp_path) == ["server"]
    assert stranger.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"command": [], "other": 1}'])
def test_a_damaged_record_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "server.pid").write_text(content)
    assert stop_recorded(tmp_path) == []


def test_a_second_start_of_the_same_name_is_refused(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as first, Supervisor(tmp_path) as second:
        first.start(shell(SERVER_WITH_WORKER, tmp_path))
        read_pid(tmp_path / "server")
        with pytest.raises(DevClusterError, match="already running"):
            second.start(shell(SERVER_WITH_WORKER, tmp_path))


def test_a_program_that_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        running = supervisor.start(shell("echo no such flag >&2; exit 3", tmp_path))
        assert running.wait(10) == 3
        with pytest.raises(ProcessFailed, match=r"server ended with status 3[\s\S]*no such flag"):
            supervisor.check()
        with pytest.raises(ProcessFailed):
            supervisor.release()


def test_a_program_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        running = supervisor.start(Program(name="server", command=("/no/such/program",)))
        assert running.wait(10) == 127
        with pytest.raises(ProcessFailed, match="server cannot be started"):
            running.check()


def write_record(directory: Path, *, pid: int, start_time: int, boot: str) -> None:
    content = {"name": "server", "pid": pid, "start_time": start_time, "boot_id": boot, "command": []}
    (directory / "server.pid").write_text(json.dumps(content))
