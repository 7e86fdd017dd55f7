"""Open the sockets that the operator serves on. Called by `main`, before anything else begins."""

from __future__ import annotations

import socket

from mtls_operator.errors import OperatorError


class CannotListen(OperatorError):
    """The address or port cannot be had; the message says which setting to change."""


def listen(address: str, port: int, *, what: str, setting: str) -> socket.socket:
    """Open a socket to serve on; nothing is answered yet.

    Args:
        address: of this machine.
        port: a free one.
        what: what is served, for the message.
        setting: the port's name in the configuration.

    Raises:
        CannotListen: the port is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        # Python adds the address to the system's words, which is said already.
        cause = (error.strerror or str(error)).partition(" (")[0]
        raise CannotListen(
            f"{what} cannot be served at {address} port {port}: {cause}. "
            f"Set {setting} in the configuration to a free port, or to 0 to serve none."
        ) from None
