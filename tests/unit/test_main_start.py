"""The program's start: what keeps it from beginning is said in one line, with an exit status of its own."""

import socket
import subprocess
import sys
from pathlib import Path

SETTINGS = {
    "TENCENTCLOUD_SECRET_ID": "id",
    "TENCENTCLOUD_SECRET_KEY": "key",
    "TENCENTCLOUD_REGION": "ap-guangzhou",
}


def test_a_port_for_the_lists_that_is_taken_ends_it_before_it_does_anything(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = tmp_path / "operator.yaml"
        settings.write_text(f"{{crlAddress: 127.0.0.1, crlPort: {port}}}")
        command = (sys.executable, "-m", "mtls_operator", "--config", str(settings))
        environment = {**SETTINGS, "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"cannot be served at 127.0.0.1 port {port}: Address already in use." in line
