"""The state file: SQLite, one row per object, so that the state outlives the process.

I/O: reads and writes one file. `write` returns after the transaction is in the operating system's hands,
so a SIGKILL at any moment loses nothing that was acknowledged. Used by `server` at start and by `Store`.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clb_simulator.store import Key, Store


class StateFileError(Exception):
    """The state file cannot be used; the text says why and what to do."""


class StateFile:
    """A journal in SQLite."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            StateFileError: if it is not a state file or cannot be opened.
        """
        self._path = path
        try:
            path.touch(mode=0o600, exist_ok=True)  # It holds private keys.
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS rows (position INTEGER PRIMARY KEY AUTOINCREMENT,"
                " name TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, UNIQUE (name, key))"
            )
        except (OSError, sqlite3.Error) as error:
            raise StateFileError(f"{path} cannot be used as a state file: {error}") from error
        self._adapters: dict[type, TypeAdapter[Any]] = {}

    def write(self, rows: Mapping[Key, object | None]) -> None:
        """Make the rows durable, all or none; None is a deletion."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for (name, key), row in rows.items():
                self._write_row(name, key, row)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def load(self, store: Store) -> None:
        """Fill an empty store with what the file holds.

        Raises:
            StateFileError: if a row is not one of this version's.
        """
        tables = {table.name: table for table in store.tables()}
        loaded: dict[str, dict[str, object]] = {name: {} for name in tables}
        for name, key, value in self._connection.execute(
            "SELECT name, key, value FROM rows ORDER BY position"
        ):
            if name not in tables:
                raise StateFileError(f"{self._path} holds objects of an unknown kind: {name}")
            try:
                loaded[name][key] = self._adapter(tables[name].row_type).validate_json(value)
            except ValidationError as error:
                raise StateFileError(
                    f"{self._path} was written by another version: {name} {key} cannot be read "
                    f"({error.error_count()} fields differ). Start with another file."
                ) from None
        for name, rows in loaded.items():
            tables[name].restore(rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _write_row(self, name: str, key: str, row: object | None) -> None:
        if row is None:
            self._connection.execute("DELETE FROM rows WHERE name = ? AND key = ?", (name, key))
            return
        value = self._adapter(type(row)).dump_json(row)
        self._connection.execute(
            "INSERT INTO rows (name, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
            (name, key, value),
        )

    def _adapter(self, row_type: type) -> TypeAdapter[Any]:
        if row_type not in self._adapters:
            self._adapters[row_type] = TypeAdapter(row_type)
        return self._adapters[row_type]
