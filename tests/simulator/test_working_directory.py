"""Server keys lie in one folder while the simulator runs, and nowhere after it, not even after kill -9.

Source: a property of the simulator.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
from eventually import eventually
from simulator.cloud import REGION, SECRET_ID, SECRET_KEY
from simulator.pki import Authority, issue_leaf
from tencentcloud.clb.v20180317 import clb_client
from tencentcloud.clb.v20180317 import models as clb_models
from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from clb_simulator.working_directory import WorkingDirectory, WorkingDirectoryError, open_working_directory


class Running:
    """A simulator as a process, with nginx."""

    def __init__(self, *options: str, temporary: Path) -> None:
        command = [sys.executable, "-m", "clb_simulator", "serve", "--task-time", "0s", *options]
        keys = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}
        environment = {**os.environ, **keys, "TMPDIR": str(temporary)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        words = self.process.stdout.readline().replace(",", "").split()
        self.api, self.admin = (word for word in words if word.startswith("http://"))

    def serve_https(self, authority: Authority, vip: str) -> None:
        """Create an HTTPS listener, and wait until its key is in use."""
        made = httpx.post(f"{self.admin}/load-balancers", json={"vip": vip}).json()
        leaf = issue_leaf(authority, "a.example.com")
        endpoint = self.api.removeprefix("http://")
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint))
        client = clb_client.ClbClient(credential.Credential(SECRET_ID, SECRET_KEY), REGION, profile)
        request = clb_models.CreateListenerRequest()
        request.LoadBalancerId, request.Ports, request.Protocol = made["load_balancer_id"], [443], "HTTPS"
        request.Certificate = clb_models.CertificateInput()
        request.Certificate._deserialize(
            {"SSLMode": "UNIDIRECTIONAL", "CertName": "a", "CertContent": leaf.pem, "CertKey": leaf.key_pem}
        )
        client.CreateListener(request)
        eventually(lambda: httpx.get(f"{self.admin}/state").json()["listeners"])

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=15)
        assert self.process.stdout is not None
        self.process.stdout.close()


def keys_in(folder: Path) -> list[Path]:
    """Return the files below a folder that hold a private key."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if b"PRIVATE KEY" in path.read_bytes()]


@pytest.mark.parametrize("named", [True, False], ids=["--directory", "temporary"])
def test_keys_of_a_killed_simulator_are_removed_by_the_next(
    tmp_path: Path, authority: Authority, *, named: bool
) -> None:
    temporary = Path(tempfile.mkdtemp(prefix="s", dir="/tmp"))  # Short, for a UNIX socket.
    options = ("--directory", str(temporary / "work")) if named else ()
    killed = Running(*options, temporary=temporary)
    try:
        killed.serve_https(authority, "127.77.9.1")
        eventually(lambda: keys_in(temporary), what="no key is served from the folder, which is")
    finally:
        killed.end(signal.SIGKILL)
    assert keys_in(temporary)
    following = Running(*options, temporary=temporary)
    try:
        assert not keys_in(temporary)
        following.serve_https(authority, "127.77.9.2")
    finally:
        following.end(signal.SIGTERM)
    assert list(temporary.iterdir()) == []
    temporary.rmdir()


def test_folder_of_a_running_simulator_is_left_alone(tmp_path: Path) -> None:
    mine = WorkingDirectory(tmp_path / "work")
    (mine.path / "key").write_text("mine")
    with pytest.raises(WorkingDirectoryError, match="used by another"):
        WorkingDirectory(tmp_path / "work")
    assert (mine.path / "key").exists()
    mine.remove()
    assert not (tmp_path / "work").exists()


def test_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run-of-mine").mkdir()
    (tmp_path / "run-of-mine" / "thesis").write_text("years of work")
    with pytest.raises(WorkingDirectoryError, match="choose an empty"):
        open_working_directory(tmp_path, None)
    assert (tmp_path / "run-of-mine" / "thesis").read_text() == "years of work"


def test_folder_is_for_this_user_alone(tmp_path: Path) -> None:
    mine = WorkingDirectory(tmp_path / "work")
    assert mine.path.stat().st_mode & 0o077 == 0
    mine.remove()


def test_folder_lies_beside_the_state_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as short:
        opened = open_working_directory(None, Path(short) / "state")
        assert opened.path.parent == Path(short) / "state.d"
        opened.remove()
