"""How things look in a terminal: tables, times, lists, and text that somebody else has written.

Pure. Used by the commands.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from mtls_operator.api.model import render_time

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

_GAP: Final = "   "
_NAMED: Final = 10
"""How many of a list are named before the rest is counted."""


def harmless(text: str) -> str:
    """Return a text of somebody else's with whatever would move the cursor or hide characters escaped.

    A requester chooses names that an approver reads: those must not redraw what the approver sees.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in kubectl's manner, its columns as wide as they have to be."""
    lines = [headings, *([harmless(cell) for cell in row] for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(_GAP.join(_padded(line, widths)).rstrip() for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    return (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))


def _width(text: str) -> int:
    """The columns that a text takes: East Asian characters take two, what is put above another none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) != 0 for one in text)


def minute(moment: datetime) -> str:
    """Return a time to the minute, in UTC as all times here."""
    return f"{render_time(moment)[:16].replace('T', ' ')}Z"


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number and what it counts."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def listed(names: Collection[str]) -> str:
    """Return names as a list, the first ten of many."""
    some = sorted(names)[:_NAMED]
    more = len(names) - len(some)
    return harmless(", ".join(some)) + (f" and {more} more" if more else "")
