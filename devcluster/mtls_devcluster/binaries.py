"""Which programs make a control plane, and where they come from.

Looks at files, runs nothing. Used by `build`, which makes what is missing, and by `controlplane`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtls_devcluster.paths import cache_directory
from mtls_devcluster.versions import ControlPlaneVersions

PACKAGES: Final[Mapping[str, str]] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
"""The Go package of each program, in the order in which they are built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """The control plane's programs."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is there and what is not.

    Attributes:
        found: Program name to path.
        missing: The names of those that must be built.
        assets: The folder KUBEBUILDER_ASSETS, when it is set.
        cache: The folder for what is built.
    """

    found: Mapping[str, Path]
    missing: tuple[str, ...]
    assets: Path | None
    cache: Path

    def binaries(self) -> Binaries:
        """Return the programs. Call it when nothing is missing (KeyError)."""
        return Binaries(
            etcd=self.found["etcd"],
            kube_apiserver=self.found["kube-apiserver"],
            kube_controller_manager=self.found["kube-controller-manager"],
        )

    def not_in_assets(self) -> list[str]:
        """Return what KUBEBUILDER_ASSETS lacks; nothing when it is not set."""
        if self.assets is None:
            return []
        return [name for name in PACKAGES if not is_program(self.assets / name)]


def find_binaries(environment: Mapping[str, str], versions: ControlPlaneVersions) -> Search:
    """Look for the programs: first in KUBEBUILDER_ASSETS, then in the cache of these versions."""
    assets = Path(environment["KUBEBUILDER_ASSETS"]) if environment.get("KUBEBUILDER_ASSETS") else None
    cache = cache_directory(environment) / "controlplane" / versions.label / "bin"
    found = {
        name: folder / name
        for name in PACKAGES
        for folder in (cache, assets)  # the later one wins
        if folder is not None and is_program(folder / name)
    }
    missing = tuple(name for name in PACKAGES if name not in found)
    return Search(found=found, missing=missing, assets=assets, cache=cache)


def is_program(path: Path) -> bool:
    """Whether this is a file that may be run."""
    return path.is_file() and os.access(path, os.X_OK)
