"""Whatever the cloud looks like and whatever is asked for: a pass that only plans writes nothing to it."""

import asyncio
from typing import Any

from builders import node
from hypothesis import given, settings
from hypothesis import strategies as st
from property.test_plan_fail_closed import DISORDER, PROFILE, REF, Disorder, cases, disturb
from unit.fakes.world import World

from mtls_operator.api.meta import PLAN_FOR_ANNOTATION, PLAN_ONLY_ANNOTATION, Kind

_LISTENER = Kind.MUTUAL_TLS_LISTENER


@given(case=cases(), disorder=DISORDER, mark=st.sampled_from([PLAN_ONLY_ANNOTATION, PLAN_FOR_ANNOTATION]))
@settings(PROFILE, max_examples=60)
def test_a_plan_changes_neither_the_cloud_nor_a_secret(
    case: tuple[World, dict[str, Any]], disorder: Disorder, mark: str
) -> None:
    world, manifest = case
    world.view.held_nodes = [node(1), node(2, labels={"pool": "two"}), node(3)]
    disturb(world, disorder)
    name, value = ("draft", REF.name) if mark == PLAN_FOR_ANNOTATION else (REF.name, "true")
    manifest["metadata"] |= {"name": name, "annotations": {mark: value}}
    world.apply(manifest)
    state, uploads, secrets = (
        dict(world.balancers.state),
        dict(world.store.uploads),
        dict(world.kube.secrets),
    )

    for _ in range(2):
        asyncio.run(world.reconcile(_LISTENER, name))

    assert world.faults.cloud_writes == []
    assert (world.balancers.state, world.store.uploads, world.kube.secrets) == (state, uploads, secrets)
    assert world.faults.writes in ([], [f"apply status MutualTLSListener edge/{name}"])
    assert "conditions" in world.status(_LISTENER, name)
