"""Calls to the cloud by action, beside what the API's batch sizes allow at least, as a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Call:
    """One call of the simulator's log, as far as it is counted."""

    action: str
    write: bool
    size: int
    refused: bool

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Self:
        return cls(record["action"], record["write"], record["size"], record["code"] is not None)


def writes(calls: Iterable[Call]) -> int:
    return sum(call.write for call in calls)


def count(calls: Iterable[Call], action: str) -> int:
    return sum(call.action == action for call in calls)


def print_calls(
    console: Console, title: str, calls: list[Call], seconds: float, least: Mapping[str, int]
) -> None:
    """Print how often each action was called, for how many bytes, and the least that would do.

    Args:
        console: where to.
        title: what was done.
        calls: what it took.
        seconds: how long it took.
        least: the lower bound of each action; one that is not named needs no call at all.
    """
    table = Table(title=f"{title}: {seconds:.1f} s", title_justify="left")
    for heading in ("action", "calls", "least", "KB", "refused"):
        table.add_column(heading, justify="left" if heading == "action" else "right")
    # Writes first, as they are what costs; a poll's number depends on how long a task takes.
    order = sorted({call.action for call in calls} | set(least), key=lambda a: (not _is_write(calls, a), a))
    for action in order:
        of_action = [call for call in calls if call.action == action]
        size = sum(call.size for call in of_action) / 1000
        refused = sum(call.refused for call in of_action)
        table.add_row(
            action, str(len(of_action)), str(least.get(action, 0)), f"{size:.1f}", str(refused or "")
        )
    total = sum(call.size for call in calls) / 1000
    table.add_row("all", str(len(calls)), str(sum(least.values())), f"{total:.1f}", "", style="bold")
    console.print(table)


def _is_write(calls: Iterable[Call], action: str) -> bool:
    return any(call.write for call in calls if call.action == action)
