"""What is not known about CLB's data plane, as switches.

Pure. The configuration writer and `NginxDataPlane` read them; each is explained with its source in
docs/simulator-divergences.md.
"""

from dataclasses import dataclass
from typing import Literal

Refusal = Literal["http400", "tls-alert"]
ForeignHost = Literal["421", "route"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The answers to what the cloud's documents leave open.

    Attributes:
        refusal: how a client without a certificate, or with a bad one, is turned away: an HTTP 400 after
            the handshake, as nginx does it, or a fatal TLS alert. Chosen at the start.
        foreign_host: what a request gets whose Host names another domain than its SNI: status 421, or the
            other domain's backends although that domain's CA never saw the client.
        tls13: offer TLS 1.3 besides 1.2. CLB offers it by custom configuration only.
        verify_depth: nginx's `ssl_verify_depth`: 1 admits one CA certificate between leaf and root.
            Under `tls-alert` chains may have any length.
        no_backend_status: the answer of a route without a backend of positive weight.
    """

    refusal: Refusal = "http400"
    foreign_host: ForeignHost = "421"
    tls13: bool = False
    verify_depth: int = 1
    no_backend_status: int = 502
