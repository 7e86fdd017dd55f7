"""The simulated cloud's state and its transactions.

In memory; what is committed goes to a `Journal` (see `state`) before the caller goes on. A refused call
leaves nothing behind: every write happens inside a transaction, and an exception takes all of it back.
Used by `engine`, which opens the transactions, and by the action handlers inside them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from clb_simulator.model import (
    Certificate,
    Domain,
    Instance,
    Listener,
    LoadBalancer,
    Quota,
    Rule,
    Tags,
    Task,
    TemporaryKey,
)

Row = TypeVar("Row")
Key = tuple[str, str]
"""A table's name and a row's identifier."""


class Journal(Protocol):
    """Where committed changes go."""

    def write(self, rows: Mapping[Key, object | None]) -> None:
        """Make the rows durable, all or none; None is a deletion."""


class NoJournal:
    """Keeps nothing: the state lives as long as the process."""

    def write(self, rows: Mapping[Key, object | None]) -> None:
        """Do nothing."""


class Table(Generic[Row]):
    """Rows by identifier, in the order of their creation."""

    def __init__(self, name: str, row_type: type[Row]) -> None:
        self.name = name
        self.row_type = row_type
        self._rows: dict[str, Row] = {}
        self._touched: Callable[[Table[Any], str], None] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> Row | None:
        """Return a row, or None."""
        return self._rows.get(key)

    def all(self) -> tuple[Row, ...]:
        """Return every row, oldest first."""
        return tuple(self._rows.values())

    def put(self, key: str, row: Row) -> None:
        """Create or replace a row."""
        self._touch(key)
        self._rows[key] = row

    def remove(self, key: str) -> None:
        """Delete a row that exists."""
        self._touch(key)
        del self._rows[key]

    def snapshot(self) -> dict[str, Row]:
        """Return the rows as they are now."""
        return dict(self._rows)

    def restore(self, rows: dict[str, Row]) -> None:
        """Go back to a snapshot."""
        self._rows = rows

    def bind(self, touched: Callable[["Table[Any]", str], None]) -> None:
        """Say who is told before a row changes."""
        self._touched = touched

    def _touch(self, key: str) -> None:
        if self._touched is None:
            raise RuntimeError(f"table {self.name} belongs to no store")
        self._touched(self, key)


class Change:
    """What one transaction changed: the former rows, by table and identifier."""

    def __init__(self) -> None:
        self.former: dict[Key, object | None] = {}


class Store:
    """All tables of the simulated cloud."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.load_balancers = Table("load_balancers", LoadBalancer)
        self.listeners = Table("listeners", Listener)
        self.domains = Table("domains", Domain)
        self.rules = Table("rules", Rule)
        self.certificates = Table("certificates", Certificate)
        self.instances = Table("instances", Instance)
        self.tags = Table("tags", Tags)
        self.quotas = Table("quotas", Quota)
        self.tasks = Table("tasks", Task)
        self.temporary_keys = Table("temporary_keys", TemporaryKey)
        self._journal: Journal = journal or NoJournal()
        self._change: Change | None = None
        for table in self.tables():
            table.bind(self._record)

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table."""
        return (
            self.load_balancers,
            self.listeners,
            self.domains,
            self.rules,
            self.certificates,
            self.instances,
            self.tags,
            self.quotas,
            self.tasks,
            self.temporary_keys,
        )

    @contextmanager
    def transaction(self, *confirms: Change) -> Iterator[Change]:
        """Commit what happens inside, together with `confirms`; an exception takes it back.

        Raises:
            RuntimeError: if a transaction is open already.
        """
        with self.provisional() as change:
            yield change
        self.persist(change, *confirms)

    @contextmanager
    def provisional(self) -> Iterator[Change]:
        """Apply what happens inside in memory only, to be confirmed or reverted later."""
        if self._change is not None:
            raise RuntimeError("a transaction is open already")
        before = [(table, table.snapshot()) for table in self.tables()]
        change = self._change = Change()
        try:
            yield change
        except BaseException:
            for table, rows in before:
                table.restore(rows)
            raise
        finally:
            self._change = None

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Take back whatever happens inside, even when it succeeds."""
        before = [(table, table.snapshot()) for table in self.tables()]
        try:
            with self.provisional():
                yield
        finally:
            for table, rows in before:
                table.restore(rows)

    def revert(self, change: Change) -> None:
        """Take back a provisional change; rows that it did not touch stay as they are."""
        tables = {table.name: table for table in self.tables()}
        with self.provisional():
            for (name, key), former in change.former.items():
                if former is not None:
                    tables[name].put(key, former)
                elif tables[name].get(key) is not None:
                    tables[name].remove(key)

    def _record(self, table: Table[Any], key: str) -> None:
        if self._change is None:
            raise RuntimeError(f"write to {table.name} outside a transaction")
        self._change.former.setdefault((table.name, key), table.get(key))

    def persist(self, *changes: Change) -> None:
        """Make provisional changes durable."""
        tables = {table.name: table for table in self.tables()}
        # The present value, not the one that the change wrote: another change may have followed it.
        rows = {(name, key): tables[name].get(key) for change in changes for name, key in change.former}
        if rows:
            self._journal.write(rows)
