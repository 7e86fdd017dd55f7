"""API objects: round trips, absent members, and what a pass depends on."""

from typing import Any

import pytest
from builders import NOW

from mtls_operator.adapters.kube import shapes
from mtls_operator.api.meta import API_VERSION, ObjectRef
from mtls_operator.core.cluster import ConfigMap, Owner, Secret

OWNER = Owner(kind="ClientCert", name="payments", uid="u1")


@pytest.mark.parametrize("stored", [("", ""), ("uid-1", "42")], ids=["new", "stored"])
def test_a_secret_that_was_written_reads_back_as_the_same(stored: tuple[str, str]) -> None:
    secret = Secret(
        ref=ObjectRef("edge", "payments"), type="kubernetes.io/tls", data={"tls.key": b"\x00\xff"},
        labels={"a": "b"}, annotations={"c": "d"}, owner=OWNER, uid=stored[0], resource_version=stored[1],
    )  # fmt: skip
    body: Any = shapes.write_secret(secret)
    assert shapes.read_secret(body) == secret
    assert ("uid" in body["metadata"]) == bool(stored[0])


def test_a_config_map_that_was_written_reads_back_as_the_same() -> None:
    written = ConfigMap(ref=ObjectRef("edge", "x"), data={"ca.crt": "PEM"}, uid="u", resource_version="1")
    body: Any = shapes.write_config_map(written)
    assert shapes.read_config_map(body) == written


REQUESTS: list[tuple[str, dict[str, Any], bool]] = [
    ("a stalled one", {"type": "Stalled", "status": "True", "observedGeneration": 2}, True),
    ("one that awaits an approval", {"type": "Approved", "status": "False", "observedGeneration": 2}, True),
    (
        "one that was stalled before it was changed",
        {"type": "Stalled", "status": "True", "observedGeneration": 1},
        False,
    ),
    ("one that is approved", {"type": "Approved", "status": "True", "observedGeneration": 2}, False),
]


@pytest.mark.parametrize(
    ("condition", "waits"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
def test_a_request_that_needs_a_person(condition: dict[str, Any], waits: bool) -> None:  # noqa: FBT001
    metadata = {"namespace": "edge", "name": "payments", "generation": 2}
    body = {
        "metadata": metadata,
        "spec": {"caRef": {"name": "clients"}},
        "status": {"conditions": [condition]},
    }
    assert shapes.read_request(body).stalled is waits


OWNERS: list[tuple[str, dict[str, Any], bool]] = [
    ("ours, controlling", {"apiVersion": API_VERSION, "controller": True}, True),
    ("ours, not controlling", {"apiVersion": API_VERSION, "controller": False}, False),
    ("another API's of the same kind", {"apiVersion": "other/v1", "controller": True}, False),
]


@pytest.mark.parametrize(("reference", "counts"), [row[1:] for row in OWNERS], ids=[row[0] for row in OWNERS])
def test_an_owner_reference(reference: dict[str, Any], counts: bool) -> None:  # noqa: FBT001
    full = {"kind": "ClientCert", "name": "payments", "uid": "u1", **reference}
    found = shapes.owner_of({"metadata": {"ownerReferences": [full]}})
    assert found == (OWNER if counts else None)


def test_a_node_is_read_with_what_decides_about_serving() -> None:
    seen = shapes.read_node(
        {
            "metadata": {"name": "n1", "labels": {"pool": "edge"}},
            "spec": {"providerID": "qcloud:///1/ins-1", "taints": [{"key": "x", "effect": "NoSchedule"}]},
            "status": {
                "conditions": [
                    {"type": "MemoryPressure", "status": "False"},
                    {"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-11-23T12:00:00Z"},
                ],
                "addresses": [
                    {"type": "Hostname", "address": "h"},
                    {"type": "InternalIP", "address": "10.0.0.1"},
                ],
            },
        }
    )
    assert (seen.provider_id, seen.internal_ip, seen.taints) == (
        "qcloud:///1/ins-1",
        "10.0.0.1",
        frozenset({"x"}),
    )
    assert (seen.ready, seen.ready_since, seen.deleting) == (None, NOW, False)


@pytest.mark.parametrize(
    "read", [shapes.read_node, shapes.read_service, shapes.read_secret, shapes.read_namespace]
)
def test_an_empty_object_reads_as_empty(read: Any) -> None:
    assert read({}) is not None


BODY: dict[str, Any] = {
    "metadata": {"uid": "u", "generation": 1, "annotations": {"a": "1"}},
    "status": {"x": 1},
}
INTERESTS: list[tuple[str, dict[str, Any], bool]] = [
    ("a new status", {**BODY, "status": {"x": 2}}, False),
    ("a new spec", {**BODY, "metadata": {**BODY["metadata"], "generation": 2}}, True),
    ("an annotation", {**BODY, "metadata": {**BODY["metadata"], "annotations": {"a": "2"}}}, True),
    ("a deletion", {**BODY, "metadata": {**BODY["metadata"], "deletionTimestamp": "t"}}, True),
    ("another object of the same name", {**BODY, "metadata": {**BODY["metadata"], "uid": "v"}}, True),
    ("a resource version", {**BODY, "metadata": {**BODY["metadata"], "resourceVersion": "9"}}, False),
]


@pytest.mark.parametrize(("body", "wakes"), [row[1:] for row in INTERESTS], ids=[row[0] for row in INTERESTS])
def test_a_pass_depends_on(body: dict[str, Any], wakes: bool) -> None:  # noqa: FBT001
    assert (shapes.interest_of(body) != shapes.interest_of(BODY)) is wakes
