"""What the launcher reports when the local environment cannot be had.

No I/O. Raised by every module of this package; `__main__` prints one and ends with status 1.
"""

from pathlib import Path

_TAIL_LINES = 15


class DevClusterError(Exception):
    """A sentence that says what failed and what to do about it."""


class ProcessFailed(DevClusterError):
    """A program that the launcher started ended early, or was not ready in time."""

    def __init__(self, sentence: str, log: Path) -> None:
        super().__init__(f"{sentence}\nThe end of {log}:\n{tail(log)}")
        self.log = log


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log, indented; a sentence when there is nothing to show."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return "  (there is no such file)"
    kept = text.splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in kept) or "  (it is empty)"
