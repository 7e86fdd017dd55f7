"""Durations as Go and cert-manager write them: `2160h`, `1h30m`, `500ms`.

Pure. `Duration` is the field type of every duration of the API; `parse_duration` and
`render_duration` are for the plugin and for messages.
"""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from mtls_operator.api.rules import Rule

PATTERN: Final = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?([0-9]{1,6}ms)?$"
"""Bounded digits keep what CEL computes from it inside Go's 292 years."""

_PARSER: Final = re.compile(
    r"(?:(?P<hours>[0-9]{1,7})h)?(?:(?P<minutes>[0-9]{1,6})m)?"
    r"(?:(?P<seconds>[0-9]{1,8})s)?(?:(?P<milliseconds>[0-9]{1,6})ms)?"
)
"""One digit more than the schema takes: its longest durations may add up to that when written anew."""
_SENTENCE: Final = "is not a duration: write hours, minutes and seconds such as 2160h, 1h30m or 30s"
_MILLISECOND: Final = timedelta(milliseconds=1)


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: with a sentence, when the text is anything else; days and fractions are refused, too.
    """
    found = _PARSER.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{text!r} {_SENTENCE}")
    return timedelta(**{unit: int(digits) for unit, digits in found.groupdict().items() if digits})


def render_duration(value: timedelta) -> str:
    """Write a duration in its shortest form; what is finer than a millisecond is cut off.

    Raises:
        ValueError: for a negative duration, which the API does not know.
    """
    if value < timedelta(0):
        raise ValueError(f"{value} is negative; the API knows no negative durations")
    total, parts = value // _MILLISECOND, []
    for size, unit in ((3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")):
        count, total = divmod(total, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _to_timedelta(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(f"{value!r} {_SENTENCE}")


Duration = Annotated[
    timedelta,
    BeforeValidator(_to_timedelta),
    PlainSerializer(render_duration, when_used="json"),
    WithJsonSchema({"type": "string", "maxLength": 24}),
    Rule(
        f"self != '' && self.matches('{PATTERN}')",
        "must be a duration in hours, minutes and seconds, such as 2160h, 1h30m or 30s",
    ),
]
