"""From a pydantic model to the structural OpenAPI schema that Kubernetes takes.

Pure. Pydantic's JSON schema speaks a larger language: references, unions with null, titles. This
module says the same in the smaller one. Called by `crd`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_jsonable_python

from mtls_operator.api.duration import render_duration
from mtls_operator.api.model import ApiModel
from mtls_operator.api.rules import RULES

Schema = dict[str, Any]
"""A piece of JSON schema; plain data from here to the YAML text, so it has no finer type."""

_UNKNOWN_TO_KUBERNETES: Final = frozenset({"title", "$defs"})
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"


class _ReadableDefaults(GenerateJsonSchema):
    """Writes defaults as a manifest has them: durations as text, objects without what is empty.

    Nested defaults are thereby written out in full: CEL runs before the API server fills them in, so
    `default: {}` on an object with rules is refused.
    """

    def encode_default(self, dft: object) -> object:
        if isinstance(dft, timedelta):
            return render_duration(dft)
        if isinstance(dft, ApiModel):
            return dft.render()
        return to_jsonable_python(dft)


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of a model: references inlined, nothing nullable, defaults in the descriptions."""
    raw = model.model_json_schema(schema_generator=_ReadableDefaults)
    return _structural(raw, raw.get("$defs", {}))


def _structural(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    node = _resolved(node, definitions)
    schema = {key: value for key, value in node.items() if key not in _UNKNOWN_TO_KUBERNETES}
    if schema.get(_INT_OR_STRING):
        del schema["anyOf"]
    if "default" in schema and schema["default"] in (None, "", [], {}):
        del schema["default"]
    if schema.get("properties") == {}:
        # The API server drops it, so every further apply would find a difference.
        del schema["properties"]
    if "properties" in schema:
        schema["properties"] = {n: _structural(p, definitions) for n, p in schema["properties"].items()}
    for below in ("items", "additionalProperties"):
        if below in schema:
            schema[below] = _structural(schema[below], definitions)
    return _with_default_told(schema)


def _resolved(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Replace a reference by its target and `X or null` by X: in Kubernetes an optional field is absent."""
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        return _resolved(_merged(target, node, "$ref"), definitions)
    members = [m for m in node.get("anyOf", ()) if m.get("type") != "null"]
    if len(members) == 1:
        return _resolved(_merged(members[0], node, "anyOf"), definitions)
    return node


def _merged(target: Schema, node: Schema, replaced: str) -> Schema:
    """Put a target in the place of a keyword; what stands beside the keyword wins, rules add up."""
    beside = {key: value for key, value in node.items() if key != replaced}
    rules = [*target.get(RULES, ()), *beside.get(RULES, ())]
    return {**target, **beside, **({RULES: rules} if rules else {})}


def _with_default_told(schema: Schema) -> Schema:
    """Append the default to the description, since `kubectl explain` does not show it."""
    default, description = schema.get("default"), schema.get("description")
    if default is None or description is None or isinstance(default, dict) or "Default:" in description:
        return schema
    return {**schema, "description": f"{description} Default: {_in_words(default)}."}


def _in_words(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return ", ".join(str(item) for item in default)
    return str(default)
