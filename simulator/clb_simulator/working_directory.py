"""The folder in which a running simulator keeps certificates and server keys for its data plane.

I/O: makes, locks and removes folders. Used by `server`. A folder is a running simulator's while its lock file
is locked, which the system undoes even after kill -9. So what a killed predecessor left, keys included, can
be told from what a running one needs, and is removed.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "clb-simulator-"
_LOCK: Final = "clb-simulator.lock"
_RUN: Final = "run-"
_LONGEST: Final = 60
"""A UNIX socket's address has room for 107 bytes, and nginx's sockets lie some folders further down."""


class WorkingDirectoryError(Exception):
    """A folder cannot be used; the text says why and what to do."""


class WorkingDirectory:
    """A locked folder; `path` is one in it that no predecessor used."""

    def __init__(self, root: Path) -> None:
        """Lock a folder, make it if missing, and remove what a killed predecessor left in it.

        Raises:
            WorkingDirectoryError: if another simulator uses it, or it holds somebody's files.
        """
        self._root = root.absolute()
        try:
            self._lock = _locked(self._root)
        except OSError as error:
            raise WorkingDirectoryError(f"{root} cannot be used: {error}") from error
        if self._lock is None:
            raise WorkingDirectoryError(
                f"{root} is used by another clb-simulator; choose another --directory."
            )
        _remove_runs(self._root)
        # A fresh one: a predecessor's nginx that is still ending removes its sockets by name.
        self.path = Path(tempfile.mkdtemp(prefix=_RUN, dir=self._root))

    def remove(self) -> None:
        """Remove what was written, and the folder when nothing else is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        (self._root / _LOCK).unlink(missing_ok=True)
        with suppress(OSError):
            self._root.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def open_working_directory(chosen: Path | None, state_file: Path | None) -> WorkingDirectory:
    """Return a folder to work in: the chosen one, one beside the state file, or a temporary one.

    Raises:
        WorkingDirectoryError: if it cannot be used.
    """
    if chosen is not None:
        return WorkingDirectory(chosen)
    if state_file is not None:
        beside = state_file.absolute().with_name(f"{state_file.name}.d")
        with suppress(WorkingDirectoryError):
            if len(os.fsencode(beside)) <= _LONGEST:
                return WorkingDirectory(beside)
    _sweep(Path(tempfile.gettempdir()))
    return WorkingDirectory(Path(tempfile.mkdtemp(prefix=_PREFIX)))


def _locked(root: Path) -> int | None:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_new = not (root / _LOCK).exists()
    if is_new and any(root.iterdir()):
        raise WorkingDirectoryError(
            f"{root} holds files that are not clb-simulator's; choose an empty --directory."
        )
    descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_runs(root: Path) -> None:
    for left in root.glob(f"{_RUN}*"):
        shutil.rmtree(left, ignore_errors=True)


def _sweep(temporary: Path) -> None:
    """Remove the temporary folders of this user's simulators that were killed."""
    for left in temporary.glob(f"{_PREFIX}*"):
        # Without a lock file it is one that is just being made, and has no keys yet.
        with suppress(OSError, WorkingDirectoryError):
            if left.is_symlink() or left.stat().st_uid != os.geteuid() or not (left / _LOCK).exists():
                continue
            descriptor = _locked(left)
            if descriptor is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(descriptor)
