import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from eventually import eventually
from rich.console import Console

from mtls_devcluster.binaries import PACKAGES, find_binaries
from mtls_devcluster.build import ensure_binaries, go_build_command
from mtls_devcluster.errors import ProcessFailed
from mtls_devcluster.progress import ConsoleProgress
from mtls_devcluster.toolchain import wanted_versions
from mtls_devcluster.versions import Version

# Stands for go: "builds" the package's last word, writes down each call, and can be slow or fail.
FAKE_GO = """#!/bin/sh
test "$1" = version && { echo "go version go1.99.1 linux/amd64"; exit 0; }
while test $# -gt 1; do test "$1" = -o && out=$2; shift; done
echo "$1" >> "$FAKE_GO_CALLS"
test "$1" = "$FAKE_GO_FAILS" && { echo "undefined: Frobnicate" >&2; exit 1; }
printf '#!/bin/sh\\n' > "$out"; chmod +x "$out"
test "$1" = "$FAKE_GO_HANGS" && exec sleep 600
echo "echo $1" >> "$out"
"""
API_SERVER = PACKAGES["kube-apiserver"]

BUILD = """
import os
from mtls_devcluster.build import ensure_binaries
from mtls_devcluster.progress import ConsoleProgress
ensure_binaries(os.environ, ConsoleProgress())
"""


class Machine:
    """A machine with a fake Go and an empty cache."""

    def __init__(self, folder: Path) -> None:
        self.calls_file = folder / "calls"
        self.output = io.StringIO()
        program(folder / "path" / "go", FAKE_GO)
        self.environment = {
            "PATH": f"{folder / 'path'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "FAKE_GO_CALLS": str(self.calls_file),
        }
        self.cache = find_binaries(self.environment, wanted_versions()).cache

    def build(self, **more: str) -> Mapping[str, Path]:
        console = Console(file=self.output, width=400)
        environment = {**self.environment, **more}
        ensure_binaries(environment, ConsoleProgress(console))
        return find_binaries(environment, wanted_versions()).found

    def calls(self) -> list[str]:
        return self.calls_file.read_text().split() if self.calls_file.exists() else []

    def launch(self, **more: str) -> subprocess.Popen[str]:
        environment = {**self.environment, **more}
        return subprocess.Popen(
            [sys.executable, "-c", BUILD], env=environment, stdout=subprocess.PIPE, text=True
        )


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_all_programs_are_built_once(machine: Machine) -> None:
    found = machine.build()
    assert set(found) == set(PACKAGES)
    assert machine.calls() == list(PACKAGES.values())
    assert "about seven minutes" in machine.output.getvalue()
    assert "Building kube-apiserver (2 of 3)" in machine.output.getvalue()

    machine.build()
    assert machine.calls() == list(PACKAGES.values())


def test_kubebuilder_assets_are_taken_and_only_the_rest_is_built(machine: Machine, tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    for name in ("etcd", "kube-apiserver"):
        program(assets / name)
    found = machine.build(KUBEBUILDER_ASSETS=str(assets))
    assert found["etcd"] == assets / "etcd"
    assert found["kube-apiserver"] == assets / "kube-apiserver"
    assert found["kube-controller-manager"] == machine.cache / "kube-controller-manager"
    assert machine.calls() == [PACKAGES["kube-controller-manager"]]
    assert f"KUBEBUILDER_ASSETS ({assets}) has no kube-controller-manager" in machine.output.getvalue()


def test_kubebuilder_assets_come_before_what_was_built_earlier(machine: Machine, tmp_path: Path) -> None:
    machine.build()
    chosen = program(tmp_path / "assets" / "etcd")
    found = machine.build(KUBEBUILDER_ASSETS=str(chosen.parent))
    assert found["etcd"] == chosen
    assert found["kube-apiserver"] == machine.cache / "kube-apiserver"


def test_what_cannot_be_run_in_kubebuilder_assets_counts_as_missing(machine: Machine, tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    program(assets / "etcd").chmod(0o644)
    (assets / "kube-apiserver").mkdir()
    search = find_binaries({**machine.environment, "KUBEBUILDER_ASSETS": str(assets)}, wanted_versions())
    assert search.not_in_assets() == list(PACKAGES)
    assert search.missing == tuple(PACKAGES)


def test_an_empty_kubebuilder_assets_is_none(machine: Machine) -> None:
    search = find_binaries({**machine.environment, "KUBEBUILDER_ASSETS": ""}, wanted_versions())
    assert search.assets is None
    assert search.not_in_assets() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_build_keeps_what_is_finished_and_uses_no_half_program(
    machine: Machine, number: signal.Signals
) -> None:
    with machine.launch(FAKE_GO_HANGS=API_SERVER) as launcher:
        half = eventually(lambda: next(machine.cache.glob(".partial-*-kube-apiserver"), None), within=30)
        assert half is not None
        eventually(half.read_text)
        launcher.send_signal(number)
    assert find_binaries(machine.environment, wanted_versions()).missing == (
        "kube-apiserver",
        "kube-controller-manager",
    )

    found = machine.build()

    assert machine.calls().count(PACKAGES["etcd"]) == 1
    assert found["kube-apiserver"].read_text().endswith(f"echo {API_SERVER}\n")
    assert not list(machine.cache.glob(".partial-*"))


def test_a_failed_build_shows_what_go_said_and_what_to_do(machine: Machine) -> None:
    with pytest.raises(ProcessFailed) as caught:
        machine.build(FAKE_GO_FAILS=API_SERVER)
    assert "Building kube-apiserver failed" in str(caught.value)
    assert "undefined: Frobnicate" in str(caught.value)
    assert "try again: mtls-devcluster build" in str(caught.value)
    assert (machine.cache / "etcd").exists()
    assert "✗ Building kube-apiserver" in machine.output.getvalue()


def test_two_builders_do_not_do_the_same_work(machine: Machine) -> None:
    with machine.launch() as one, machine.launch() as other:
        assert [one.wait(60), other.wait(60)] == [0, 0]
    assert sorted(machine.calls()) == sorted(PACKAGES.values())


def test_the_programs_are_told_their_version(tmp_path: Path) -> None:
    command = go_build_command(tmp_path / "go", "kube-apiserver", Version(1, 36, 3), tmp_path / "out")
    flags = command[command.index("-ldflags") + 1]
    assert "-X k8s.io/component-base/version.gitVersion=v1.36.3" in flags
    assert "-X k8s.io/component-base/version.gitMinor=36" in flags
