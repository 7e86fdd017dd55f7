"""The examples know every field, and nothing else."""

from collections.abc import Iterator

import pytest
import yaml

from mtls_devcluster.paths import REPOSITORY
from mtls_operator.api.crd import definition
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.schema import Schema

EXAMPLE = REPOSITORY / "examples" / "every-field.yaml"


def fields(schema: Schema, path: str = "") -> Iterator[str]:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from fields(child, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], path)


SPEC = definition(MutualTLSListener)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def present(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield f"{path}.{name}"
            yield from present(child, f"{path}.{name}")
    if isinstance(value, list):
        for item in value:
            yield from present(item, path)


@pytest.mark.parametrize("field", sorted({path.rpartition(".")[2] for path in fields(SPEC)}))
def test_every_field_of_a_listener_is_shown(field: str) -> None:
    """Those of which a manifest can have one alone are in a comment beside it."""
    assert f"{field}:" in EXAMPLE.read_text()


def test_nothing_is_shown_that_the_schema_does_not_have() -> None:
    shown = set(present(yaml.safe_load(EXAMPLE.read_text())["spec"]))
    free = ".nodeSelector."
    assert {path for path in shown if not path.startswith(free)} <= set(fields(SPEC))


def test_it_can_be_read() -> None:
    MutualTLSListener.parse(yaml.safe_load(EXAMPLE.read_text()))
