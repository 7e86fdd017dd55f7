"""How the command line names things: objects, durations. Used by the commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

import click

from mtls_operator.api.duration import parse_duration
from mtls_operator.api.meta import ObjectRef
from mtls_operator.api.subject import NAME_PATTERN


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object, perhaps without its namespace."""

    namespace: str | None
    name: str

    def within(self, namespace: str) -> ObjectRef:
        """Return where it is when no namespace means this one."""
        return ObjectRef(self.namespace or namespace, self.name)


class NamedObjectType(click.ParamType[NamedObject]):
    """NAMESPACE/NAME, or NAME for the namespace of --namespace."""

    name = "[NAMESPACE/]NAME"

    def convert(
        self, value: str | NamedObject, param: click.Parameter | None, ctx: click.Context | None
    ) -> NamedObject:
        """Read a name."""
        if isinstance(value, NamedObject):
            return value
        namespace, slash, name = value.rpartition("/")
        for part in (namespace, name) if slash else (name,):
            if not re.fullmatch(NAME_PATTERN, part):
                self.fail(f"{value!r} is not a name such as payments or team-a/payments", param, ctx)
        return NamedObject(namespace or None, name)


class DurationType(click.ParamType[timedelta]):
    """A duration as manifests have it."""

    name = "DURATION"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read a duration."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


E = TypeVar("E", bound=StrEnum)


class ValueType(click.ParamType[E]):
    """One of an enumeration's values, as manifests write them; in any case of letters."""

    def __init__(self, values: type[E]) -> None:
        self.name = "|".join(values)
        self._by_folded = {one.value.casefold(): one for one in values}

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> E:
        """Read a value."""
        found = self._by_folded.get(value.casefold())
        if found is None:
            self.fail(f"{value!r} is none of {', '.join(self._by_folded.values())}", param, ctx)
        return found

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's
        """Return the values, which upper case would spoil."""
        return self.name


NAMED_OBJECT = NamedObjectType()
DURATION = DurationType()
