"""Become nginx, and end when the process that asked for it ends.

A program of its own, started by `NginxProcess` as `python launch_nginx.py PARENT NGINX ARGUMENT…`:
a child forked from a process with threads must not run Python code before it executes something new.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Replace this process by the command, bound to the life of the parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # The parent may have ended before the call above; nobody would tell us any more.
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
