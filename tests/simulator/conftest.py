"""A simulator in this process, the official SDK's clients for it, and certificates to use.

The changes take no time here unless a test asks for it, and no data plane runs.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import pytest
from simulator.cloud import SECRET_ID, SECRET_KEY, UIN, Cloud
from simulator.pki import Authority, issue_authority
from simulator.still_clock import StillClock

from clb_simulator.auth import SecretKey
from clb_simulator.server import Config, Server
from clb_simulator.switches import Switches

KEYS = {SECRET_ID: SecretKey(SECRET_ID, SECRET_KEY, UIN)}


@pytest.fixture
def clock() -> StillClock:
    """Time that passes only when a test says so."""
    return StillClock()


@pytest.fixture
async def start_cloud(clock: StillClock) -> AsyncIterator[Callable[..., object]]:
    """Start simulators; all of them end with the test."""
    clouds: list[Cloud] = []

    async def start(
        *,
        task_seconds: float = 0.0,
        throttled: bool = False,
        state_file: Path | None = None,
        data_plane: Literal["nginx", "none"] = "none",
        **switches: object,
    ) -> Cloud:
        config = Config(
            keys=KEYS,
            task_seconds=task_seconds,
            throttled=throttled,
            state_file=state_file,
            data_plane=data_plane,
            switches=Switches(**switches),  # type: ignore[arg-type]
        )
        server = Server(config, clock)
        await server.start()
        clouds.append(Cloud(server, clock))
        return clouds[-1]

    yield start
    for cloud in clouds:
        await cloud.close()


@pytest.fixture
async def cloud(start_cloud: Callable[..., object]) -> Cloud:
    """A simulator with one load balancer and two instances."""
    started = await start_cloud()  # type: ignore[misc]
    assert isinstance(started, Cloud)
    return started


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A root CA."""
    return issue_authority("Simulator Test Root")


@pytest.fixture(scope="session")
def other_authority() -> Authority:
    """A root CA that the first one has nothing to do with."""
    return issue_authority("Another Root")
