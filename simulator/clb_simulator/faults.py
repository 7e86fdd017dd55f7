"""Faults that the admin port orders.

Pure memory. So far a task that fails; the faults on the wire come with the simulator's completion.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class TaskFailure:
    """The next `remaining` tasks of an action fail with `message`."""

    action: str
    message: str
    remaining: int = 1


class Faults:
    """The faults that are waiting for their occasion."""

    def __init__(self) -> None:
        self.task_failures: list[TaskFailure] = []

    def take_task_failure(self, action: str) -> str | None:
        """Return the message that a task of this action must fail with, or None, and count it."""
        for fault in self.task_failures:
            if fault.action == action and fault.remaining > 0:
                fault.remaining -= 1
                return fault.message
        return None

    def clear(self) -> None:
        """Forget every fault."""
        self.task_failures.clear()
