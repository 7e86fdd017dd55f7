"""A gRPC backend and an HTTP/2 client for the tests of the data plane.

The backend is an nginx that speaks HTTP/2 and nothing else with its clients. The client writes frames and
header fields itself (RFC 9113, RFC 7541 without compression), so that nothing hides what is on the wire.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from simulator.dataplane_fixtures import VIP, Client, eventually, free_port

from clb_simulator.dataplane.model import Backend, KeyPair
from clb_simulator.dataplane.nginx_process import NginxProcess, worker_user

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS = 1, 4
_STATUS_200 = 0x88  # The static table's entry 8, indexed.

_SEEN = "$server_protocol|$ssl_protocol|$http_host|$http_x_forwarded_for|$http_x_client_proto|$request_uri"


@asynccontextmanager
async def grpc_backend(directory: Path, tls: KeyPair | None = None) -> AsyncIterator[Backend]:
    """Run a backend that tells what it was asked, in one message and a trailer."""
    port = free_port("127.0.0.1")
    _write_configuration(directory, port, tls)
    process = NginxProcess(directory)
    await process.start(directory / "nginx.conf")
    try:
        await eventually(lambda: _answers(port), "the gRPC backend listens")
        yield Backend("127.0.0.1", port, 10)
    finally:
        await process.stop()


def _write_configuration(directory: Path, port: int, tls: KeyPair | None) -> None:
    (directory / "temp").mkdir(parents=True)
    if tls:
        (directory / "pair.pem").write_text(tls.chain_pem + tls.key_pem)
    certificate = "ssl_certificate pair.pem; ssl_certificate_key pair.pem;" if tls else ""
    temporary = "".join(
        f"{name}_temp_path temp/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(f"""
        {f"user {worker_user()};" if worker_user() else ""}
        pid nginx.pid;
        events {{}}
        http {{
            access_log off;
            default_type application/grpc;
            {temporary}
            server {{
                listen 127.0.0.1:{port} {"ssl" if tls else ""};
                http2 on;
                {certificate}
                add_trailer grpc-status 0;
                location / {{ return 200 "{_SEEN}"; }}
            }}
        }}
    """)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Reply:
    """What came back on a stream: whether the status is 200, the message, and whether trailers ended it."""

    ok: bool
    message: str
    trailers: bool


async def call(who: Client, port: int, *, sni: str, path: str) -> Reply:
    """Send one empty gRPC call over HTTP/2 from a thread."""
    return await asyncio.to_thread(_call, who, port, sni, path)


def _call(who: Client, port: int, sni: str, path: str) -> Reply:
    who.context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((VIP, port), timeout=10) as raw,
        who.context.wrap_socket(raw, server_hostname=sni) as connection,
    ):
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0, b"") + _request(sni, path))
        return _reply(_frames(connection))


def _request(authority: str, path: str) -> bytes:
    fields = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": authority,
        "te": "trailers",
        "content-type": "application/grpc",
    }
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields.items())
    empty_message = bytes(5)
    return _frame(_HEADERS, _END_HEADERS, block, stream=1) + _frame(
        _DATA, _END_STREAM, empty_message, stream=1
    )


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def _frame(kind: int, flags: int, payload: bytes, *, stream: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _frames(connection: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    with connection.makefile("rb") as reader:
        while head := reader.read(9):
            length = int.from_bytes(head[:3], "big")
            yield head[3], head[4], reader.read(length)


def _reply(frames: Iterator[tuple[int, int, bytes]]) -> Reply:
    ok, message = False, b""
    for kind, flags, payload in frames:
        if kind == _HEADERS and not flags & _END_STREAM:
            ok = _STATUS_200 in payload[:2]  # A change of the table's size may stand before it.
        if kind == _DATA:
            message += payload
        if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            return Reply(ok, message.decode(), trailers=kind == _HEADERS)
    raise ConnectionError("the connection ended in the middle of a reply")
