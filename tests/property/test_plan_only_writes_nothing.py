"""Whatever the cloud looks like and whatever is asked for: a pass that only plans writes nothing to it."""

import asyncio

from builders import node
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from property.converged_worlds import ALONE, copied
from property.door_watch import REF
from property.listener_cases import manifests
from property.vandalism import DEEDS, Deed

from mtls_operator.api.meta import PLAN_FOR_ANNOTATION, PLAN_ONLY_ANNOTATION, Kind

_LISTENER = Kind.MUTUAL_TLS_LISTENER


@given(
    data=st.data(),
    sni=st.booleans(),
    deeds=st.lists(DEEDS, max_size=3),
    mark=st.sampled_from([PLAN_ONLY_ANNOTATION, PLAN_FOR_ANNOTATION]),
)
@settings(
    deadline=None,
    max_examples=60,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_a_plan_changes_neither_the_cloud_nor_a_secret(
    data: st.DataObject, deeds: list[Deed], mark: str, *, sni: bool
) -> None:
    world, manifest = copied(ALONE[sni]), data.draw(manifests(sni=sni, pairs=False))
    world.view.held_nodes = [node(1), node(2, labels={"pool": "two"}), node(3)]
    for deed in deeds:
        deed(world)
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
