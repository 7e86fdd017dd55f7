"""A TLS connection on which a refusal is never lost, and a context that shows a client certificate.

I/O: sockets. asyncio's own streams will not do: with TLS 1.3 the alert that refuses a client arrives
after the handshake, perhaps when the request is under way already, and a failed write would end the
stream before the alert was read. Called by `probing.prober`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from mtls_operator.core.trials import Credentials

T = TypeVar("T")

_PIECE: Final = 16384


class TlsAlert(Exception):
    """The other side refused by an alert; the text is its name, such as `unknown ca`."""


class Broken(Exception):
    """The connection ended in another way; the text says how."""


def client_context(credentials: Credentials | None) -> ssl.SSLContext:
    """Return a context that shows a certificate or none, and looks at whatever server there is.

    The server is not verified here: its certificate is compared with the listener's own.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if credentials is not None:
        with _as_file(credentials.chain + credentials.key) as path:
            context.load_cert_chain(path)
    return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give content a path, which is all that Python's TLS takes; in memory alone where the system can.

    A container's file system may be read-only, and a private key should not get on a disk.
    """
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("client")
        try:
            os.write(file, content)
            yield f"/proc/self/fd/{file}"
        finally:
            os.close(file)
    else:
        with tempfile.NamedTemporaryFile() as named:
            named.write(content)
            named.flush()
            yield named.name


class TlsConnection:
    """A client's side of one connection."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, sni: str | None) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=sni)

    @classmethod
    async def connect(
        cls, address: str, port: int, *, context: ssl.SSLContext, sni: str | None
    ) -> TlsConnection:
        """Connect; the handshake comes later.

        Args:
            address: an IP address or a name; its first address counts.
            port: where to.
            context: from `client_context`.
            sni: the name in the handshake, None for none.

        Raises:
            Broken: nobody answers there.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address, port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, where = found[0]
            plain = socket.socket(family, kind, protocol)
        except OSError as error:
            raise Broken(_words(error)) from None
        plain.settimeout(0)
        try:
            await loop.sock_connect(plain, where)
            return cls(plain, context, sni)
        except (OSError, ssl.SSLError, ValueError) as error:
            plain.close()
            raise Broken(_words(error)) from None
        except BaseException:
            plain.close()
            raise

    async def handshake(self) -> None:
        """Shake hands.

        Raises:
            TlsAlert: the other side refuses.
            Broken: it ends in another way.
        """
        await self._until_done(self._tls.do_handshake)

    @property
    def server_certificate(self) -> bytes:
        """The certificate that was shown, DER; empty before the handshake came so far."""
        with suppress(ValueError):
            return self._tls.getpeercert(binary_form=True) or b""
        return b""

    async def send(self, content: bytes) -> None:
        """Send; raises as `handshake`."""
        await self._until_done(lambda: self._tls.write(content))

    async def receive(self) -> bytes:
        """Return what comes next, nothing at the end; raises as `handshake`."""
        try:
            return await self._until_done(lambda: self._tls.read(_PIECE))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def _until_done(self, operation: Callable[[], T]) -> T:
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
                continue
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                raise
            except ssl.SSLError as error:
                await self._flush()
                raise _reason(error) from None
            await self._flush()
            return result

    async def _flush(self) -> None:
        """Send what TLS wrote. A failure is told by what comes next: that may be an alert, sent before."""
        content = self._outgoing.read()
        if content:
            with suppress(OSError):
                await asyncio.get_running_loop().sock_sendall(self._plain, content)

    async def _fill(self) -> None:
        try:
            content = await asyncio.get_running_loop().sock_recv(self._plain, _PIECE)
        except OSError as error:
            raise Broken(_words(error)) from None
        if content:
            self._incoming.write(content)
        else:
            self._incoming.write_eof()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._plain.close()


def _reason(error: ssl.SSLError) -> TlsAlert | Broken:
    """Tell an alert of the other side from what this side found wrong: OpenSSL names the former so."""
    _, alert, name = (error.reason or "").partition("ALERT_")
    if alert:
        return TlsAlert(name.lower().replace("_", " "))
    return Broken(f"TLS failed: {(error.reason or 'no reason given').lower().replace('_', ' ')}")


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno:
        # asyncio's own words have the address in them, which differs from one attempt to the next.
        return f"no connection: {os.strerror(error.errno).lower()}"
    return f"no connection: {str(error).lower() or type(error).__name__}"
