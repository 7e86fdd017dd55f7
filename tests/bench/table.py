"""Measurements with their budgets, as a table."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One line of the table; without a budget it is for information."""

    what: str
    measured: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_missed(self) -> bool:
        too_little = self.at_least is not None and self.measured < self.at_least
        return too_little or (self.at_most is not None and self.measured > self.at_most)

    @property
    def budget(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}".rstrip()
        return "" if self.at_most is None else f"≤ {self.at_most:g} {self.unit}".rstrip()

    @property
    def verdict(self) -> str:
        return "missed" if self.is_missed else "met" if self.budget else ""


def print_table(console: Console, title: str, rows: Iterable[Row]) -> int:
    """Print measurements and return the exit status: 1 when a budget is missed."""
    kept = tuple(rows)
    table = Table(title=title, title_justify="left")
    for heading in ("what", "measured", "budget", ""):
        table.add_column(heading)
    for row in kept:
        table.add_row(row.what, f"{row.measured:.2f} {row.unit}".rstrip(), row.budget, row.verdict)
    console.print(table)
    return int(any(row.is_missed for row in kept))
