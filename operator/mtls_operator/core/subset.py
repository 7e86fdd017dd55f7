"""A part of a set that stays as it is when others join or leave: rendezvous hashing.

Each member has a rank of its own, which depends on nothing but the member and the seed; those with the
lowest ranks are in. So a member that was out changes nothing when it goes, and one that was in is
replaced by exactly one. Pure.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")
K = TypeVar("K")


def stable_subset(
    members: Collection[T], size: int, *, seed: str, identity: Callable[[T], str]
) -> frozenset[T]:
    """Return at most `size` of the members.

    Args:
        members: of which each has an identity of its own.
        size: how many may be in.
        seed: what the choice is for; another seed spreads the load over others.
        identity: names a member.
    """
    if len(members) <= size:
        return frozenset(members)
    ranked = sorted(members, key=lambda member: (_rank(seed, identity(member)), identity(member)))
    return frozenset(ranked[:size])


def _rank(seed: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def fair_shares(wanted: Mapping[K, int], total: int) -> Mapping[K, int]:
    """Divide a total: who wants less than an equal part gets all of it, the others share the rest.

    What is left over by rounding goes to those that come last by number and then by order.
    """
    left, shares = total, dict[K, int]()
    smallest_first = sorted(wanted, key=lambda key: wanted[key])
    for position, key in enumerate(smallest_first):
        shares[key] = min(wanted[key], left // (len(smallest_first) - position))
        left -= shares[key]
    return shares
