"""How urgent a pass is, and the writes that it makes.

Pure. Handlers choose a lane, the queue and the changes of a load balancer go by it. Which lane the
pass under way has is known where it is made and to everything that it awaits, so that the ports need
not pass it on in each of their methods.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lane(IntEnum):
    """What goes first; within a lane, first come, first served."""

    PROTECT = 0
    """A door stands open. Only for writes: whoever finds it closes it before anybody else's change."""
    CHANGE = 1
    """A person changed the object itself."""
    CONSEQUENCE = 2
    """Something that the object depends on changed: an authority, a Secret, a node, a Service."""
    RESYNC = 3
    """Nothing is known to have changed."""


_UNDER_WAY: Final = ContextVar("lane", default=Lane.CHANGE)


def lane_under_way() -> Lane:
    """Return the lane of the pass that calls; who calls without one is in a hurry."""
    return _UNDER_WAY.get()


@contextmanager
def in_lane(lane: Lane) -> Iterator[None]:
    """Let everything within be done in a lane."""
    token = _UNDER_WAY.set(lane)
    try:
        yield
    finally:
        _UNDER_WAY.reset(token)
