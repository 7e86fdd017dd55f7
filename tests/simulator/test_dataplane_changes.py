"""Behaviour 27: a change is live when it is said to be, drops no request, and a bad one changes nothing.

Documented: a change takes effect when its task succeeds.
"""

import asyncio
import itertools
import os
import signal
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from simulator.dataplane_fixtures import (
    PRIVATE_KEY,
    VIP,
    EchoBackend,
    authority,
    client,
    client_pair,
    domain,
    echo_backend,
    eventually,
    free_port,
    https,
    mutual,
    route,
    serving_plane,
)

from clb_simulator.dataplane.model import DataPlaneError, HealthState, KeyPair, Listener, TlsBinding
from clb_simulator.dataplane.nginx import NginxDataPlane
from clb_simulator.dataplane.null import NullDataPlane
from clb_simulator.dataplane.switches import Switches

MUTUAL = mutual(("a.test",), "a")


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[NginxDataPlane]:
    async with serving_plane(tmp_path) as plane:
        yield plane


@pytest.fixture
async def backend() -> AsyncIterator[EchoBackend]:
    async with echo_backend("rs-1") as backend:
        yield backend


def serving(
    port: int, backend: EchoBackend, tls: TlsBinding = MUTUAL, weight: int = 10
) -> tuple[Listener, ...]:
    location = route(backend.weighing(weight), location_id=f"loc-{port}")
    return (https(port, domain("a.test", routes=(location,)), tls=tls),)


def der_of(pair: KeyPair) -> bytes:
    return x509.load_pem_x509_certificate(pair.chain_pem.encode()).public_bytes(Encoding.DER)


async def test_new_connections_see_the_new_certificate_at_once_twenty_times(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    who = client(client_pair("a"))
    for _ in range(20):
        pair = authority("servers").issue("a.test")
        await plane.apply(serving(port, backend, TlsBinding((pair,), authority("a").pem, "on")))
        response = await who.asks(port, sni="a.test")
        assert response.server_certificate == der_of(pair)


async def test_twenty_changes_drop_no_request(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend))
    async with requests_in_a_loop(port) as statuses:
        for weight in itertools.islice(itertools.cycle((20, 10)), 20):
            await plane.apply(serving(port, backend, weight=weight))
    assert plane.generation == 22
    assert len(statuses) >= 20
    assert set(statuses) == {200}


@asynccontextmanager
async def requests_in_a_loop(port: int) -> AsyncIterator[list[int]]:
    """Send requests on new connections while the block runs; an error on any fails the test."""
    who = client(client_pair("a"))
    statuses: list[int] = []
    over = False

    async def run() -> None:
        while not over:
            statuses.append((await who.asks(port, sni="a.test")).status)

    async with asyncio.TaskGroup() as group:
        group.create_task(run())
        group.create_task(run())
        yield statuses
        over = True


async def test_connection_in_use_outlives_a_change(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend))
    context = client(client_pair("a")).context
    reader, writer = await asyncio.open_connection(VIP, port, ssl=context, server_hostname="a.test")
    ask = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
    for weight in (20, 20):
        writer.write(ask)
        assert b" 200 " in await reader.readline()
        await reader.readuntil(b"rs-1")
        await plane.apply(serving(port, backend, weight=weight))
    writer.close()


async def test_unchanged_listeners_are_not_reloaded(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend))
    generation = plane.generation
    await plane.apply(serving(port, backend))
    assert plane.generation == generation


