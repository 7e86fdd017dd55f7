"""One control plane for the whole run, built first when it is not there yet."""

import contextlib
import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtls_devcluster.build import ensure_binaries
from mtls_devcluster.cluster import Kubectl
from mtls_devcluster.controlplane import ControlPlane, start_control_plane
from mtls_devcluster.environment import install_our_kinds
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.processes import Supervisor
from mtls_devcluster.progress import ConsoleProgress
from mtls_devcluster.toolchain import link_kubectl


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs before the first test: it takes minutes, and a test has its time limit."""
    needed = any("control_plane" in getattr(item, "fixturenames", ()) for item in session.items)
    if not needed or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            ensure_binaries(os.environ, ConsoleProgress())
            link_kubectl(os.environ)
    except DevClusterError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane with our kinds; its logs are in `<temporary directory>/control-plane0/log`."""
    directory = tmp_path_factory.mktemp("control-plane")
    binaries = ensure_binaries(os.environ, ConsoleProgress())
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - servers compare it with the real time
    with Supervisor(directory / "log") as supervisor:
        yield start_control_plane(supervisor, binaries, directory, now, before_controllers=install_our_kinds)


@pytest.fixture(scope="session")
def admin_kubeconfig(control_plane: ControlPlane) -> Path:
    return control_plane.cluster.kubeconfig


@pytest.fixture(scope="session")
def kubectl(admin_kubeconfig: Path) -> Kubectl:
    """kubectl as administrator: `kubectl("apply", "-f", "-", stdin=manifest)`."""
    return Kubectl(program=link_kubectl(os.environ), kubeconfig=admin_kubeconfig)


@pytest.fixture
def namespace(kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    answer = kubectl("create", "-f", "-", "-o", "name", stdin=_NAMESPACE)
    name = answer.strip().removeprefix("namespace/")
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


_NAMESPACE = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}}'
