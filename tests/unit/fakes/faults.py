"""Counts the writes of both sides and lets a chosen one fail, before or after its effect."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from mtls_operator import errors


class Crash(Exception):
    """The process died: nothing in the operator catches this."""


class Fault(Enum):
    """What goes wrong with a write."""

    CRASH = "the process dies after the effect"
    REPLY_LOST = "the effect happens and the answer is lost"
    NOT_ARRIVED = "the answer is lost and nothing happened"
    BUSY = "somebody else's change is under way"
    THROTTLED = "too many calls"
    TASK_FAILED = "accepted, then not done"
    ACCESS_DENIED = "the policy does not allow it"

    @property
    def after_effect(self) -> bool:
        return self in {Fault.CRASH, Fault.REPLY_LOST}


_CLOUD: dict[Fault, type[errors.CloudError]] = {
    Fault.REPLY_LOST: errors.ReplyLost,
    Fault.NOT_ARRIVED: errors.ReplyLost,
    Fault.BUSY: errors.Busy,
    Fault.THROTTLED: errors.Throttled,
    Fault.TASK_FAILED: errors.TaskFailed,
    Fault.ACCESS_DENIED: errors.AccessDenied,
}
_KUBE: dict[Fault, type[errors.KubeError]] = {
    Fault.BUSY: errors.KubeConflict,
    Fault.ACCESS_DENIED: errors.KubeForbidden,
}


def _error(fault: Fault, what: str, *, cloud: bool) -> Exception:
    if fault is Fault.CRASH:
        return Crash(what)
    if cloud:
        return _CLOUD[fault](what, fault.name, fault.value, "request-1")
    return _KUBE.get(fault, errors.KubeUnavailable)(f"{what}: {fault.value}")


class Faults:
    """Shared by all fakes of one world, so that the number of a write means both sides."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.cloud_writes: list[str] = []
        self.struck = 0
        self.watchers: list[Callable[[str], None]] = []
        self._planned: dict[int, Fault] = {}
        self._interruptions: dict[int, Callable[[], None]] = {}

    def interrupt(self, number: int, act: Callable[[], None]) -> None:
        """Let somebody act right before the write with this number, counted from the next one."""
        self._interruptions[len(self.writes) + number] = act

    def plan(self, number: int, fault: Fault) -> None:
        """Let the write with this number fail, counted from the next one, which is 0."""
        self._planned[len(self.writes) + number] = fault

    def clear(self) -> None:
        self._planned.clear()
        self._interruptions.clear()

    @contextmanager
    def write(self, what: str, *, cloud: bool) -> Iterator[None]:
        """Count a write around its effect, and fail when that was planned."""
        act = self._interruptions.pop(len(self.writes), None)
        if act is not None:
            act()
        fault = self._planned.pop(len(self.writes), None)
        self.struck += act is not None or fault is not None
        self.writes.append(what)
        if cloud:
            self.cloud_writes.append(what)
        if fault is not None and not fault.after_effect:
            raise _error(fault, what, cloud=cloud)
        yield
        for watcher in self.watchers:
            watcher(what)
        if fault is not None:
            raise _error(fault, what, cloud=cloud)
