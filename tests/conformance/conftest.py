"""A simulator as a program, and tccli, Tencent Cloud's own command line, aimed at it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from eventually import eventually

REGION = "ap-guangzhou"
KEY_ID, KEY = "AKIDconformance", "conformance"


@dataclass(frozen=True, slots=True)
class Tccli:
    """tccli with a home of its own, since it writes its configuration there."""

    program: Path
    endpoint: str
    home: Path

    def __call__(self, service: str, action: str, **fields: Any) -> dict[str, Any]:
        """Run an action and return its reply; PEM texts lose their newlines on a command line, so a file."""
        given = self.home / "request.json"
        given.write_text(json.dumps(fields))
        line = [
            *(str(self.program), service, action),
            *("--endpoint", self.endpoint, "--region", REGION),
            *("--cli-input-json", f"file://{given}"),
        ]
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "TENCENTCLOUD_SECRET_ID": KEY_ID,
            "TENCENTCLOUD_SECRET_KEY": KEY,
            "TENCENTCLOUD_REGION": REGION,
        }
        run = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode == 0, f"{service} {action}: {run.stdout}{run.stderr}"
        reply: dict[str, Any] = json.loads(run.stdout) if run.stdout.strip() else {}
        return reply

    def finish(self, reply: dict[str, Any]) -> None:
        """Wait until the task of a change has succeeded."""

        def status() -> int:
            found: int = self("clb", "DescribeTaskStatus", TaskId=reply["RequestId"])["Status"]
            return found

        assert eventually(status, until=lambda value: value != 2, within=30) == 0


@dataclass(frozen=True, slots=True)
class Cloud:
    """The simulator, and who speaks to it."""

    tccli: Tccli
    admin: str

    def load_balancer(self, identifier: str) -> None:
        reply = httpx.post(f"{self.admin}/load-balancers", json={"load_balancer_id": identifier})
        reply.raise_for_status()

    def instance(self, identifier: str, address: str) -> None:
        body = {"instance_id": identifier, "private_ip": address}
        httpx.post(f"{self.admin}/instances", json=body).raise_for_status()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    program = Path(os.environ.get("TCCLI", ""))
    if not program.is_file():
        raise pytest.UsageError("TCCLI must name the tccli program; run this by: make conformance")
    api, admin = _free_port(), _free_port()
    line = [
        *(sys.executable, "-m", "clb_simulator", "serve", "--data-plane", "none"),
        *("--listen", f"127.0.0.1:{api}", "--admin", f"127.0.0.1:{admin}"),
        *("--secret-id", KEY_ID, "--secret-key", KEY, "--task-time", "50ms"),
    ]
    process = subprocess.Popen(line)
    try:
        ready = f"http://127.0.0.1:{admin}/readyz"
        eventually(lambda: httpx.get(ready).is_success, within=15, retry_on=httpx.TransportError)
        yield Cloud(Tccli(program, f"http://127.0.0.1:{api}", tmp_path), f"http://127.0.0.1:{admin}")
    finally:
        process.terminate()
        process.wait(timeout=15)
