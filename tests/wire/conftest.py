"""A simulator and the operator over it, with a load balancer of the namespace edge and two nodes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from builders import authority_manifest, node
from simulator.cloud import SECRET_ID, SECRET_KEY, UIN, Cloud
from simulator.still_clock import StillClock
from wire.world import WireWorld

from clb_simulator.auth import SecretKey
from clb_simulator.server import Config, Server
from mtls_operator.adapters.tencent import batched_reads


@pytest.fixture(autouse=True)
def _trust_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No TLS is spoken here, and each client would load all of the machine's roots, a tenth of a second."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    keys = {SECRET_ID: SecretKey(SECRET_ID, SECRET_KEY, UIN)}
    clock = StillClock()
    server = Server(Config(keys=keys, task_seconds=0.0, throttled=False), clock)
    await server.start()
    running = Cloud(server, clock)
    yield running
    await running.close()


@pytest.fixture
async def world(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WireWorld]:
    # There is nobody whose question could be asked along.
    monkeypatch.setattr(batched_reads, "_GATHER_SECONDS", 0)
    made = WireWorld(cloud)
    await made.furnish()
    made.view.held_nodes = [node(1), node(2)]
    made.apply(authority_manifest())
    yield made
    await made.close()
