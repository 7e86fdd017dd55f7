"""Ports of 127.0.0.1 that nobody uses at the moment."""

import socket


def free_ports(count: int) -> list[int]:
    """Return different ones; nothing keeps them free."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
