"""`make up` and `make down`: twice in a row, after a crash, and nothing but its own ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtls_devcluster.processes import recorded, stop_recorded

VARIABLES = {
    "KUBECONFIG",
    "SIMULATOR_API",
    "SIMULATOR_ADMIN",
    "OPERATOR_CRL",
    "OPERATOR_METRICS",
    "TENCENTCLOUD_SECRET_ID",
    "TENCENTCLOUD_SECRET_KEY",
    "TENCENTCLOUD_REGION",
    "LOAD_BALANCER_ID",
    "LOAD_BALANCER_ADDRESS",
    "SERVICES",
    "SERVICES_NAMESPACE",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "dev"
    stop_recorded(tmp_path / "dev" / "run")


def _run(command: str, folder: Path) -> str:
    line = (sys.executable, "-m", "mtls_devcluster", command, "--folder", str(folder))
    run = subprocess.run(line, capture_output=True, text=True, check=False, timeout=150)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _in_the_environment(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a person would: with `env` sourced and the environment's programs on PATH."""
    programs = Path(sys.prefix) / "bin"
    full = f'set -eu; source {folder}/env; export PATH="{programs}:$PATH"; {script}'
    return subprocess.run(["bash", "-c", full], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.usefixtures("control_plane")
def test_up_can_be_worked_with_and_down_ends_just_that(folder: Path) -> None:
    first = _run("up", folder)
    assert "Things to try" in first
    exported = {
        line.removeprefix("export ").partition("=")[0] for line in (folder / "env").read_text().splitlines()
    }
    assert exported == VARIABLES
    ready = _in_the_environment(
        folder, "kubectl wait --for=condition=Ready mtl,ca,ccert -A --all --timeout=30s"
    )
    assert ready.returncode == 0, ready.stderr
    line = (
        f"cd {folder}/clients/payments && curl -sS --cert client.crt --key client.key --cacert ca.crt "
        '--resolve "api.acme.example:8443:$LOAD_BALANCER_ADDRESS" https://api.acme.example:8443/'
    )
    assert _in_the_environment(folder, line).stdout.strip() in {"rs-1", "rs-2"}

    roots = _in_the_environment(folder, 'curl -sSf "$OPERATOR_CRL/ca/platform/clients.crt"')
    assert roots.stdout.startswith("-----BEGIN CERTIFICATE-----"), roots.stderr

    before = {record.name: record.pid for record in recorded(folder / "run")}
    assert "up already" in _run("up", folder)
    assert {record.name: record.pid for record in recorded(folder / "run")} == before

    os.kill(before["simulator"], signal.SIGKILL)
    again = _run("up", folder)
    assert "without simulator" in again
    after = {record.name: record.pid for record in recorded(folder / "run")}
    assert after.keys() == before.keys()
    assert not after.items() & before.items()

    ended = _run("down", folder)
    assert "Ended" in ended
    assert recorded(folder / "run") == []
    assert "Nothing was running" in _run("down", folder)