async def test_changes_at_the_same_time_share_reloads_and_the_last_one_wins(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    changes = [serving(port, backend, weight=weight) for weight in range(1, 9)]
    last = free_port()
    await asyncio.gather(*(plane.apply(change) for change in (*changes, serving(last, backend))))
    assert plane.generation < 6
    assert (await client(client_pair("a")).asks(last, sni="a.test")).status == 200
    with pytest.raises(ConnectionRefusedError):
        await client(client_pair("a")).asks(port, sni="a.test")


async def test_bad_change_says_why_and_leaves_the_old_one_served(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    await plane.apply(serving(port, backend))
    broken = TlsBinding((KeyPair("no certificate", "no key"),), authority("a").pem, "on")
    good, bad = await asyncio.gather(
        plane.apply(serving(port, backend, weight=20)),
        plane.apply(serving(port, backend, broken)),
        return_exceptions=True,
    )
    assert good is None
    assert isinstance(bad, DataPlaneError)
    assert "cannot load certificate" in str(bad)
    assert (await client(client_pair("a")).asks(port, sni="a.test")).status == 200
    await plane.apply(serving(port, backend, weight=30))


async def test_defect_is_told_to_the_caller_and_ends_nothing(
    plane: NginxDataPlane, backend: EchoBackend
) -> None:
    port = free_port()
    unwritable = replace(MUTUAL, client_ca_pem="\ud800")
    with pytest.raises(UnicodeEncodeError):
        await asyncio.wait_for(plane.apply(serving(port, backend, unwritable)), 10)
    await plane.apply(serving(port, backend))
    assert (await client(client_pair("a")).asks(port, sni="a.test")).status == 200


async def test_regular_expression_that_is_none_is_refused(plane: NginxDataPlane) -> None:
    with pytest.raises(DataPlaneError, match="missing \\)"):
        await plane.apply((https(free_port(), domain("~(", default=True), tls=MUTUAL),))


async def test_address_of_somebody_else_is_refused(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend))
    other = await asyncio.start_server(lambda _reader, writer: writer.close(), VIP, 0)
    taken: int = other.sockets[0].getsockname()[1]
    async with other:
        with pytest.raises(DataPlaneError, match=f"{VIP}:{taken}"):
            await plane.apply((*serving(port, backend), *serving(taken, backend)))
        assert (await client(client_pair("a")).asks(port, sni="a.test")).status == 200
    await plane.apply((*serving(port, backend), *serving(taken, backend)))
    assert (await client(client_pair("a")).asks(taken, sni="a.test")).status == 200


async def test_verification_without_a_ca_is_refused(plane: NginxDataPlane, backend: EchoBackend) -> None:
    naked = TlsBinding(MUTUAL.key_pairs, None, "on")
    with pytest.raises(DataPlaneError, match="no CA is bound"):
        await plane.apply(serving(free_port(), backend, naked))


async def test_domain_without_certificate_rejects_handshakes(plane: NginxDataPlane) -> None:
    port = free_port()
    await plane.apply((https(port, domain("a.test", default=True)),))
    with pytest.raises(ssl.SSLError):
        await client(client_pair("a")).asks(port, sni="a.test")


async def test_removed_listener_listens_no_more(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend))
    await plane.apply(())
    with pytest.raises(ConnectionRefusedError):
        await client(client_pair("a")).asks(port, sni="a.test")


async def test_switches_change_what_is_served(plane: NginxDataPlane, backend: EchoBackend) -> None:
    port = free_port()
    await plane.apply(serving(port, backend))
    modern = client(client_pair("a"), ssl.TLSVersion.TLSv1_3)
    with pytest.raises(ssl.SSLError):
        await modern.asks(port, sni="a.test")
    await plane.use(Switches(tls13=True))
    assert (await modern.asks(port, sni="a.test")).status == 200


async def test_keys_are_for_this_user_alone_and_go_with_their_listener(
    plane: NginxDataPlane, backend: EchoBackend, tmp_path: Path
) -> None:
    listeners = serving(free_port(), backend)
    assert PRIVATE_KEY not in repr(listeners)
    await plane.apply(listeners)
    assert {mode_of(path) for path in keys_below(tmp_path)} == {0o600}
    await plane.apply(())
    assert not keys_below(tmp_path)


def keys_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and PRIVATE_KEY in path.read_text()]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_stop_leaves_no_process(tmp_path: Path, backend: EchoBackend) -> None:
    port = free_port()
    async with serving_plane(tmp_path) as plane:
        await plane.apply(serving(port, backend))
        (group,) = plane.pids
        os.killpg(group, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def is_group(group: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


async def test_nginx_ends_with_a_simulator_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    program = f"""
import asyncio, pathlib
from clb_simulator.dataplane.model import Listener
from clb_simulator.dataplane.nginx import NginxDataPlane
async def main():
    plane = NginxDataPlane(pathlib.Path({str(tmp_path)!r}))
    await plane.start()
    await plane.apply((Listener("lb-1", "lbl-1", "{VIP}", {port}, "HTTP", False, None, ()),))
    print(*plane.pids, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    simulator = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert simulator.stdout is not None
    group = int(await simulator.stdout.readline())
    assert is_group(group)
    simulator.kill()
    await simulator.wait()
    await eventually(lambda: not is_group(group), "nginx is gone")


async def test_dead_nginx_is_said_and_the_folder_can_be_used_again(
    tmp_path: Path, backend: EchoBackend
) -> None:
    port = free_port()
    async with serving_plane(tmp_path) as plane:
        await plane.apply(serving(port, backend))
        (group,) = plane.pids
        # Of the master alone: its worker lives on and would keep the port.
        os.kill(group, signal.SIGKILL)
        await eventually(lambda: not plane.running, "the death of nginx is seen")
        with pytest.raises(DataPlaneError, match="does not run"):
            await plane.apply(())
    await eventually(lambda: not is_group(group), "the worker is gone")
    async with serving_plane(tmp_path) as plane:
        await plane.apply(serving(port, backend))
        assert (await client(client_pair("a")).asks(port, sni="a.test")).status == 200


async def test_null_data_plane_knows_nothing_but_which_checks_are_off(backend: EchoBackend) -> None:
    plane = NullDataPlane()
    await plane.start()
    await plane.apply((https(443, domain("a.test", routes=(route(backend.weighing(1)),)), tls=MUTUAL),))
    assert plane.health("loc-1", backend.address, backend.port) is HealthState.CLOSE
    assert plane.health("loc-2", backend.address, backend.port) is HealthState.UNKNOWN
    await plane.stop()
