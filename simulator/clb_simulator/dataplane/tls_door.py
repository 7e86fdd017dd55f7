"""What the TLS terminator needs to know of one listener: which name meets which certificate and CA.

Pure. Built by `nginx_server` under the switch `tls-alert` and opened by `TlsTerminator`.
"""

import hashlib
import re
from dataclasses import dataclass, field

from clb_simulator.dataplane.model import DataPlaneError, Domain, Listener, Verify

ANY = "any"
"""The mark of a connection that is admitted to every domain of its listener."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What one domain shows and asks: equal ones may resume each other's sessions.

    `pairs` are paths of chains and keys, `client_ca` is that of a bundle, all below the folder of nginx and
    named by their content. Without `pairs` every handshake is rejected.
    """

    pairs: tuple[tuple[str, str], ...]
    client_ca: str | None
    verify: Verify
    http2: bool
    tls13: bool


@dataclass(frozen=True, slots=True)
class DoorDomain:
    """One domain behind a door: its names, its identity, and the mark that nginx knows it by."""

    names: tuple[str, ...]
    identity: Identity
    mark: str


@dataclass(frozen=True, slots=True)
class Door:
    """One address and port to listen on, and the socket where nginx waits for what was decrypted.

    Attributes:
        address: where clients connect.
        port: where clients connect.
        socket: the name of nginx's socket in its folder.
        domains: all domains of the listener.
        default: the index of the one that unknown names and clients without SNI meet.
        unnamed_mark: the mark of clients without SNI.
    """

    address: str
    port: int
    socket: str
    domains: tuple[DoorDomain, ...] = field(repr=False)
    default: int
    unnamed_mark: str

    def choose(self, name: str | None) -> tuple[Identity, str]:
        """Return the identity to show to a client that asks for this name, and the connection's mark."""
        default = self.domains[self.default]
        if name is None:
            return default.identity, self.unnamed_mark
        found = _best(self.domains, name.lower()) or default
        return found.identity, found.mark


def mark_of(domain: Domain) -> str:
    """Return what nginx knows a domain by, the same before and after a change of the others."""
    return hashlib.sha256("\n".join(domain.names).encode()).hexdigest()[:16]


def socket_name(listener: Listener) -> str:
    """Return the name of the socket at which nginx waits for a listener's connections."""
    return f"{listener.address.replace(':', '_')}-{listener.port}.sock"


def check_patterns(domains: tuple[Domain, ...]) -> None:
    """Refuse names that connections could not be compared with.

    Raises:
        DataPlaneError: if a name is a regular expression and not one that Python knows.
    """
    for name in (name for domain in domains for name in domain.names if name.startswith("~")):
        try:
            re.compile(name[1:])
        except re.error as error:
            raise DataPlaneError(f"{name!r} is no regular expression: {error}.") from error


def _best(domains: tuple[DoorDomain, ...], name: str) -> DoorDomain | None:
    # nginx's order: the exact name, the longest *.suffix, the longest prefix.*, the first expression.
    fitting = [(_rank(pattern, name), domain) for domain in domains for pattern in domain.names]
    ranked = [(rank, domain) for rank, domain in fitting if rank is not None]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _rank(pattern: str, name: str) -> tuple[int, int] | None:
    if pattern.startswith("~"):
        return (0, 0) if re.search(pattern[1:], name, re.IGNORECASE) else None
    plain = pattern.lower()
    if plain == name:
        return 3, 0
    if plain.startswith("*.") and name.endswith(plain[1:]) and len(name) > len(plain) - 1:
        return 2, len(plain)
    if plain.endswith(".*") and name.startswith(plain[:-1]):
        return 1, len(plain)
    return None
