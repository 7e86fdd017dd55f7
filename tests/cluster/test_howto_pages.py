"""Every command of docs/how-to/ does what its page says, on a real API server with the operator and TLS."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import page
from cluster.tenant import World

from mtls_devcluster.environment import EXAMPLES, LOAD_BALANCER
from mtls_devcluster.paths import REPOSITORY
from mtls_operator.core.nodes import EXCLUDE_LABEL
from mtls_operator.core.policy import matches

pytestmark = pytest.mark.cluster

DOCS = REPOSITORY / "docs"
HOW_TO = DOCS / "how-to"
NAMESPACES = ("platform", "team-a", "team-b", "pki")
READY = ("--for=condition=Ready", "--timeout=60s")


@pytest.fixture
def reader(world: World, tmp_path: Path) -> Iterator[Path]:
    """A folder as the repository is after `make up`, as far as the pages use it."""
    world.operator.ensure_usual()
    environment = world.environment
    variables = {
        "KUBECONFIG": str(environment.cluster.kubeconfig),
        "OPERATOR_CRL": environment.operator_crl,
        "OPERATOR_METRICS": environment.operator_metrics,
        "SIMULATOR_ADMIN": environment.simulator.admin,
        "LOAD_BALANCER_ADDRESS": environment.block.load_balancer,
        "LOAD_BALANCER_ID": LOAD_BALANCER,
        "SIMULATOR_API": environment.simulator.api,
        **environment.simulator.environment(),
    }
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    (tmp_path / ".dev").mkdir()
    (tmp_path / ".dev" / "env").write_text("".join(lines))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "examples").symlink_to(EXAMPLES)
    yield tmp_path
    without_draining(world)
    objects = "mutualtlslisteners,clientcerts,certificateauthorities"
    for namespace in NAMESPACES:
        environment.kubectl("delete", objects, "--all", "--namespace", namespace, "--timeout=60s")


def read(name: str, folder: Path) -> None:
    """Do what a page says."""
    home = {"HOME": str(folder), "NO_PROXY": "*", "no_proxy": "*"}
    page.run(HOW_TO / name, folder, {**os.environ, **home})


def apply_examples(world: World) -> None:
    """What `make up` has applied, as far as the pages use it."""
    kubectl = world.environment.kubectl
    kubectl(
        "apply", *(f"--filename={EXAMPLES / name}.yaml" for name in ("authority", "client-cert", "listener"))
    )
    kubectl("wait", "certificateauthority/clients", "mutualtlslistener/api", "--namespace=platform", *READY)
    kubectl("wait", "clientcert/payments", "--namespace=team-a", *READY)
    without_draining(world)


def without_draining(world: World) -> None:
    """Spare every deletion the half minute that targets get by default."""
    for one in world.kube.list("MutualTLSListener"):
        namespace, name = one["metadata"]["namespace"], one["metadata"]["name"]
        world.kube.merge("MutualTLSListener", namespace, name, {"spec": {"drainPeriod": "0s"}})


def test_rotating_a_root(world: World, reader: Path) -> None:
    apply_examples(world)
    read("rotate-a-root.md", reader)


def test_revoking_and_evicting(world: World, reader: Path) -> None:
    apply_examples(world)
    read("revoke-a-certificate.md", reader)


def test_bringing_a_root(reader: Path) -> None:
    read("bring-your-own-ca.md", reader)


def test_letting_teams_serve_themselves(reader: Path) -> None:
    read("self-service-policy.md", reader)


def test_backing_up_and_restoring(world: World, reader: Path) -> None:
    apply_examples(world)
    read("backup-and-restore.md", reader)


def test_noticing_drift(world: World, reader: Path) -> None:
    apply_examples(world)
    read("drift.md", reader)


def test_deleting_a_listener(world: World, reader: Path) -> None:
    apply_examples(world)
    read("delete-a-listener.md", reader)
    for listener in world.cloud.listeners(LOAD_BALANCER):
        world.cloud.change("DeleteListener", LoadBalancerId=LOAD_BALANCER, ListenerId=listener["ListenerId"])


def test_verifying_a_listener(world: World, reader: Path) -> None:
    apply_examples(world)
    read("verify-a-listener.md", reader)


@pytest.fixture
def usual_nodes(world: World) -> Iterator[None]:
    """Gives nodes and Service back what the page about nodes takes, wherever it ended."""
    yield
    kubectl = world.environment.kubectl
    for label in ("pool-", f"{EXCLUDE_LABEL}-"):
        kubectl("label", "node", "node-1", "node-2", label)
    patch = '{"spec": {"externalTrafficPolicy": "Cluster"}}'
    kubectl("patch", "service", "web", "--namespace=platform", f"--patch={patch}")
    kubectl("delete", "endpointslice", "web-by-hand", "--namespace=platform", "--ignore-not-found")


@pytest.mark.usefixtures("usual_nodes")
def test_choosing_nodes(world: World, reader: Path) -> None:
    apply_examples(world)
    read("choose-nodes.md", reader)


def test_adopting_a_listener(reader: Path) -> None:
    read("adopt-a-listener.md", reader)


def test_one_certificate_for_all_domains(world: World, reader: Path) -> None:
    apply_examples(world)
    read("one-certificate-for-all-domains.md", reader)


def test_a_certificate_for_each_domain(world: World, reader: Path) -> None:
    apply_examples(world)
    read("a-certificate-per-domain.md", reader)


def test_moving_a_listener(world: World, reader: Path) -> None:
    apply_examples(world)
    read("move-a-listener.md", reader)


def test_the_patterns_of_the_page_admit_and_refuse_what_it_says() -> None:
    table = page.rows(HOW_TO / "self-service-policy.md", "pattern", "admits", "refuses")
    assert len(table) > 5
    for pattern, admitted, refused in table:
        assert matches(pattern, admitted, namespace="team-a"), pattern
        assert not matches(pattern, refused, namespace="team-a"), pattern


def test_every_page_is_run() -> None:
    source = Path(__file__).read_text()
    assert [path.name for path in HOW_TO.glob("*.md") if f'read("{path.name}"' not in source] == []


@pytest.mark.parametrize("name", sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")))
def test_links_lead_somewhere(name: str) -> None:
    for written, target, heading in page.links(DOCS / name):
        assert target.exists(), written
        assert not heading or heading in page.headings(target), written
