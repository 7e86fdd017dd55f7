"""Loopback ports: find free ones, read them from text. Binds sockets for a moment."""

import ipaddress
import random
import socket
from typing import Final

from mtls_devcluster.errors import DevClusterError

# Below the NodePorts (30000-32767) and below what the kernel takes for outgoing connections
# (32768 and up), so that nothing else comes by such a port between this check and its use.
_RANGE: Final = range(20000, 30000)
_PORT_LIMIT: Final = 65536


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return different ports that nobody listens on.

    Raises:
        DevClusterError: There are not as many.
    """
    candidates = random.SystemRandom().sample(_RANGE, len(_RANGE))
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if is_free(port, address):
            found.append(port)
    raise DevClusterError(f"No {count} free ports between {_RANGE.start} and {_RANGE.stop} on {address}.")


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def parse_address(text: str) -> tuple[str, int]:
    """Split `127.0.0.11:30080`.

    Raises:
        DevClusterError: It is not a loopback address and a port. Other addresses are refused: what
            runs here is for this machine alone.
    """
    host, separator, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        address, number = None, 0
    if not separator or address is None or not address.is_loopback or not 0 < number < _PORT_LIMIT:
        raise DevClusterError(f"{text!r} is not a loopback address and port such as 127.0.0.11:30080.")
    return str(address), number
