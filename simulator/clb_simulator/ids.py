"""Where new identifiers come from.

A change that takes time is tried when it is asked for and carried out when its task ends; both must use
the same identifiers, since the first has already told them to the client. So the first records what it
took and the second replays it. Used by `engine` and the action handlers.
"""

import secrets
import string
from collections.abc import Iterable
from typing import Final, Protocol

_LOWER: Final = string.ascii_lowercase + string.digits
_MIXED: Final = string.ascii_letters + string.digits
_LENGTH: Final = 8


class Ids(Protocol):
    """A source of identifiers."""

    def take(self, prefix: str) -> str:
        """Return a new identifier: `prefix` and eight characters; mixed case without a prefix."""


class FreshIds:
    """Random identifiers, remembered in the order in which they were taken."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def take(self, prefix: str) -> str:
        """Return a new identifier and remember it."""
        alphabet = _LOWER if prefix else _MIXED
        identifier = prefix + "".join(secrets.choice(alphabet) for _ in range(_LENGTH))
        self.taken.append(identifier)
        return identifier


class ReplayedIds:
    """The identifiers that an earlier run took, in the same order."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = list(taken)

    def take(self, prefix: str) -> str:
        """Return the next identifier of the earlier run, or a fresh one when it took fewer."""
        if self._taken and self._taken[0].startswith(prefix):
            return self._taken.pop(0)
        return FreshIds().take(prefix)
