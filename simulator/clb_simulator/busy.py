"""Which load balancers are being changed.

Pure memory; the time is an argument. CLB takes one change at a time per load balancer and refuses further
ones until it is done, and sometimes for a while afterwards. Used by `engine`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from clb_simulator.errors import not_in_normal_state, task_in_progress
from clb_simulator.switches import Switches


class Busy:
    """The load balancers under change, with the job that changes them."""

    def __init__(self) -> None:
        self._jobs: dict[str, str] = {}
        self._until: dict[str, datetime] = {}

    def check(self, load_balancer_id: str, *, now: datetime, switches: Switches) -> None:
        """Refuse a change of a busy load balancer.

        Raises:
            ApiError: FailedOperation.ResourceInOperating, in one of the two wordings seen in the field.
        """
        job = self._jobs.get(load_balancer_id)
        if job is not None:
            is_task = switches.busy_wording == "task"
            raise task_in_progress(job) if is_task else not_in_normal_state(load_balancer_id)
        until = self._until.get(load_balancer_id)
        if until is not None and now < until:
            raise not_in_normal_state(load_balancer_id)

    def begin(self, load_balancer_ids: Iterable[str], job: str) -> None:
        """Mark load balancers as being changed."""
        for load_balancer_id in load_balancer_ids:
            self._jobs[load_balancer_id] = job

    def end(self, load_balancer_ids: Iterable[str]) -> None:
        """Mark a change as over."""
        for load_balancer_id in load_balancer_ids:
            self._jobs.pop(load_balancer_id, None)

    def hold(self, load_balancer_id: str, until: datetime) -> None:
        """Keep a load balancer busy until a time, as somebody else's work would."""
        self._until[load_balancer_id] = until

    @contextmanager
    def during(self, load_balancer_ids: tuple[str, ...], job: str) -> Iterator[None]:
        """Keep load balancers busy while the block runs."""
        self.begin(load_balancer_ids, job)
        try:
            yield
        finally:
            self.end(load_balancer_ids)
