"""`clb-simulator serve`: starts, says where it listens, refuses wrong options, and ends cleanly on SIGTERM.

Source: a property of the simulator.
"""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import httpx
import pytest
from click.testing import CliRunner

from clb_simulator.cli import main

COMMAND = (sys.executable, "-m", "clb_simulator", "serve", "--data-plane", "none")


@contextmanager
def running(*options: str) -> Iterator[tuple["subprocess.Popen[str]", IO[str]]]:
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_says_where_it_listens_and_ends_on_sigterm() -> None:
    with running("--secret-id", "id", "--secret-key", "key", "--task-time", "20ms") as (process, output):
        line = output.readline()
        addresses = re.findall(r"http://127\.0\.0\.1:\d+", line)
        assert len(addresses) == 2, line
        assert httpx.get(f"{addresses[1]}/readyz").json() == {"ready": True}
        assert httpx.get(f"{addresses[1]}/settings").json()["task_seconds"] == 0.02
        assert "SecretIdNotFound" not in line
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_makes_credentials_when_none_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID", raising=False)
    monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY", raising=False)
    with running() as (_, output):
        assert output.readline().startswith("TENCENTCLOUD_SECRET_ID=AKID")
        assert output.readline().startswith("TENCENTCLOUD_SECRET_KEY=")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--listen", "0.0.0.0:80"], "not a loopback address"),
        (["--admin", "127.0.0.1"], "not a loopback address"),
        (["--task-time", "soon"], "not a duration"),
        (["--secret-id", "x", "--secret-key", ""], "belong together"),
        (["--switch", "nonsense=1"], "There is no switch nonsense"),
        (["--switch", "busy_wording=rude"], "busy_wording"),
        (["--state", "/proc/none/state"], "cannot be used as a state file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_option_is_refused_with_a_sentence(options: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, ["serve", *options])
    assert result.exit_code != 0
    assert sentence in result.output
