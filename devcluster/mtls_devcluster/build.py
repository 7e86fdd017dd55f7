"""Build the control plane's programs that are not there yet, once per version.

Runs go, writes into the cache folder. A program gets its name when it is complete and not before,
so that an interruption costs the part under way and nothing else. Called by the command line and
by the test suite.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from mtls_devcluster.binaries import PACKAGES, Binaries, Search, find_binaries
from mtls_devcluster.errors import ProcessFailed
from mtls_devcluster.locks import exclusive
from mtls_devcluster.paths import GO_MODULE
from mtls_devcluster.processes import Program, Supervisor, stop_recorded
from mtls_devcluster.progress import Progress
from mtls_devcluster.toolchain import ensure_go, wanted_versions
from mtls_devcluster.versions import ControlPlaneVersions, Version

_VERSION_PACKAGE = "k8s.io/component-base/version"
_PARTIAL = ".partial-"
_ADVICE = (
    "What is finished is kept. Check the connection, the free disk space (the module cache takes 1 GB) "
    "and the settings of Go (go env GOPROXY), then try again: mtls-devcluster build"
)


def ensure_binaries(environment: Mapping[str, str], progress: Progress) -> Binaries:
    """Return the control plane's programs, building those that are missing.

    Raises:
        ProcessFailed: go failed; the error ends with its last lines.
        DevClusterError: There is no Go and its wheel could not be installed.
    """
    versions = wanted_versions()
    search = find_binaries(environment, versions)
    _say_what_assets_lack(search, progress)
    if not search.missing:
        return search.binaries()
    with exclusive(
        search.cache / ".lock", lambda: progress.say("Another build is under way; waiting for it.")
    ):
        search = find_binaries(environment, versions)
        if search.missing:
            _build_all(search, versions, environment, progress)
    return find_binaries(environment, versions).binaries()


def go_build_command(go: Path, name: str, kubernetes: Version, output: Path) -> tuple[str, ...]:
    """Return the command that builds one program.

    Without the version flags the API server calls itself v0.0.0-master, which clients that look
    at the version take for an ancient one.
    """
    stamps = {
        "gitVersion": str(kubernetes),
        "gitMajor": str(kubernetes.major),
        "gitMinor": str(kubernetes.minor),
        "gitTreeState": "clean",
    }
    ldflags = " ".join(["-s -w", *(f"-X {_VERSION_PACKAGE}.{key}={value}" for key, value in stamps.items())])
    return (
        *(str(go), "build", "-mod=readonly", "-trimpath", "-buildvcs=false"),
        *("-ldflags", ldflags, "-o", str(output), PACKAGES[name]),
    )


def _say_what_assets_lack(search: Search, progress: Progress) -> None:
    lacking = search.not_in_assets()
    if lacking:
        progress.say(f"KUBEBUILDER_ASSETS ({search.assets}) has no {', '.join(lacking)}; taking our own.")


def _build_all(
    search: Search, versions: ControlPlaneVersions, environment: Mapping[str, str], progress: Progress
) -> None:
    for leftover in search.cache.glob(f"{_PARTIAL}*"):
        leftover.unlink()
    progress.say(
        f"Building the control plane {versions.kubernetes} (once; about seven minutes on two cores). "
        "It may be interrupted: what is finished is kept."
    )
    with progress.step("Looking for Go"):
        go = ensure_go(environment)
    for number, name in enumerate(search.missing, start=1):
        with progress.step(f"Building {name} ({number} of {len(search.missing)})"):
            _build_one(go, name, search.cache, versions.kubernetes, environment)


def _build_one(
    go: Path, name: str, folder: Path, kubernetes: Version, environment: Mapping[str, str]
) -> None:
    partial = folder / f"{_PARTIAL}{os.getpid()}-{name}"
    program = Program(
        name=f"build-{name}",
        command=go_build_command(go, name, kubernetes, partial),
        environment={
            **environment,
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",  # nothing is downloaded behind the user's back
            "GOWORK": "off",
            "GOFLAGS": "",
        },
        directory=GO_MODULE,
    )
    logs = folder.parent / "log"
    stop_recorded(logs)  # a killed launcher's go may still be on its way out
    try:
        with Supervisor(logs) as supervisor:
            build = supervisor.start(program)
            if build.wait() != 0:
                raise ProcessFailed(f"Building {name} failed. {_ADVICE}", build.log)
            partial.replace(folder / name)
    finally:
        partial.unlink(missing_ok=True)
