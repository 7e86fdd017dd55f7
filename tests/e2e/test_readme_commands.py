"""Every block of README.md does what the page says: manifests apply, commands run."""

import datetime as dt
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import page

from mtls_devcluster.build import ensure_binaries
from mtls_devcluster.cluster import Kubectl
from mtls_devcluster.controlplane import ControlPlane, start_control_plane
from mtls_devcluster.environment import install_our_kinds
from mtls_devcluster.paths import REPOSITORY
from mtls_devcluster.processes import Supervisor
from mtls_devcluster.progress import ConsoleProgress
from mtls_devcluster.toolchain import link_kubectl

README = (REPOSITORY / "README.md").read_text()
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [_unindented(m.group(3), m.group(1)) for m in BLOCK.finditer(README) if m.group(2) == language]


def _unindented(text: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))


def make_targets() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line.split()[1] for line in lines if line.startswith("make ")]


@pytest.mark.parametrize("target", make_targets())
def test_every_make_target_of_the_page_exists(target: str) -> None:
    """What they do is tested where it is slow to do: test_demo_command and test_up_and_down."""
    run = subprocess.run(
        ["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_links_lead_somewhere() -> None:
    """Also to headings, of the page itself and of others."""
    for written, target, heading in page.links(REPOSITORY / "README.md"):
        assert target.exists(), written
        assert not heading or heading in page.headings(target), written


def test_the_ten_lines_are_at_most_ten(kubectl: Kubectl, namespace: str) -> None:
    (manifest,) = blocks("yaml")
    assert len(manifest.splitlines()) <= 10
    ours = manifest.replace("namespace: team-a", f"namespace: {namespace}")
    kubectl("apply", "--dry-run=server", "-f", "-", stdin=ours)


@pytest.fixture
def fresh_cluster(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Kubectl]:
    """A cluster that nothing is installed in, since the page installs; the programs are there by now."""
    del control_plane
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - servers compare it with the real time
    with Supervisor(tmp_path / "run") as supervisor:
        binaries = ensure_binaries(os.environ, ConsoleProgress())
        plane = start_control_plane(
            supervisor, binaries, tmp_path / "cluster", now, before_controllers=install_our_kinds
        )
        yield Kubectl(program=link_kubectl(os.environ), kubeconfig=plane.cluster.kubeconfig)


def test_the_installation_installs(fresh_cluster: Kubectl) -> None:
    (install,) = [block for block in blocks("sh") if "apply -k" in block]
    environment = {
        **os.environ,
        "PATH": f"{fresh_cluster.program.parent}:{os.environ['PATH']}",
        "KUBECONFIG": str(fresh_cluster.kubeconfig),
        "TENCENTCLOUD_SECRET_ID": "AKIDexample",
        "TENCENTCLOUD_SECRET_KEY": "example",
    }
    run = subprocess.run(
        ["bash", "-euc", install],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    image = fresh_cluster(
        *("get", "deployment", "clb-mtls-operator", "--namespace", "clb-mtls-system"),
        *("-o", "jsonpath={.spec.template.spec.containers[0].image}"),
    )
    assert image.startswith("clb-mtls-operator:")
