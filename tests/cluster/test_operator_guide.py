"""The examples, applied as they are, do the whole guide."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.kube_api import OUR_KINDS
from cluster.tenant import World

from mtls_devcluster.client_files import ClientFiles, export_client
from mtls_devcluster.demo import apply_examples
from mtls_devcluster.environment import EXAMPLES
from mtls_devcluster.progress import ConsoleProgress
from mtls_devcluster.proofs import Clients, guide_proofs, prove

pytestmark = pytest.mark.cluster

EVERY_FIELD = EXAMPLES / "every-field.yaml"
AUTHORITY = f"--filename={EXAMPLES / 'authority.yaml'}"


@pytest.fixture
def guide(world: World) -> Iterator[World]:
    """The examples, applied and Ready; gone at the end."""
    world.operator.ensure_usual()
    kubectl = world.environment.kubectl
    apply_examples(kubectl, ConsoleProgress())
    yield world
    files = [
        f"--filename={EXAMPLES / name}.yaml" for name in ("listener", "method-2", "client-cert", "authority")
    ]
    # The examples drain for as long as is usual, which is 30 seconds.
    kubectl("delete", *files, "--timeout=60s")


def test_both_methods_of_the_guide_are_proved(guide: World, tmp_path: Path) -> None:
    """Served by rs-1 and rs-2 in turn with the right certificate, refused without one or with another's."""
    clients = Clients(
        payments=_export(guide, "payments", tmp_path), reports=_export(guide, "reports", tmp_path)
    )
    seen = {
        f"{title}: {proof.claim}": prove(proof)
        for title, proofs in guide_proofs(clients, guide.environment.block.load_balancer)
        for proof in proofs
    }
    assert len(seen) == 9
    assert [f"{claim}: {verdict.seen}" for claim, verdict in seen.items() if not verdict.holds] == []


def test_a_second_apply_changes_nothing(guide: World) -> None:
    """kubectl may call it configured: it sends lists whole, without the defaults inside them."""
    before = _generations(guide)
    guide.environment.kubectl(
        "apply", *(f"--filename={path}" for path in EXAMPLES.glob("*.yaml") if path != EVERY_FIELD)
    )
    assert len(before) == 6
    assert _generations(guide) == before


def test_every_field_at_once(world: World) -> None:
    """It is done, and a second apply changes nothing."""
    world.operator.ensure_usual()
    kubectl, files = world.environment.kubectl, (AUTHORITY, f"--filename={EVERY_FIELD}")
    nodes = [node["metadata"]["name"] for node in world.kube.list("Node")]
    kubectl("label", "node", *nodes, "acme.example/serves=true")
    try:
        kubectl("apply", *files)
        kubectl("wait", *files, "--for=condition=Ready", "--timeout=60s")
        before = _generations(world)
        kubectl("apply", *files)
        assert _generations(world) == before
    finally:
        kubectl("delete", *files, "--timeout=60s")
        kubectl("label", "node", *nodes, "acme.example/serves-")


def _generations(world: World) -> dict[str, int]:
    namespaces = ("platform", "team-a")
    found = [one for kind in OUR_KINDS for space in namespaces for one in world.kube.list(kind, space)]
    return {one["metadata"]["uid"]: one["metadata"]["generation"] for one in found}


def _export(world: World, name: str, folder: Path) -> ClientFiles:
    return export_client(world.environment.kubectl, namespace="team-a", secret=name, folder=folder / name)
