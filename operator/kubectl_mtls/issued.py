"""The ledger as a person asks for it: filtered, sorted, with each certificate's state.

Pure. Called by `commands.issued` and, for counts, by the other commands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from mtls_operator.core.ledger import Entry, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from mtls_operator.core.cluster import ConfigMap


class State(StrEnum):
    """What a certificate is worth to whoever reads revocation lists."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


def state_of(entry: Entry, now: datetime) -> State:
    """Return a certificate's state; a revoked one stays revoked after its end."""
    if entry.revoked is not None:
        return State.REVOKED
    return State.VALID if now < entry.not_after else State.EXPIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which certificates to show; None of a field admits all.

    Attributes:
        namespace: of the object that asked for the certificate.
        name: of that object.
        serial: how the serial number begins, hexadecimal.
        since: how long ago it was issued at most.
        ended: whether those are shown that have ended.
    """

    namespace: str | None = None
    name: str | None = None
    serial: str | None = None
    state: State | None = None
    generation: int | None = None
    since: timedelta | None = None
    ended: bool = False

    def admits(self, entry: Entry, now: datetime) -> bool:
        """Tell whether an entry is to be shown; who asks for the expired ones gets those that ended."""
        return (
            self.namespace in (None, entry.namespace)
            and self.name in (None, entry.name)
            and (self.serial is None or entry.serial.startswith(_hexadecimal(self.serial)))
            and self.state in (None, state_of(entry, now))
            and self.generation in (None, entry.generation)
            and (self.since is None or entry.issued_at >= now - self.since)
            and (self.ended or self.state is State.EXPIRED or now < entry.not_after)
        )


def _hexadecimal(serial: str) -> str:
    """Return a serial number as the ledger writes it, from the forms in which other programs show it."""
    return serial.replace(":", "").lower().removeprefix("0x").lstrip("0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is shown of a ledger.

    Attributes:
        entries: those to show, newest first.
        total: how many the ledger has.
        ended: how many are left out for no other reason than that they have ended.
        damaged: the serial numbers of entries that nobody can read.
    """

    entries: tuple[Entry, ...]
    total: int
    ended: int = 0
    damaged: tuple[str, ...] = ()


def list_entries(shards: Iterable[ConfigMap], wanted: Filter, now: datetime) -> Listing:
    """Return what a filter admits of a ledger's shards, which are read one at a time."""
    shown: list[Entry] = []
    damaged: list[str] = []
    total = ended = 0
    whole = replace(wanted, ended=True)
    for shard in shards:
        readable = {entry.serial: entry for entry in entries_of([shard])}
        total += len(shard.data)
        damaged += [serial for serial in shard.data if serial not in readable]
        admitted = [entry for entry in readable.values() if whole.admits(entry, now)]
        current = [entry for entry in admitted if wanted.admits(entry, now)]
        ended += len(admitted) - len(current)
        shown += current
    shown.sort(key=lambda entry: (-entry.issued_at.timestamp(), entry.serial))
    return Listing(entries=tuple(shown), total=total, ended=ended, damaged=tuple(sorted(damaged)))
