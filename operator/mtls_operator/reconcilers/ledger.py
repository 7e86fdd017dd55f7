"""Keep the ledger of issued certificates: read once, then append; commits of one moment share a write.

Called by whatever issues, before a certificate is handed out, and by the CertificateAuthority
reconciler, which counts from it. A write that fails drops what is held, so the next pass reads anew.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mtls_operator.api.meta import LEDGER_LABEL
from mtls_operator.core.ledger import (
    ENTRIES_PER_SHARD,
    is_shard_of,
    new_shard,
    parse_entry,
    render_entry,
    revoked_of,
    shard_number,
)
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import KubeAlreadyExists, OperatorError, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cluster import ConfigMap
    from mtls_operator.core.ledger import Entry
    from mtls_operator.ports import Clock, Kube

Commit = tuple["Entry", asyncio.Future[None]]


@dataclass(slots=True)
class _Shard:
    """A ConfigMap of the ledger, by what is needed to write to it."""

    found: ConfigMap
    serials: set[str]


@dataclass(slots=True)
class _Book:
    """The ledger of one authority in memory."""

    entries: dict[str, Entry] = field(default_factory=dict)
    shards: dict[int, _Shard] = field(default_factory=dict)

    def add(self, shard: ConfigMap, number: int, entries: Mapping[str, Entry]) -> None:
        known = self.shards.setdefault(number, _Shard(shard, set()))
        known.serials.update(entries)
        self.entries.update(entries)

    def open_shard(self) -> tuple[_Shard | None, int]:
        """Return the last shard while it has room, and its number; else None and the next number."""
        last = max(self.shards, default=-1)
        shard = self.shards.get(last)
        if shard is not None and len(shard.serials) < ENTRIES_PER_SHARD:
            return shard, last
        return None, last + 1


class Ledger:
    """The ledgers of all authorities."""

    def __init__(self, kube: Kube, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._books: dict[ObjectRef, _Book] = {}
        self._locks: dict[ObjectRef, asyncio.Lock] = {}
        self._waiting: dict[ObjectRef, list[Commit]] = {}

    async def entries(self, authority: ObjectRef) -> Mapping[str, Entry]:
        """Return every entry by its serial, those of ended certificates included.

        Raises:
            SpecError: with reason LedgerDamaged.
        """
        async with self._lock(authority):
            return (await self._book(authority)).entries

    async def commit(self, authority: CertificateAuthority, entry: Entry) -> None:
        """Record a certificate; it may be handed out when this returns.

        Raises:
            SpecError: with reason LedgerDamaged.
            KubeError: it is not recorded, or nobody knows; a retry issues another certificate.
        """
        ref = authority.ref
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(ref, []).append((entry, recorded))
        async with self._lock(ref):
            # Whoever came first has written for all who waited meanwhile.
            if not recorded.done():
                await self._write_waiting(authority)
        recorded.result()

    async def _write_waiting(self, authority: CertificateAuthority) -> None:
        commits = self._waiting.pop(authority.ref, [])
        try:
            book = await self._book(authority.ref)
            await self._append(authority, book, {entry.serial: entry for entry, _ in commits})
        except OperatorError as error:
            self._books.pop(authority.ref, None)
            for _, recorded in commits:
                recorded.set_exception(error)
                recorded.exception()  # whoever waits for it was cancelled meanwhile: not worth a warning
        else:
            for _, recorded in commits:
                recorded.set_result(None)

    async def _append(
        self, authority: CertificateAuthority, book: _Book, entries: Mapping[str, Entry]
    ) -> None:
        left = dict(entries)
        while left:
            shard, number = book.open_shard()
            room = ENTRIES_PER_SHARD - (len(shard.serials) if shard else 0)
            part = dict(list(left.items())[:room])
            if shard is not None:
                await self._kube.merge_config_map(shard.found, _rendered(part))
                book.add(shard.found, number, part)
            else:
                number, made = await self._create(authority, number, tuple(part.values()))
                book.add(made, number, part)
            left = {serial: entry for serial, entry in left.items() if serial not in part}

    async def _create(
        self, authority: CertificateAuthority, number: int, entries: Sequence[Entry]
    ) -> tuple[int, ConfigMap]:
        """Create a shard under the first free number: somebody else's ConfigMap may have the name."""
        while True:
            try:
                return number, await self._kube.create_config_map(new_shard(authority, number, entries))
            except KubeAlreadyExists:
                number += 1

    async def revoke(self, authority: ObjectRef, uid: str, reason: str) -> int:
        """Record that every unexpired certificate of an object is revoked; return how many were not yet.

        Raises:
            KubeError: it is not recorded, or nobody knows.
        """
        async with self._lock(authority):
            book = await self._book(authority)
            changed = revoked_of(book.entries.values(), uid, reason, self._clock.now())
            try:
                for shard in book.shards.values():
                    mine = {serial: entry for serial, entry in changed.items() if serial in shard.serials}
                    if mine:
                        await self._kube.merge_config_map(shard.found, _rendered(mine))
                        book.entries.update(mine)
            except OperatorError:
                self._books.pop(authority, None)
                raise
            return len(changed)

    async def prune(self, authority: ObjectRef) -> None:
        """Delete the shards whose certificates have all ended; the last one stays, to be filled up."""
        now = self._clock.now()
        async with self._lock(authority):
            book = await self._book(authority)
            last = max(book.shards, default=-1)
            for number, shard in list(book.shards.items()):
                if number != last and all(book.entries[s].not_after <= now for s in shard.serials):
                    await self._kube.delete_config_map(shard.found)
                    del book.shards[number]
                    for serial in shard.serials:
                        del book.entries[serial]

    async def delete(self, authority: ObjectRef) -> None:
        """Delete the whole ledger, with its authority."""
        async with self._lock(authority):
            for shard in (await self._book(authority)).shards.values():
                await self._kube.delete_config_map(shard.found)
            self._books.pop(authority, None)

    def forget(self, authority: ObjectRef) -> None:
        """Drop what is held of an authority that is gone."""
        self._books.pop(authority, None)

    def _lock(self, authority: ObjectRef) -> asyncio.Lock:
        return self._locks.setdefault(authority, asyncio.Lock())

    async def _book(self, authority: ObjectRef) -> _Book:
        """Return the ledger, read from the API server the first time."""
        known = self._books.get(authority)
        if known is not None:
            return known
        book = _Book()
        for shard in await self._kube.list_config_maps(authority.namespace, LEDGER_LABEL):
            number = shard_number(authority, shard.ref)
            if number is not None and is_shard_of(authority, shard):
                book.add(shard, number, _read(shard))
        self._books[authority] = book
        return book


def _rendered(entries: Mapping[str, Entry]) -> dict[str, str]:
    return {serial: render_entry(entry) for serial, entry in entries.items()}


def _read(shard: ConfigMap) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for serial, text in shard.data.items():
        entry = parse_entry(serial, text)
        if entry is None:
            raise SpecError(
                Reason.LEDGER_DAMAGED,
                f"the entry {serial!r} of ConfigMap {shard.ref}, the record of what was issued, cannot be "
                "read. Nothing is issued until it is restored from a backup, or removed by a person.",
            )
        found[serial] = entry
    return found
