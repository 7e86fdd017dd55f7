"""Rules about durations that several kinds share.

Pure. CEL goes on after a malformed duration has been reported, so a comparison guards itself: else
a second, unreadable error would follow the sentence.
"""

from typing import Final

from mtls_operator.api.duration import PATTERN
from mtls_operator.api.rules import Rule

POSITIVE: Final = Rule(
    f"!self.matches('{PATTERN}') || self == '' || duration(self) > duration('0s')", "must be longer than zero"
)


def is_shorter(field: str, other: str, *, optional: tuple[str, ...] = ()) -> Rule:
    """Return the rule that one duration is shorter than another.

    Args:
        field: the path of the shorter one below the carrying type.
        other: the path of the longer one, which is required or has a default.
        optional: the parts of `field` that may be absent.
    """
    guards = [*(f"!has(self.{part})" for part in optional), *(_is_malformed(name) for name in (field, other))]
    name, other_name = field.rpartition(".")[2], other.rpartition(".")[2]
    return Rule(
        " || ".join([*guards, f"duration(self.{field}) < duration(self.{other})"]),
        f"{name} must be shorter than {other_name}",
        f".{field}",
        f"'{name} (' + self.{field} + ') must be shorter than {other_name} (' + self.{other} + ')'",
    )


def _is_malformed(field: str) -> str:
    return f"self.{field} == '' || !self.{field}.matches('{PATTERN}')"


RENEW_BEFORE_IS_SHORTER: Final = is_shorter("renewBefore", "duration", optional=("renewBefore",))


def between(minimum: str, maximum: str, *, or_zero: bool = False) -> Rule:
    """Return the rule of a duration field with limits, in whole seconds."""
    zero, said = ("duration(self) == duration('0s') || ", "0s, or ") if or_zero else ("", "")
    return Rule(
        f"self == '' || !self.matches('{PATTERN}') || {zero}"
        f"(duration(self) >= duration('{minimum}') && duration(self) <= duration('{maximum}') "
        "&& !self.endsWith('ms'))",
        f"must be {said}between {minimum} and {maximum}, in whole seconds",
    )
