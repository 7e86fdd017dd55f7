"""Loopback addresses of an environment's own, so that several can run at the same time.

Binds sockets for a moment. Used by `environment`.
"""

import random
from dataclasses import dataclass
from typing import Final

from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.ports import is_free

# 127.64.0.0/10: far from what people and the simulator use by habit.
_SECOND_OCTETS: Final = range(64, 128)
_TRIES: Final = 200


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses 127.a.b.0 to 127.a.b.255."""

    prefix: str

    @property
    def load_balancer(self) -> str:
        """The virtual address of the load balancer."""
        return f"{self.prefix}.100"

    def node(self, number: int) -> str:
        """The address of a node, counted from 1."""
        return f"{self.prefix}.{10 + number}"


def free_block(ports: tuple[int, ...]) -> Block:
    """Return a block in which nobody listens on these ports.

    Raises:
        DevClusterError: None was found.
    """
    chance = random.SystemRandom()
    for _ in range(_TRIES):
        block = Block(f"127.{chance.choice(_SECOND_OCTETS)}.{chance.randrange(256)}")
        if all(is_free(port, block.load_balancer) for port in ports):
            return block
    raise DevClusterError("No block of loopback addresses is free; end what listens on 127.64.0.0/10.")
