"""Tell the events that our own writes come back as from those that others cause.

A write of ours is an event, too. It says nothing that the pass which made it did not know, and would
lead to a second pass over every object: half of the work of a thousand certificates. An event of any
other version, later ones included, is somebody else's and always counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtls_operator.core.cluster import ConfigMap, Secret


class Echoes:
    """The versions that our last writes left behind, until their events have come."""

    def __init__(self) -> None:
        self._expected: dict[str, str] = {}

    def expect(self, written: Secret | ConfigMap) -> None:
        """Take note of what a write left behind."""
        self._expected[written.uid] = written.resource_version

    def is_one(self, uid: str, version: str) -> bool:
        """Tell whether an event shows nothing but our last write; it is expected once."""
        if self._expected.get(uid) != version:
            return False
        del self._expected[uid]
        return True

    def forget(self, uid: str) -> None:
        """Expect nothing any more of an object that is gone."""
        self._expected.pop(uid, None)
