"""A lock between launchers, which the kernel drops when its holder ends.

Opens and locks files. Used by `toolchain` and `build`, so that two do not do the same work.
"""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file for the time of the block.

    Args:
        path: The lock file; it is made when absent and stays behind.
        on_wait: Called once when somebody else holds it, before waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
