"""A property of the simulator: nothing in the data plane needs root, in either form of refusal."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, os, pathlib, sys
from simulator.dataplane_fixtures import (
    client, client_pair, domain, echo_backend, free_port, https, mutual, route, serving_plane
)
from clb_simulator.dataplane.switches import Switches

async def main(folder, refusal):
    port = free_port()
    async with (
        echo_backend("rs-1") as backend,
        serving_plane(pathlib.Path(folder, "clb"), Switches(refusal=refusal)) as plane,
    ):
        for weight in (10, 20):
            site = domain("a.test", routes=(route(backend.weighing(weight)),))
            await plane.apply((https(port, site, tls=mutual(("a.test",), "a")),))
            response = await client(client_pair("a")).asks(port, sni="a.test")
            print(os.geteuid() != 0, response.status, response.body)

asyncio.run(main(*sys.argv[1:]))
"""
TESTS = Path(__file__).parents[1]


def unprivileged() -> list[str]:
    """Return what to put before a command so that it has no privileges, where this user has some."""
    if os.geteuid() != 0:
        return []
    # A user namespace and not setuid: the interpreter may be in a folder that is root's alone.
    return [shutil.which("unshare") or "unshare", "--user", "--map-user=65534", "--map-group=65534"]


@pytest.mark.parametrize("refusal", ["http400", "tls-alert"])
async def test_user_without_privileges_can_serve(tmp_path: Path, refusal: str) -> None:
    program = await asyncio.create_subprocess_exec(
        *(*unprivileged(), sys.executable, "-c", PROGRAM, str(tmp_path), refusal),
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await program.communicate()
    assert output.decode().splitlines() == ["True 200 rs-1"] * 2, errors.decode()
