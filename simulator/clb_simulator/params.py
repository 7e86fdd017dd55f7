"""Validated request fields with types, and the JSON types of the wire.

Pure. `schema` builds a `Params` once the body has been checked against the SDK's definition; the action
handlers read it. A field that no handler looked at is not simulated, and `unread` finds it, so that
nothing that a client asks for is dropped without a word.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from clb_simulator.errors import missing_parameter, wrong_type

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Object: TypeAlias = "dict[str, Json]"


class Params:
    """The fields of one JSON object of a request; JSON null counts as absent."""

    def __init__(self, values: Mapping[str, Json], path: str = "") -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        self._path = path
        self._seen: set[str] = set()
        self._parts: list[Params] = []

    @classmethod
    def from_json(cls, text: str) -> "Params":
        """Return what `as_json` kept."""
        values: dict[str, Json] = json.loads(text)
        return cls(values)

    def path(self, name: str) -> str:
        """Return the name as errors show it, for example `Rules.0.Url`."""
        return f"{self._path}{name}"

    def as_json(self) -> str:
        """Return the object as JSON, without its null fields."""
        return json.dumps(self._values)

    def has(self, name: str) -> bool:
        """Tell whether the field is there, without counting it as read."""
        return name in self._values

    def text(self, name: str) -> str | None:
        """Return a text field, or None when it is absent."""
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        raise wrong_type(self.path(name), "string")

    def required_text(self, name: str) -> str:
        """Return a text field.

        Raises:
            ApiError: MissingParameter when it is absent or empty.
        """
        value = self.text(name)
        if not value:
            raise missing_parameter(self.path(name))
        return value

    def integer(self, name: str) -> int | None:
        """Return an integer field, or None when it is absent."""
        value = self._take(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise wrong_type(self.path(name), "integer")

    def required_integer(self, name: str) -> int:
        """Return an integer field.

        Raises:
            ApiError: MissingParameter when it is absent.
        """
        value = self.integer(name)
        if value is None:
            raise missing_parameter(self.path(name))
        return value

    def flag(self, name: str) -> bool | None:
        """Return a boolean field, or None when it is absent."""
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong_type(self.path(name), "boolean")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; an absent one is empty."""
        return tuple(item for item in self._list(name) if isinstance(item, str))

    def integers(self, name: str) -> tuple[int, ...]:
        """Return a list of integers; an absent one is empty."""
        return tuple(item for item in self._list(name) if isinstance(item, int))

    def part(self, name: str) -> "Params | None":
        """Return a nested object, or None when it is absent."""
        value = self._take(name)
        if value is None:
            return None
        return self._nested(value, f"{self.path(name)}.")

    def parts(self, name: str) -> tuple["Params", ...]:
        """Return a list of nested objects; an absent one is empty."""
        return tuple(
            self._nested(item, f"{self.path(name)}.{index}.") for index, item in enumerate(self._list(name))
        )

    def ignore(self, *names: str) -> None:
        """Count fields as read that are accepted and have no effect here."""
        self._seen.update(names)

    def unread(self) -> Iterator[str]:
        """Yield the paths of the fields that nothing has read."""
        for name in self._values:
            if name not in self._seen:
                yield self.path(name)
        for part in self._parts:
            yield from part.unread()

    def _take(self, name: str) -> Json:
        self._seen.add(name)
        return self._values.get(name)

    def _list(self, name: str) -> list[Json]:
        value = self._take(name)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        raise wrong_type(self.path(name), "list")

    def _nested(self, value: Json, path: str) -> "Params":
        if not isinstance(value, dict):
            raise wrong_type(path.removesuffix("."), "object")
        part = Params(value, path)
        self._parts.append(part)
        return part
