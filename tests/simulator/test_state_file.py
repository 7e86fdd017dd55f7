"""The state file keeps every acknowledged write, also those whose task had not ended.

Source: a property of the simulator.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from simulator.cloud import Cloud
from simulator.pki import Authority

from clb_simulator.state import StateFile, StateFileError
from clb_simulator.store import Store

Start = Callable[..., Awaitable[Cloud]]


async def test_restart_takes_up_the_running_task(
    start_cloud: Start, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "state.sqlite"
    first = await start_cloud(state_file=path, task_seconds=60.0)
    lb = await first.load_balancer(tags={"team": "payments"})
    reply = await first.clb(
        "CreateListener",
        LoadBalancerId=lb,
        Ports=[443],
        Protocol="HTTPS",
        Certificate=await first.mutual(authority),
    )
    # The first one is not stopped: nothing may depend on an orderly end.
    second = await start_cloud(state_file=path, task_seconds=60.0)
    assert (await second.clb("DescribeTaskStatus", TaskId=reply.RequestId)).Status == 2
    second.clock.advance(61)
    assert (await second.wait(reply.RequestId)).Status == 0
    assert (await second.describe_listener(lb, reply.ListenerIds[0])).Certificate.SSLMode == "MUTUAL"


def test_file_is_private_and_a_foreign_one_is_refused(tmp_path: Path) -> None:
    StateFile(tmp_path / "state.sqlite").close()
    assert (tmp_path / "state.sqlite").stat().st_mode & 0o077 == 0
    (tmp_path / "text").write_text("not a database, and long enough to be read as one" * 20)
    with pytest.raises(StateFileError, match="cannot be used as a state file"):
        StateFile(tmp_path / "text")


def test_sigkill_loses_no_acknowledged_write(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    program = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from clb_simulator.model import Quota\n"
        "from clb_simulator.state import StateFile\n"
        "from clb_simulator.store import Store\n"
        "store = Store(StateFile(Path(sys.argv[1])))\n"
        "for number in range(10_000_000):\n"
        "    with store.transaction():\n"
        "        store.quotas.put(str(number), Quota(region='r', quota_id='q', limit=number))\n"
        "    print(json.dumps(number), flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = -1
    while acknowledged < 200:
        acknowledged = json.loads(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().split("\n")
    acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
    writer.wait()
    writer.stdout.close()
    store = Store()
    file = StateFile(path)
    file.load(store)
    file.close()
    assert len(store.quotas.all()) >= acknowledged + 1
