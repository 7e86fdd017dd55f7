"""`kubectl mtls` as a person runs it: kubectl finds it on PATH.

Starts processes. Used by the cluster tests.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster.tenant import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line and the environment to run it in."""

    line: list[str]
    environment: dict[str, str]


def command(tenant: Tenant, *arguments: str) -> Command:
    """Return `kubectl mtls` in the tenant's namespace."""
    kubectl = tenant.world.environment.kubectl
    return Command(
        line=[str(kubectl.program), "mtls", *arguments, "-n", tenant.namespace],
        environment={
            **os.environ,
            "KUBECONFIG": str(kubectl.kubeconfig),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )


def mtls(tenant: Tenant, *arguments: str, answer: str = "", status: int = 0) -> str:
    """Run it and return what it says; it has to end with this status."""
    wanted = command(tenant, *arguments)
    run = subprocess.run(
        wanted.line,
        env=wanted.environment,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == status, run.stderr
    return run.stdout
