"""Show what is going on: a live line with the time on a terminal, plain lines elsewhere.

Writes to the console. Used by `build` and by the commands, so that all of them look alike.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import Progress as LiveProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

_STILL_AT_IT_SECONDS = 60.0


class Progress(Protocol):
    """Where a long task reports to."""

    def say(self, sentence: str) -> None:
        """Show a line that stays."""

    def step(self, title: str) -> contextlib.AbstractContextManager[None]:
        """Show that a step is under way for the time of the block, and how long it took."""


class ConsoleProgress:
    """Progress on a console: live when it is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def say(self, sentence: str) -> None:
        """Show a line that stays."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step and its time; a step that fails is marked as such."""
        start = time.monotonic()
        show = self._live if self._console.is_terminal else self._plain
        try:
            with show(title):
                yield
        except BaseException:
            self.say(f"✗ {title}, after {time.monotonic() - start:.1f} s")
            raise
        self.say(f"✓ {title}, {time.monotonic() - start:.1f} s")

    @contextlib.contextmanager
    def _live(self, title: str) -> Iterator[None]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with LiveProgress(*columns, console=self._console, transient=True) as live:
            live.add_task(title, total=None)
            yield

    @contextlib.contextmanager
    def _plain(self, title: str) -> Iterator[None]:
        self.say(f"… {title}")
        with _every(_STILL_AT_IT_SECONDS, lambda: self.say(f"… {title}: still at it")):
            yield


@contextlib.contextmanager
def _every(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    """Call something now and then for the time of the block: a silent log looks like a hang."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            call()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
