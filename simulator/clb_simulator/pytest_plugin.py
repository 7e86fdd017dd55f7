"""A pytest plugin: the fixture `clb_simulator`, a simulator of the test's own.

I/O: starts a simulator in this process. Switch it on in a conftest.py:

    pytest_plugins = ["clb_simulator.pytest_plugin"]
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from clb_simulator.auth import SecretKey
from clb_simulator.embedded import EmbeddedSimulator, Endpoints
from clb_simulator.scenario import read_scenario
from clb_simulator.server import Config

__all__ = ["Endpoints", "clb_simulator", "clb_simulator_config"]

_KEY: Final = SecretKey("AKIDpytest", "pytest-secret", "100000000001")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of pytest.ini."""
    parser.addini("clb_simulator_data_plane", "nginx, or none (the default), which is faster", default="none")
    parser.addini("clb_simulator_task_seconds", "how long a change takes", default="0")
    parser.addini("clb_simulator_scenario", "a scenario file for every test, relative to the root directory")


@pytest.fixture
def clb_simulator_config(pytestconfig: pytest.Config) -> Config:
    """The configuration of `clb_simulator`; override it for a module or a test."""
    data_plane = pytestconfig.getini("clb_simulator_data_plane")
    if data_plane not in ("nginx", "none"):
        raise pytest.UsageError(f"clb_simulator_data_plane must be nginx or none, not {data_plane!r}.")
    named = pytestconfig.getini("clb_simulator_scenario")
    return Config(
        keys={_KEY.secret_id: _KEY},
        data_plane=data_plane,
        task_seconds=float(pytestconfig.getini("clb_simulator_task_seconds")),
        throttled=False,
        scenario=read_scenario(pytestconfig.rootpath / Path(named)) if named else None,
    )


@pytest.fixture
def clb_simulator(clb_simulator_config: Config) -> Iterator[Endpoints]:
    """A running simulator: addresses, keys and its admin port."""
    with EmbeddedSimulator(clb_simulator_config) as endpoints:
        yield endpoints
