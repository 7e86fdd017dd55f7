"""Run the command blocks of a page as one session of a shell, the way a reader would."""

import os
import re
import subprocess
import sys
from pathlib import Path

from simulator.free_ports import free_ports

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("9000", "9001")


def session(page: Path, *, tools: tuple[str, ...] = ()) -> str:
    """Return the blocks of a page as a script for bash; one marked with a tool needs it in `tools`."""
    lines = ["set -euo pipefail"]
    for language, mark, body in BLOCK.findall(page.read_text()):
        if mark.strip() and mark.strip() not in tools:
            continue
        lines.append(body if language == "sh" else f"python - <<'PYTHON'\n{body}PYTHON")
    script = "\n".join(lines)
    for port, free in zip(PORTS, free_ports(len(PORTS)), strict=True):
        script = script.replace(f":{port}", f":{free}")
    return script


def run(page: Path, directory: Path, *, tools: tuple[str, ...] = ()) -> str:
    """Run a page's blocks in a directory and return what they print."""
    home = {"HOME": str(directory), "NO_PROXY": "*", "no_proxy": "*", "PYTHONUNBUFFERED": "1"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = session(page, tools=tools)
    done = subprocess.run(
        # Whatever fails, the simulator must not outlive the shell.
        ["bash", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nset -m\n{script}"],
        cwd=directory,
        env={**os.environ, **home, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
