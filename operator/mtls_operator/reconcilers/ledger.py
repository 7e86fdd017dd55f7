"""Keep the ledger of issued certificates: read once, then append; commits of one moment share a write.

Called by whatever issues, before a certificate is handed out, and by the CertificateAuthority
reconciler, which counts from it. Each write names the version of the shard that it goes to. So
somebody else's write (an operator that does not know yet that it has been replaced, a person with
kubectl) is never lost, and noticed by the next one of ours: then what is held is read anew.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

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
from mtls_operator.errors import KubeAlreadyExists, KubeConflict, KubeNotFound, OperatorError, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cluster import ConfigMap
    from mtls_operator.core.ledger import Entry
    from mtls_operator.ports import Clock, Kube

_ATTEMPTS: Final = 3
"""Somebody else's write between two of ours is a matter of luck, three times in a row of persistence."""


@dataclass(frozen=True, slots=True)
class _Commit:
    """An entry that waits to be recorded, and whoever waits for that."""

    entry: Entry
    recorded: asyncio.Future[None]

    def fail(self, error: OperatorError) -> None:
        self.recorded.set_exception(error)
        self.recorded.exception()  # whoever waits for it may have been cancelled: not worth a warning


@dataclass(slots=True)
class _Shard:
    """A ConfigMap of the ledger without its data, and the serials of the entries in it."""

    number: int
    found: ConfigMap
    serials: set[str]


@dataclass(slots=True)
class _Book:
    """The ledger of one authority in memory."""

    entries: dict[str, Entry] = field(default_factory=dict)
    shards: dict[int, _Shard] = field(default_factory=dict)

    def add(self, number: int, found: ConfigMap, entries: Mapping[str, Entry]) -> None:
        """Take up entries that a shard now holds, and the shard's version."""
        shard = self.shards.setdefault(number, _Shard(number, found, set()))
        shard.found = replace(found, data={})
        shard.serials.update(entries)
        self.entries.update(entries)

    def drop(self, number: int) -> None:
        for serial in self.shards.pop(number).serials:
            self.entries.pop(serial, None)

    def has_ended(self, shard: _Shard, now: datetime) -> bool:
        """Tell whether no certificate of a shard is valid any more."""
        # A serial may be in two shards, by a write whose answer was lost, and gone with the other one.
        known = (self.entries.get(serial) for serial in shard.serials)
        return all(entry is None or entry.not_after <= now for entry in known)

    def ended_probes(self, shard: _Shard, now: datetime) -> frozenset[str]:
        """Return the serials of ended certificates in a shard that the operator made for its own trials."""
        known = ((serial, self.entries.get(serial)) for serial in shard.serials)
        return frozenset(s for s, entry in known if entry and entry.is_probe and entry.not_after <= now)

    def remove(self, shard: _Shard, serials: Iterable[str]) -> None:
        """Forget entries that a shard no longer holds."""
        for serial in serials:
            shard.serials.discard(serial)
            self.entries.pop(serial, None)

    def last(self) -> int:
        """Return the number of the newest shard, -1 when there is none."""
        return max(self.shards, default=-1)

    def open_shard(self) -> _Shard | None:
        """Return the newest shard while it has room."""
        shard = self.shards.get(self.last())
        return shard if shard is not None and len(shard.serials) < ENTRIES_PER_SHARD else None


