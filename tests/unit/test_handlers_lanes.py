"""How urgent each event makes a pass: what a person changed goes before what nobody has touched."""

from typing import Any

import pytest
from builders import authority_manifest, listener, listener_manifest
from unit.fakes.listed_api import ListedApi

from mtls_operator.adapters.kube.echoes import Echoes
from mtls_operator.adapters.kube.view import ClusterView
from mtls_operator.api.meta import API_VERSION, SYNC_ANNOTATION, Key, Kind
from mtls_operator.core.lanes import Lane
from mtls_operator.core.ownership import owned_labels
from mtls_operator.handlers.watches import Watches
from mtls_operator.reconcilers.queue import KeyedQueue

Body = dict[str, Any]
KEY = Key(Kind.MUTUAL_TLS_LISTENER, "edge", "api")


class Handlers:
    """Watches whose queue tells in which lane a key was put."""

    def __init__(self) -> None:
        view, self.queue = ClusterView(ListedApi({})), KeyedQueue[Key]()
        self.watches = Watches(view, self.queue, Echoes())

    async def lane(self, key: Key = KEY) -> Lane:
        """Take every key, and return the lane of one."""
        taken = [await self.queue.take() for _ in range(len(self.queue))]
        lanes = {one: self.queue.lane_of(one) for one in taken}
        for one in taken:
            await self.queue.done(one)
        return lanes[key]


def reported(generation: int, *further: str, **metadata: Any) -> Body:
    """A listener of generation 2, on which a pass reported that saw another generation or the same."""
    body = listener_manifest("api")
    body["metadata"] |= {"generation": 2, **metadata}
    types = ("Ready", *further)
    body["status"] = {
        "conditions": [
            {
                "type": one,
                "status": "True",
                "reason": "Succeeded",
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": "2026-11-23T12:00:00Z",
            }
            for one in types
        ]
    }
    return body


@pytest.mark.parametrize(
    ("event", "body", "lane"),
    [
        (None, reported(2), Lane.RESYNC),
        (None, reported(2, "Stalled"), Lane.RESYNC),
        (None, reported(1), Lane.CHANGE),
        (None, listener_manifest("api"), Lane.CHANGE),
        (None, reported(2, "Reconciling"), Lane.CHANGE),
        (None, reported(2, deletionTimestamp="2026-11-23T12:00:00Z"), Lane.CHANGE),
        ("ADDED", reported(2), Lane.CHANGE),
        ("MODIFIED", reported(2, annotations={SYNC_ANNOTATION: "now"}), Lane.CHANGE),
        ("DELETED", reported(2), Lane.CHANGE),
    ],
    ids=[
        "listed, and nobody has touched it",
        "listed, stuck as its manifest stands",
        "listed, changed while nobody looked",
        "listed, new",
        "listed, its pass was cut off",
        "listed, being deleted",
        "added",
        "asked to be looked at",
        "deleted",
    ],
)
async def test_the_lane_of_an_event_about_an_object(event: str | None, body: Body, lane: Lane) -> None:
    handlers = Handlers()
    await handlers.watches.listener(event, body)
    assert await handlers.lane() is lane


async def test_what_follows_from_another_object_is_a_consequence() -> None:
    handlers = Handlers()
    await handlers.watches.listener("ADDED", reported(2))
    await handlers.lane()
    await handlers.watches.authority("ADDED", authority_manifest("clients"))
    assert await handlers.lane() is Lane.CONSEQUENCE


@pytest.mark.parametrize(("event", "lane"), [(None, Lane.RESYNC), ("MODIFIED", Lane.CONSEQUENCE)])
async def test_what_was_made_for_an_object_and_is_only_listed_has_not_changed(
    event: str | None, lane: Lane
) -> None:
    handlers = Handlers()
    labels = owned_labels(listener("api"))
    owner = {"apiVersion": API_VERSION, "kind": KEY.kind, "name": "api", "uid": "u", "controller": True}
    made = {"name": "api-server", "namespace": "edge", "labels": labels, "ownerReferences": [owner]}
    await handlers.watches.secret(event, {"metadata": made})
    assert await handlers.lane() is lane
