"""What a client presents and what it trusts, and one request over a TLS connection of its own.

I/O: TLS connections; a private key is written to a file for the moment in which OpenSSL reads it. Used
by `traffic`, for clients that ask many times a second, as curl could not.
"""

import re
import socket
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from mtls_devcluster.curl import Site

_SECONDS: Final = 10.0
_ENOUGH: Final = 65536
_SERVED: Final = re.compile(rb"HTTP/1\.1 200 .*\brs-\d+\b", re.DOTALL)
_REQUEST: Final = "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate with its key, and the roots that servers are verified by; all PEM."""

    chain: bytes
    key: bytes = field(repr=False)
    trusted: bytes

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes]) -> Self:
        """Take the members of a ClientCert's Secret."""
        return cls(chain=data["tls.crt"], key=data["tls.key"], trusted=data["ca.crt"])

    def context(self) -> ssl.SSLContext:
        """Return what connections are made with; no session is ever taken up again."""
        context = ssl.create_default_context(cadata=self.trusted.decode())
        with tempfile.TemporaryDirectory() as folder:
            pem = Path(folder) / "client.pem"
            pem.touch(mode=0o600)
            pem.write_bytes(self.chain + b"\n" + self.key)
            context.load_cert_chain(pem)
        return context


def why_not_served(site: Site, context: ssl.SSLContext) -> str:
    """Ask once; return an empty string when a real server answered, else what came instead."""
    try:
        with (
            socket.create_connection((site.address, site.port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=site.domain) as connection,
        ):
            connection.sendall(_REQUEST.format(host=f"{site.domain}:{site.port}").encode())
            reply = _read_all(connection)
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return "" if _SERVED.match(reply) else (reply.splitlines() or [b"no answer"])[0].decode(errors="replace")


def _read_all(connection: ssl.SSLSocket) -> bytes:
    reply = b""
    while len(reply) < _ENOUGH and (more := connection.recv(_ENOUGH)):
        reply += more
    return reply
