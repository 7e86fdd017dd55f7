"""`make up` and `make down`: the same environment, left running to work with.

State is in `.dev/`: `kubeconfig`, `env` to be sourced, `clients/`, and logs in `run/`.
"""

import datetime as dt
import os
import shlex
import shutil
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
_RUN: Final = FOLDER / "run"
_PROGRAMS: Final = frozenset(
    {"etcd", "kube-apiserver", "kube-controller-manager", "simulator", "rs-1", "rs-2", "operator"}
)


def bring_up(now: dt.datetime, progress: Progress) -> None:
    """Start the environment, unless it runs already; a stale one is cleared away first."""
    alive = {record.name for record in recorded(_RUN)}
    if alive >= _PROGRAMS and _answers():
        progress.say("The environment is up already; its examples are applied again.")
        apply_examples(_kubectl(), progress)
        progress.say(_things_to_try())
        return
    if alive or FOLDER.exists():
        _clear_stale(alive, progress)
    with Supervisor(_RUN) as supervisor:
        environment = start_environment(supervisor, FOLDER, now, progress)
        shutil.copy(environment.cluster.kubeconfig, FOLDER / "kubeconfig")
        _write_env(environment)
        apply_examples(environment.kubectl, progress)
        for name in ("payments", "reports"):
            folder = FOLDER / "clients" / name
            export_client(environment.kubectl, namespace="team-a", secret=name, folder=folder)
        supervisor.release()
    progress.say(_things_to_try())


def take_down(progress: Progress) -> None:
    """End what `make up` started, and nothing else."""
    ended = stop_recorded(_RUN)
    if not ended:
        progress.say("Nothing was running. Next: make up")
        return
    progress.say(f"Ended {', '.join(ended)}. The logs are kept in .dev/run. Next: make up")


def _answers() -> bool:
    try:
        return "ok" in _kubectl()("get", "--raw", "/readyz")
    except KubectlError:
        return False


def _kubectl() -> Kubectl:
    return Kubectl(program=link_kubectl(os.environ), kubeconfig=FOLDER / "kubeconfig")


def _clear_stale(alive: set[str], progress: Progress) -> None:
    """An environment that is half there is of no use: its certificates and state belong together."""
    if alive:
        missing = ", ".join(sorted(_PROGRAMS - alive)) or "an answer"
        progress.say(f"An earlier environment is there without {missing}; it is ended and made anew.")
        stop_recorded(_RUN)
    shutil.rmtree(FOLDER)


def _write_env(environment: Environment) -> None:
    simulator = environment.simulator
    variables = {
        "KUBECONFIG": str(FOLDER / "kubeconfig"),
        "SIMULATOR_API": simulator.api,
        "SIMULATOR_ADMIN": simulator.admin,
        **simulator.environment(),
        "LOAD_BALANCER_ID": LOAD_BALANCER,
        "LOAD_BALANCER_ADDRESS": environment.block.load_balancer,
        "SERVICES": " ".join(SERVICES),
        "SERVICES_NAMESPACE": SERVICES_NAMESPACE,
    }
    path = FOLDER / "env"
    path.touch(mode=0o600)
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))


def _things_to_try() -> str:
    return """
The environment is up. Things to try:

  source .dev/env && export PATH="$PWD/.venv/bin:$PATH"
  kubectl get mtls -A                                    # the three kinds, Ready
  kubectl describe mutualtlslistener api -n platform
  (cd .dev/clients/payments &&
   curl --cert client.crt --key client.key --cacert ca.crt \\
        --resolve "api.acme.example:8443:$LOAD_BALANCER_ADDRESS" https://api.acme.example:8443/)
  (cd .dev/clients/payments && curl --cacert ca.crt \\
        --resolve "api.acme.example:8443:$LOAD_BALANCER_ADDRESS" https://api.acme.example:8443/)   # refused
  curl -s "$SIMULATOR_ADMIN/state"                       # what the simulated cloud holds
  tail -f .dev/run/operator.log

In the end: make down"""
