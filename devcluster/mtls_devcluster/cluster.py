"""A cluster to talk to: the one that was started here, or one that the user named.

Reads and writes kubeconfigs and runs kubectl. Everything above the control plane (examples,
operator, tests) knows a cluster by this value alone.
"""

import base64
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from mtls_devcluster.credentials import KeyPair
from mtls_devcluster.errors import DevClusterError

_KUBECTL_SECONDS = 120


class KubectlError(DevClusterError):
    """kubectl ended with an error; `stderr` is what it said."""

    def __init__(self, arguments: tuple[str, ...], stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)}: {stderr.strip()}")
        self.stderr = stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster, as somebody who may administer it.

    Attributes:
        kubeconfig: The administrator's kubeconfig.
        server: The URL of the API server.
        ca_pem: Who signed the API server's certificate; None when it is a public CA.
    """

    kubeconfig: Path
    server: str
    ca_pem: bytes | None

    @classmethod
    def existing(cls, kubeconfig: Path, kubectl: Path) -> Self:
        """Take the current context of a kubeconfig.

        Raises:
            DevClusterError: It cannot be read or has no current context.
        """
        command = [str(kubectl), "config", "view", "--minify", "--flatten", "--raw", "--output=yaml"]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if run.returncode != 0:
            raise DevClusterError(f"{kubeconfig} cannot be used: {run.stderr.strip()}")
        cluster = yaml.safe_load(run.stdout)["clusters"][0]["cluster"]
        ca = cluster.get("certificate-authority-data")
        return cls(
            kubeconfig=kubeconfig, server=cluster["server"], ca_pem=base64.b64decode(ca) if ca else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """kubectl with a kubeconfig."""

    program: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run it and return its standard output.

        Raises:
            KubectlError: It ended with an error.
        """
        run = subprocess.run(
            [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_KUBECTL_SECONDS,
        )
        if run.returncode != 0:
            raise KubectlError(arguments, run.stderr)
        return run.stdout


def install_crds(kubectl: Kubectl, folder: Path) -> None:
    """Apply the CustomResourceDefinitions of a folder and wait until they are served.

    Raises:
        KubectlError: The API server refused one.
    """
    kubectl("apply", "--server-side", "-f", str(folder))
    kubectl("wait", "-f", str(folder), "--for=condition=Established", "--timeout=60s")


def write_kubeconfig(
    path: Path, cluster: Cluster, user: Mapping[str, str], namespace: str = "default"
) -> Path:
    """Write a kubeconfig with one context, readable by the owner alone; return its path.

    Args:
        path: Where to; an older file there is replaced at once.
        cluster: What it leads to.
        user: The credentials, in the form of a kubeconfig's `user`.
        namespace: The context's namespace.
    """
    name = "clb-mtls"
    where = {"server": cluster.server}
    if cluster.ca_pem is not None:
        where["certificate-authority-data"] = base64.b64encode(cluster.ca_pem).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": where}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(yaml.safe_dump(content, sort_keys=False))
    return fresh.replace(path)


def certificate_user(pair: KeyPair) -> dict[str, str]:
    """Return a kubeconfig user that presents a client certificate."""
    return {
        "client-certificate-data": base64.b64encode(pair.certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(pair.key.read_bytes()).decode(),
    }


def service_account_kubeconfig(
    path: Path, cluster: Cluster, kubectl: Kubectl, *, namespace: str, name: str, duration: str = "24h"
) -> Path:
    """Write a kubeconfig that is a ServiceAccount, by a token from the TokenRequest API.

    Args:
        path: Where to.
        cluster: What it leads to.
        kubectl: As somebody who may create tokens.
        namespace: The ServiceAccount's namespace.
        name: The ServiceAccount's name; it must exist.
        duration: How long the token is valid, such as `24h`.

    Raises:
        KubectlError: There is no such ServiceAccount, or the API server refused.
    """
    token = kubectl("create", "token", name, "--namespace", namespace, "--duration", duration)
    return write_kubeconfig(path, cluster, {"token": token.strip()}, namespace)
