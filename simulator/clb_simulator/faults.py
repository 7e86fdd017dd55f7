"""Which of the ordered faults strikes which call.

Pure memory. Filled through the admin port and by scenarios; asked by the HTTP front for what happens on the
wire, and by the engine for what happens to tasks.

Whether a fault with a rate strikes depends on its seed and on how many calls of the same action came
before, not on the order in which calls of different actions arrive. So a run can be repeated although its
calls overlap.
"""

import random
from collections import Counter
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

from clb_simulator.fault_kinds import FailedTask, Fault, Selection, SlowTask, WireFault
from clb_simulator.params import Object

Wanted = TypeVar("Wanted", bound=Selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """A call, as far as the choice of faults goes."""

    service: str
    action: str
    is_write: bool


@dataclass(slots=True)
class _Order:
    number: int
    fault: Fault
    struck: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def strikes(self, occasion: Occasion) -> bool:
        """Count a call and tell whether the fault strikes it."""
        fault = self.fault
        if not _matches(fault, occasion):
            return False
        self.seen[occasion.action] += 1
        if self.seen.total() <= fault.skip or (fault.limit is not None and self.struck >= fault.limit):
            return False
        if fault.rate is not None:
            place = f"{fault.seed}/{occasion.service}/{occasion.action}/{self.seen[occasion.action]}"
            if random.Random(place).random() >= fault.rate:  # noqa: S311 - chosen to be repeatable
                return False
        self.struck += 1
        return True


class Faults:
    """The faults that were ordered and not taken back."""

    def __init__(self) -> None:
        self._orders: list[_Order] = []
        self._made = 0

    def add(self, fault: Fault) -> int:
        """Order a fault and return the number by which it can be taken back."""
        self._made += 1
        self._orders.append(_Order(self._made, fault))
        return self._made

    def remove(self, number: int) -> bool:
        """Take one fault back; tell whether there was one."""
        kept = [one for one in self._orders if one.number != number]
        is_known = len(kept) < len(self._orders)
        self._orders = kept
        return is_known

    def clear(self) -> None:
        """Take every fault back."""
        self._orders.clear()

    def describe(self) -> list[Object]:
        """Return every order with how often it has struck."""
        return [{"id": one.number, "struck": one.struck, **asdict(one.fault)} for one in self._orders]

    def on_wire(self, occasion: Occasion) -> tuple[WireFault, ...]:
        """Return the faults that strike a call on its way, in the order in which they were ordered."""
        waiting = [one for one in self._orders if not isinstance(one.fault, FailedTask | SlowTask)]
        return tuple(
            one.fault
            for one in waiting
            if not isinstance(one.fault, FailedTask | SlowTask) and one.strikes(occasion)
        )

    def take_task_failure(self, action: str) -> str | None:
        """Return the message with which a task that is due must fail, or None, and count it."""
        struck = self._first(FailedTask, action)
        return struck.message if struck else None

    def take_task_seconds(self, action: str) -> float | None:
        """Return how long a task that begins must take, or None for the usual time, and count it."""
        struck = self._first(SlowTask, action)
        return struck.seconds if struck else None

    def _first(self, kind: type[Wanted], action: str) -> Wanted | None:
        # Only CLB's changes have tasks of their own.
        occasion = Occasion(service="clb", action=action, is_write=True)
        for one in self._orders:
            if isinstance(one.fault, kind) and one.strikes(occasion):
                return one.fault
        return None


def _matches(fault: Fault, occasion: Occasion) -> bool:
    if fault.service is not None and fault.service != occasion.service:
        return False
    if fault.only is not None and (fault.only == "write") != occasion.is_write:
        return False
    return fnmatchcase(occasion.action, fault.action)
