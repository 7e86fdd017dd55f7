"""`make up` and `make down`: the same environment, left running to work with.

State is in one folder, `.dev` unless said otherwise: `kubeconfig`, `env` to be sourced, `clients/`, and
logs in `run/`.
"""

import datetime as dt
import os
import shlex
import shutil
from pathlib import Path
from typing import Final

from mtls_devcluster.client_files import export_client
from mtls_devcluster.cluster import Kubectl, KubectlError
from mtls_devcluster.demo import apply_examples
from mtls_devcluster.environment import (
    LOAD_BALANCER,
    SERVICES,
    SERVICES_NAMESPACE,
    Environment,
    start_environment,
)
from mtls_devcluster.paths import REPOSITORY
from mtls_devcluster.processes import Supervisor, recorded, stop_recorded
from mtls_devcluster.progress import Progress
from mtls_devcluster.toolchain import link_kubectl

FOLDER: Final = REPOSITORY / ".dev"
_PROGRAMS: Final = frozenset(
    {"etcd", "kube-apiserver", "kube-controller-manager", "simulator", "rs-1", "rs-2", "operator"}
)
_CLIENTS: Final = ("payments", "reports")


def bring_up(folder: Path, now: dt.datetime, progress: Progress) -> None:
    """Start the environment, unless it runs already; a stale one is cleared away first."""
    alive = {record.name for record in recorded(folder / "run")}
    if alive >= _PROGRAMS and _answers(folder):
        progress.say("The environment is up already; its examples are applied again.")
        apply_examples(_kubectl(folder), progress)
    else:
        _clear_stale(folder, alive, progress)
        _start(folder, now, progress)
    progress.say(_things_to_try(folder))


def take_down(folder: Path, progress: Progress) -> None:
    """End what `bring_up` started, and nothing else."""
    ended = stop_recorded(folder / "run")
    if not ended:
        progress.say("Nothing was running. Next: make up")
        return
    progress.say(f"Ended {', '.join(ended)}. The logs are kept in {_shown(folder)}/run. Next: make up")


def _start(folder: Path, now: dt.datetime, progress: Progress) -> None:
    with Supervisor(folder / "run") as supervisor:
        environment = start_environment(supervisor, folder, now, progress)
        shutil.copy(environment.cluster.kubeconfig, folder / "kubeconfig")
        _write_env(folder, environment)
        apply_examples(environment.kubectl, progress)
        for name in _CLIENTS:
            to = folder / "clients" / name
            export_client(environment.kubectl, namespace="team-a", secret=name, folder=to)
        supervisor.release()


def _answers(folder: Path) -> bool:
    try:
        return "ok" in _kubectl(folder)("get", "--raw", "/readyz")
    except KubectlError:
        return False


def _kubectl(folder: Path) -> Kubectl:
    return Kubectl(program=link_kubectl(os.environ), kubeconfig=folder / "kubeconfig")


def _clear_stale(folder: Path, alive: set[str], progress: Progress) -> None:
    """An environment that is half there is of no use: its certificates and state belong together."""
    if alive:
        missing = ", ".join(sorted(_PROGRAMS - alive)) or "an answer"
        progress.say(f"An earlier environment is there without {missing}; it is ended and made anew.")
        stop_recorded(folder / "run")
    if folder.exists():
        shutil.rmtree(folder)


def _write_env(folder: Path, environment: Environment) -> None:
    simulator = environment.simulator
    variables = {
        "KUBECONFIG": str(folder / "kubeconfig"),
        "SIMULATOR_API": simulator.api,
        "SIMULATOR_ADMIN": simulator.admin,
        "OPERATOR_CRL": environment.operator_crl,
        "OPERATOR_METRICS": environment.operator_metrics,
        **simulator.environment(),
        "LOAD_BALANCER_ID": LOAD_BALANCER,
        "LOAD_BALANCER_ADDRESS": environment.block.load_balancer,
        "SERVICES": " ".join(SERVICES),
        "SERVICES_NAMESPACE": SERVICES_NAMESPACE,
    }
    path = folder / "env"
    path.touch(mode=0o600)
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))


def _shown(folder: Path) -> Path:
    """The folder as a person in the repository would name it."""
    return folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder


def _things_to_try(folder: Path) -> str:
    return _TO_TRY.replace(".dev", str(_shown(folder)))


_TO_TRY: Final = """
The environment is up. Things to try:

  source .dev/env && export PATH="$PWD/.venv/bin:$PATH"
  kubectl get mtls -A                                    # the three kinds, Ready
  kubectl describe mutualtlslistener api -n platform
  kubectl mtls issued --ca platform/clients              # every certificate that the authority has signed
  kubectl mtls revoke team-a/reports --reason Superseded # what that does, and what CLB makes of it
  (cd .dev/clients/payments &&
   curl --cert client.crt --key client.key --cacert ca.crt \\
        --resolve "api.acme.example:8443:$LOAD_BALANCER_ADDRESS" https://api.acme.example:8443/)
  (cd .dev/clients/payments && curl --cacert ca.crt \\
        --resolve "api.acme.example:8443:$LOAD_BALANCER_ADDRESS" https://api.acme.example:8443/)   # refused
  curl -s "$SIMULATOR_ADMIN/state"                       # what the simulated cloud holds
  curl -s "$OPERATOR_CRL/ca/platform/clients.crt"        # an authority's roots, for anybody
  tail -f .dev/run/operator.log

In the end: make down"""
