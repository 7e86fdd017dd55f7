"""Whatever somebody does in the console: a plan writes nothing, and Report changes nothing back."""

import asyncio
import copy
from typing import Any

from builders import node
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from property.converged_worlds import ALONE, PAIRED, copied
from property.door_watch import REF
from property.listener_cases import PAIRS, manifests
from property.vandalism import DEEDS, Deed, LoseUpload
from unit.fakes.world import World

from mtls_operator.api.meta import PLAN_FOR_ANNOTATION, PLAN_ONLY_ANNOTATION, Kind
from mtls_operator.core.cloud import CertificateKind

LISTENER = Kind.MUTUAL_TLS_LISTENER
PROFILE = settings(
    deadline=None,
    max_examples=40,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[World, dict[str, Any]]:
    """Return a converged world and the manifest that comes next."""
    sni, pairs = draw(st.booleans()), draw(PAIRS)
    world = copied((PAIRED if pairs and draw(st.booleans()) else ALONE)[sni])
    return world, draw(manifests(sni=sni, pairs=pairs))


def cloud(world: World) -> object:
    return dict(world.balancers.state), dict(world.store.uploads)


@given(
    case=cases(),
    deeds=st.lists(DEEDS, max_size=3),
    mark=st.sampled_from([PLAN_ONLY_ANNOTATION, PLAN_FOR_ANNOTATION]),
)
@PROFILE
def test_a_plan_changes_neither_the_cloud_nor_a_secret(
    case: tuple[World, dict[str, Any]], deeds: list[Deed], mark: str
) -> None:
    world, manifest = case
    world.view.held_nodes = [node(1), node(2, labels={"pool": "two"}), node(3)]
    for deed in deeds:
        deed(world)
    name, value = ("draft", REF.name) if mark == PLAN_FOR_ANNOTATION else (REF.name, "true")
    manifest["metadata"] |= {"name": name, "annotations": {mark: value}}
    world.apply(manifest)
    before, secrets = cloud(world), dict(world.kube.secrets)

    for _ in range(2):
        asyncio.run(world.reconcile(LISTENER, name))

    assert world.faults.cloud_writes == []
    assert (cloud(world), world.kube.secrets) == (before, secrets)
    assert world.faults.writes in ([], [f"apply status MutualTLSListener edge/{name}"])
    assert "conditions" in world.status(LISTENER, name)


@given(sni=st.booleans(), deeds=st.lists(DEEDS, min_size=1, max_size=3))
@PROFILE
def test_with_report_nothing_that_somebody_did_is_undone(*, sni: bool, deeds: list[Deed]) -> None:
    world = copied(ALONE[sni])
    manifest = copy.deepcopy(world.kube.objects[LISTENER, REF])
    manifest["spec"]["driftPolicy"] = "Report"
    world.apply(manifest)
    # A certificate that was replaced goes when each listener has had a pass.
    asyncio.run(world.settle())
    for deed in deeds:
        if deed != LoseUpload(CertificateKind.CA):  # which its authority makes anew, whatever a listener says
            deed(world)
    before = cloud(world)
    world.faults.cloud_writes.clear()

    for _ in range(2):
        asyncio.run(world.pass_over_all())

    assert world.faults.cloud_writes == []
    assert cloud(world) == before
