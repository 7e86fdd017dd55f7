"""`make demo` as a newcomer meets it: a program with output, an exit status and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eventually import eventually

from mtls_devcluster.controlplane import ControlPlane

DEMO = (sys.executable, "-m", "mtls_devcluster", "demo")
PROOFS_OF_THE_GUIDE = 9
PROOFS_OF_ROTATION = 5
PROOFS_OF_REFUSAL = 8
PHASES = ("Reissue", "Soak", "Switch", "Stable")
"""Those that are never too short to be seen."""


def _environment(tmp_path: Path, programs: Path | None = None) -> dict[str, str]:
    """The test's own, but with temporary files where the test can look for what is left."""
    found = {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "100"}
    if programs is not None:
        found["PATH"] = f"{programs}:{found['PATH']}"
    return found


def _left_running(tmp_path: Path) -> list[str]:
    """Return the command lines of processes that mention the demo's own folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(tmp_path) in line:
            found.append(line)
    return found


@pytest.mark.usefixtures("control_plane")
def test_the_demo_proves_the_guide_and_leaves_nothing_behind(tmp_path: Path) -> None:
    run = subprocess.run(
        DEMO, env=_environment(tmp_path), capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("│ yes") == PROOFS_OF_THE_GUIDE + PROOFS_OF_ROTATION
    assert "curl --cert client.crt --key client.key --cacert ca.crt https://api.acme.example" in run.stdout
    assert "served by rs-" in run.stdout
    told = re.findall(r"^ +[0-9.]+ s  ([A-Z][a-z]+)", run.stdout, re.MULTILINE)
    assert [phase for phase in told if phase in PHASES] == list(PHASES)
    assert re.findall(r"[0-9]+ requests, ([0-9]+) failed$", run.stdout, re.MULTILINE) == ["0", "0", "0"]
    assert "Rotation under traffic" in run.stdout
    assert "in all" in run.stdout
    assert _left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("control_plane")
def test_the_guide_holds_whatever_the_cloud_does_where_nobody_knows(tmp_path: Path) -> None:
    """Refusal by TLS alert instead of HTTP 400, and a Host of another domain routed instead of refused."""
    switches = ("--switch", "refusal=tls-alert", "--switch", "foreign_host=route")
    run = subprocess.run(
        (*DEMO, *switches),
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("refused: TLS alert") >= PROOFS_OF_REFUSAL
    assert "HTTP 400" not in run.stdout


@pytest.mark.usefixtures("control_plane")
def test_a_proof_that_fails_makes_the_demo_fail_with_the_reason(tmp_path: Path) -> None:
    """A curl that is served whoever asks: what a listener without client authentication looks like."""
    programs = tmp_path / "programs"
    programs.mkdir()
    curl = programs / "curl"
    curl.write_text("#!/bin/sh\necho rs-1\necho\nprintf 200\n")
    curl.chmod(0o755)
    folder = tmp_path / "tmp"
    folder.mkdir()
    run = subprocess.run(
        DEMO, env=_environment(folder, programs), capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 1, run.stdout + run.stderr
    said = " ".join(run.stdout.split())
    assert "Not proved: Method 1, SNI off: no certificate, but came not refused: HTTP 200" in said
    old = "the old certificate after the switch, method 2"
    assert f"Not proved: Rotation under traffic: {old}, but came not refused: HTTP 200" in said
    assert _left_running(folder) == []


@contextmanager
def _demo_in_the_background(tmp_path: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            DEMO,
            env=_environment(tmp_path),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.mark.parametrize("moment", ["✓ Start the simulated cloud", "… Steps 2, 5 and 6", "s  Soak"])
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path, control_plane: ControlPlane, moment: str) -> None:
    folder, log = tmp_path / "tmp", tmp_path / "log"
    folder.mkdir()
    with _demo_in_the_background(folder, log) as process:
        eventually(log.read_text, until=lambda text: moment in text, within=60, what=moment)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
    assert "Interrupted" in log.read_text()
    assert "Traceback" not in log.read_text()
    eventually(lambda: _left_running(folder), until=lambda left: not left, within=10, what="no process")
    assert list(folder.iterdir()) == []
