"""Version numbers: of Go, kubectl and the control plane.

Pure. `devcluster/controlplane/go.mod` is the one place where the control plane's versions are set;
`toolchain` and `build` read them through here.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple, Self

from mtls_devcluster.errors import DevClusterError


class Version(NamedTuple):
    """A version as its three numbers; pre-release and build parts are dropped."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the first version in a text such as `go version go1.26.8 linux/amd64`.

        Raises:
            DevClusterError: There is no version in it.
        """
        found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
        if found is None:
            raise DevClusterError(f"No version number in {text!r}.")
        major, minor, patch = found.groups(default="0")
        return cls(int(major), int(minor), int(patch))

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"

    def is_within_one_minor_of(self, other: Self) -> bool:
        """Whether kubectl of this version supports an API server of the other (the skew policy)."""
        return self.major == other.major and abs(self.minor - other.minor) <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneVersions:
    """What go.mod asks for."""

    go: Version
    kubernetes: Version
    etcd: Version

    @property
    def label(self) -> str:
        """The name of the cache folder that holds these versions' programs."""
        return f"{self.kubernetes}-etcd-{self.etcd}"


def parse_go_mod(text: str) -> ControlPlaneVersions:
    """Read the versions out of the control plane's go.mod.

    Raises:
        DevClusterError: One of them is missing.
    """
    return ControlPlaneVersions(
        go=_version_after(r"^go ", text),
        kubernetes=_version_after(r"^\s*k8s\.io/kubernetes ", text),
        etcd=_version_after(r"^\s*go\.etcd\.io/etcd/server/v3 ", text),
    )


def _version_after(prefix: str, text: str) -> Version:
    found = re.search(prefix + r"v?(\d\S*)", text, re.MULTILINE)
    if found is None:
        raise DevClusterError(f"devcluster/controlplane/go.mod has no line that matches {prefix!r}.")
    return Version.parse(found[1])
