"""Which server certificates the listeners want, and who is busy with one of them.

In memory. A pass claims what it wants before it looks at the cloud, and the claim stands until a later
pass claims something else or the object is gone. Uploading or deleting a certificate is done alone: who
claims it meanwhile waits, so nobody counts on an upload that is about to go. Used by
`reconcilers.inventory` alone.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import Fingerprint


class Claims:
    """What each listener wants, and what it had before."""

    def __init__(self) -> None:
        self._wanted: dict[ObjectRef, frozenset[Fingerprint]] = {}
        self._had: dict[ObjectRef, frozenset[Fingerprint]] = {}
        self._seen: set[ObjectRef] = set()
        self._busy: dict[Fingerprint, asyncio.Event] = {}

    async def claim(self, ref: ObjectRef, wanted: frozenset[Fingerprint]) -> None:
        """Let a listener want these and nothing else; waits while one of them is uploaded or deleted."""
        await self._until_free(wanted)
        self.remember(ref, self._wanted.get(ref, frozenset()))
        self._wanted[ref] = wanted

    def remember(self, ref: ObjectRef, had: Iterable[Fingerprint]) -> None:
        """Note what a listener wanted or was seen to show: it may take that out when it is unused."""
        self._had[ref] = self._had.get(ref, frozenset()).union(had)

    def had(self, ref: ObjectRef) -> frozenset[Fingerprint]:
        """Return what a listener has wanted or shown since the operator started."""
        return self._had.get(ref, frozenset())

    def withdraw(self, ref: ObjectRef) -> None:
        """Let a listener want nothing any more."""
        self.remember(ref, self._wanted.pop(ref, frozenset()))

    def forget(self, ref: ObjectRef) -> None:
        """Drop everything about an object that is gone."""
        self._wanted.pop(ref, None)
        self._had.pop(ref, None)
        self._seen.discard(ref)

    def claimed(self) -> frozenset[Fingerprint]:
        """Return what any listener wants."""
        return frozenset(fingerprint for wanted in self._wanted.values() for fingerprint in wanted)

    def claimants(self, fingerprint: Fingerprint) -> list[ObjectRef]:
        """Return the listeners that want a certificate."""
        return sorted(ref for ref, wanted in self._wanted.items() if fingerprint in wanted)

    def saw(self, ref: ObjectRef) -> None:
        """Note that a pass over a listener has been made, even one that failed."""
        self._seen.add(ref)

    def are_complete(self, listeners: Iterable[MutualTLSListener]) -> bool:
        """Tell whether each listener has had a pass since the operator started, and so has claimed.

        Those that are paused or being deleted have none, and take up nothing.
        """
        return all(
            listener.ref in self._seen or listener.metadata.is_paused or listener.metadata.is_deleting
            for listener in listeners
        )

    @asynccontextmanager
    async def alone(self, fingerprint: Fingerprint) -> AsyncIterator[None]:
        """Keep all others from uploading, deleting or newly claiming a certificate."""
        await self._until_free((fingerprint,))
        ended = self._busy[fingerprint] = asyncio.Event()
        try:
            yield
        finally:
            del self._busy[fingerprint]
            ended.set()

    async def _until_free(self, fingerprints: Collection[Fingerprint]) -> None:
        while busy := [self._busy[one] for one in fingerprints if one in self._busy]:
            await busy[0].wait()