class Ledger:
    """The ledgers of all authorities."""

    def __init__(self, kube: Kube, clock: Clock) -> None:
        self._kube = kube
        self._clock = clock
        self._books: dict[ObjectRef, _Book] = {}
        self._locks: dict[ObjectRef, asyncio.Lock] = {}
        self._waiting: dict[ObjectRef, list[_Commit]] = {}

    async def entries(self, authority: ObjectRef) -> Mapping[str, Entry]:
        """Return every entry by its serial, those of ended certificates included; later ones appear in it.

        Raises:
            SpecError: with reason LedgerDamaged.
        """
        async with self._lock(authority):
            return MappingProxyType((await self._book(authority)).entries)

    async def commit(self, authority: CertificateAuthority, entry: Entry) -> None:
        """Record a certificate; it may be handed out when this returns.

        Raises:
            SpecError: with reason LedgerDamaged.
            KubeError: it is not recorded, or nobody knows; a retry issues another certificate.
        """
        ref = authority.ref
        mine = _Commit(entry, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(ref, []).append(mine)
        try:
            async with self._lock(ref):
                # Whoever came first has written for all who waited meanwhile.
                if not mine.recorded.done():
                    await self._write_waiting(authority)
        finally:
            self._withdraw(ref, mine)
        mine.recorded.result()

    def _withdraw(self, authority: ObjectRef, commit: _Commit) -> None:
        """A pass that was cancelled hands nothing out."""
        waiting = self._waiting.get(authority, [])
        if commit in waiting:
            waiting.remove(commit)

    async def _write_waiting(self, authority: CertificateAuthority) -> None:
        commits = self._waiting.pop(authority.ref, [])
        try:
            await self._append(authority, {commit.entry.serial: commit.entry for commit in commits})
        except OperatorError as error:
            for commit in commits:
                commit.fail(error)
        except BaseException:
            # This pass ends here, cancelled or by a defect; the next of those who wait writes.
            self._waiting[authority.ref] = [*commits, *self._waiting.get(authority.ref, ())]
            raise
        else:
            for commit in commits:
                commit.recorded.set_result(None)

    async def _append(self, authority: CertificateAuthority, entries: Mapping[str, Entry]) -> None:
        """Write entries; where somebody else has written in between, read that and try again."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(KubeConflict, KubeNotFound):
                return await self._append_once(authority, entries)
        return await self._append_once(authority, entries)

    async def _append_once(self, authority: CertificateAuthority, entries: Mapping[str, Entry]) -> None:
        with self._forgotten_on_failure(authority.ref):
            await self._append_to(await self._book(authority.ref), authority, entries)

    async def _append_to(
        self, book: _Book, authority: CertificateAuthority, entries: Mapping[str, Entry]
    ) -> None:
        # A write whose answer was lost may have had its effect.
        left = [entry for serial, entry in entries.items() if serial not in book.entries]
        while left:
            shard = book.open_shard()
            room = ENTRIES_PER_SHARD - (len(shard.serials) if shard is not None else 0)
            part, left = left[:room], left[room:]
            if shard is None:
                await self._create(authority, book, part)
            else:
                await self._merge(book, shard, _by_serial(part))

    async def _create(self, authority: CertificateAuthority, book: _Book, entries: Sequence[Entry]) -> None:
        """Create a shard under the first free number: somebody else's ConfigMap may have the name."""
        number = book.last() + 1
        while True:
            wanted = new_shard(authority, number, entries)
            try:
                made = await self._kube.create_config_map(wanted)
            except KubeAlreadyExists as error:
                found = await self._kube.get_config_map(wanted.ref)
                if found is not None and is_shard_of(authority.ref, found):
                    raise KubeConflict(f"the ledger has a shard that was not known: {error}") from None
                number += 1
            else:
                book.add(number, made, _by_serial(entries))
                return

    async def _merge(self, book: _Book, shard: _Shard, entries: Mapping[str, Entry]) -> None:
        rendered: dict[str, str | None] = {serial: render_entry(entry) for serial, entry in entries.items()}
        # What the operator made for its own trials would fill a shard in half a day.
        ended = book.ended_probes(shard, self._clock.now())
        written = await self._kube.merge_config_map(shard.found, rendered | dict.fromkeys(ended))
        book.add(shard.number, written, entries)
        book.remove(shard, ended)

    async def revoke(self, authority: ObjectRef, uid: str, reason: str) -> int:
        """Record that every unexpired certificate of an object is revoked; return how many were not yet.

        Raises:
            KubeError: it is not recorded, or nobody knows.
            SpecError: with reason LedgerDamaged.
        """
        async with self._lock(authority):
            book = await self._book(authority)
            changed = revoked_of(book.entries.values(), uid, reason, self._clock.now())
            with self._forgotten_on_failure(authority):
                for shard in book.shards.values():
                    mine = {serial: entry for serial, entry in changed.items() if serial in shard.serials}
                    if mine:
                        await self._merge(book, shard, mine)
            return len(changed)

    async def prune(self, authority: ObjectRef) -> None:
        """Delete the shards whose certificates have all ended; the last one stays, to be filled up."""
        now = self._clock.now()
        async with self._lock(authority):
            book = await self._book(authority)
            for number, shard in sorted(book.shards.items()):
                if number != book.last() and book.has_ended(shard, now):
                    with self._forgotten_on_failure(authority):
                        await self._kube.delete_config_map(shard.found)
                    book.drop(number)

    async def delete(self, authority: ObjectRef) -> None:
        """Delete the whole ledger, with its authority, whatever state it is in."""
        async with self._lock(authority):
            self.forget(authority)
            for shard in await self._shards(authority):
                await self._kube.delete_config_map(shard)

    def forget(self, authority: ObjectRef) -> None:
        """Drop what is held of an authority; it is read anew when somebody asks."""
        self._books.pop(authority, None)

    @contextmanager
    def _forgotten_on_failure(self, authority: ObjectRef) -> Iterator[None]:
        """Nobody knows what a write did that failed or was cancelled."""
        try:
            yield
        except BaseException:
            self.forget(authority)
            raise

    def _lock(self, authority: ObjectRef) -> asyncio.Lock:
        return self._locks.setdefault(authority, asyncio.Lock())

    async def _shards(self, authority: ObjectRef) -> Sequence[ConfigMap]:
        labelled = await self._kube.list_config_maps(authority.namespace, LEDGER_LABEL)
        return [found for found in labelled if is_shard_of(authority, found)]

    async def _book(self, authority: ObjectRef) -> _Book:
        """Return the ledger, read from the API server the first time."""
        known = self._books.get(authority)
        if known is not None:
            return known
        book = _Book()
        for shard in await self._shards(authority):
            number = shard_number(authority, shard.ref)
            if number is not None:
                book.add(number, shard, _read(shard))
        self._books[authority] = book
        return book


def _by_serial(entries: Sequence[Entry]) -> dict[str, Entry]:
    return {entry.serial: entry for entry in entries}


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
