"""The simulator's README, its tccli block included, does what it says."""

import os
from pathlib import Path

import pytest
from simulator.documents import ROOT, run


def test_the_page_runs_with_tccli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Path(os.environ["TCCLI"]).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    assert "lb-example1" in run(ROOT / "simulator" / "README.md", tmp_path, tools=("tccli",))
