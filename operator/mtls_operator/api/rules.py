"""Rules that the API server checks: how a type or a field carries them into its schema.

Pure. On a field: `Annotated[str, Rule("self != ''", "must not be empty")]`. On a model:
`model_config = carries(Rule(…), Rule(…))`. CEL's own limits are met with `max_length` everywhere:
the API server refuses a CRD whose rules might cost too much.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import ConfigDict, GetJsonSchemaHandler
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

RULES: Final = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule with the sentence that a person reads when it is broken.

    Attributes:
        rule: the CEL expression; `oldSelf` in it makes it a rule about changes.
        message: the sentence. kubectl prints it behind the field's path.
        field: the field below the carrying type that the sentence is about, such as `.renewBefore`.
        message_with_values: a CEL expression for a sentence that quotes values; `message` stays the
            fallback and the documentation.
    """

    rule: str
    message: str
    field: str = ""
    message_with_values: str = ""

    def render(self) -> JsonDict:
        """Return the rule as it stands in the CRD."""
        rendered: JsonDict = {"rule": self.rule, "message": self.message}
        if self.message_with_values:
            rendered["messageExpression"] = self.message_with_values
        if self.field:
            rendered["fieldPath"] = self.field
        return rendered

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        return {**schema, RULES: [*schema.get(RULES, []), self.render()]}


@dataclass(frozen=True, slots=True)
class SchemaKeywords:
    """Schema keywords that pydantic has no word for, such as the list types of Kubernetes."""

    keywords: JsonDict

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core), **self.keywords}


def map_by(key: str) -> SchemaKeywords:
    """Return the keywords of a list whose items are told apart by one of their fields.

    The API server then refuses duplicates, and server-side apply merges by it.
    """
    return SchemaKeywords({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]})


def carries(*rules: Rule) -> ConfigDict:
    """Return the `model_config` of a model with rules."""
    return ConfigDict(json_schema_extra={RULES: [rule.render() for rule in rules]})


def immutable(field: str, hint: str) -> Rule:
    """Return the rule of a required or defaulted field that never changes; it belongs on the parent.

    Args:
        field: its name.
        hint: what to do instead, a sentence.
    """
    return Rule(f"self.{field} == oldSelf.{field}", f"{field} is immutable. {hint}", f".{field}")


def immutable_optional(field: str, hint: str) -> Rule:
    """Return the same for an optional field: neither setting it later nor taking it away is allowed.

    A rule on the field itself would let a → absent → b through.
    """
    new, old = f"self.{field}", f"oldSelf.{field}"
    return Rule(
        f"has({new}) == has({old}) && (!has({new}) || {new} == {old})",
        f"{field} is immutable. {hint}",
        f".{field}",
    )


def exactly_one_of(*fields: str) -> Rule:
    """Return the rule of a union that needs a member."""
    return Rule(f"{_count(fields)} == 1", f"exactly one of {', '.join(fields)} must be set")


def at_most_one_of(*fields: str) -> Rule:
    """Return the rule of a union whose absence means something, too."""
    return Rule(f"{_count(fields)} <= 1", f"at most one of {', '.join(fields)} can be set")


def _count(fields: tuple[str, ...]) -> str:
    return f"[{', '.join(f'has(self.{field})' for field in fields)}].filter(x, x).size()"
