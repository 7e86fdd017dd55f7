"""A plan as a status shows it: the sentences of the actions, as many as there is room for.

Pure. Called by the MutualTLSListener reconciler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SENTENCES: Final = 100
"""As many as `status.plan` takes."""
_LONGEST_SENTENCE: Final = 1000
"""One may name thousands of targets."""


def shown(sentences: Sequence[str]) -> tuple[str, ...]:
    """Return the sentences of a plan, the last one of a long plan saying how many more there are."""
    short = tuple(_cut(sentence) for sentence in sentences)
    if len(short) <= MOST_SENTENCES:
        return short
    more = len(short) - MOST_SENTENCES + 1
    return (*short[: MOST_SENTENCES - 1], f"and {more} more changes")


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST_SENTENCE else f"{sentence[: _LONGEST_SENTENCE - 2]} …"
