"""How long finished tasks are remembered.

Pure over the store. Used by `engine` whenever it keeps a new task, so that a simulator that runs for weeks
does not grow with every change that was ever made.
"""

from itertools import islice
from typing import Final

from clb_simulator.model import TaskStatus
from clb_simulator.store import Store

KEPT: Final = 2_000
"""Finished and running tasks together; nobody polls a task that is so many changes old."""


def prune(store: Store) -> None:
    """Forget the oldest finished tasks above the number that is kept; running ones stay."""
    excess = len(store.tasks) - KEPT
    if excess <= 0:
        return
    finished = (one.task_id for one in store.tasks.all() if one.status is not TaskStatus.RUNNING)
    for task_id in list(islice(finished, excess)):
        store.tasks.remove(task_id)
