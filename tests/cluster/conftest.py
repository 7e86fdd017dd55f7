"""One simulated cloud and one operator for all cluster tests; a namespace and a load balancer for each."""

import datetime as dt
import secrets
from collections.abc import Iterator
from itertools import count

import pytest
from cluster.audit_log import AuditLog
from cluster.cloud_console import CloudConsole
from cluster.kube_api import KubeApi
from cluster.operator_control import OperatorControl
from cluster.tenant import NewTenant, Tenant, World

from mtls_devcluster.controlplane import ControlPlane
from mtls_devcluster.environment import NAMESPACES_TAG, furnish
from mtls_devcluster.processes import Supervisor
from mtls_devcluster.progress import ConsoleProgress

TASK_SECONDS = 0.1
_FIRST_ADDRESS = 101


@pytest.fixture(scope="session")
def world(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The cloud, the nodes and the operator; their logs are in `<temporary directory>/world0/log`."""
    directory = tmp_path_factory.mktemp("world")
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are compared with the real time
    with Supervisor(directory / "log") as supervisor:
        environment = furnish(supervisor, directory, control_plane, now, ConsoleProgress())
        cloud = CloudConsole(environment.simulator)
        kube = KubeApi(environment.cluster)
        cloud.set_task_time(TASK_SECONDS)
        service = kube.get("Service", "platform", "web")
        yield World(
            environment=environment,
            kube=kube,
            cloud=cloud,
            audit=AuditLog(environment.audit_log),
            operator=OperatorControl(supervisor, environment, directory),
            node_port=service["spec"]["ports"][0]["nodePort"],
        )
        kube.close()
        cloud.close()


@pytest.fixture(scope="session")
def addresses(world: World) -> Iterator[str]:
    return (f"{world.environment.block.prefix}.{number}" for number in count(_FIRST_ADDRESS))


@pytest.fixture
def new_tenant(world: World, addresses: Iterator[str]) -> Iterator[NewTenant]:
    """Makes namespaces, each with a load balancer; at the end nothing of them may be left in the cloud."""
    made: list[Tenant] = []

    def make() -> Tenant:
        made.append(_make_tenant(world, next(addresses)))
        return made[-1]

    yield make
    world.operator.ensure_usual()
    world.cloud.set_task_time(TASK_SECONDS)
    for tenant in made:
        tenant.delete_everything()
    for tenant in made:
        tenant.wait_empty()
        world.kube.delete("Namespace", "", tenant.namespace)
        assert world.cloud.uploads(tenant.namespace) == {}
        assert [one["ListenerName"] for one in world.cloud.listeners(tenant.balancer)] == []


@pytest.fixture
def tenant(new_tenant: NewTenant) -> Tenant:
    """A namespace with a load balancer of its own."""
    return new_tenant()


def _make_tenant(world: World, address: str) -> Tenant:
    made = world.kube.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "tenant-"}}
    )
    namespace, balancer = made["metadata"]["name"], f"lb-{secrets.token_hex(4)}"
    world.environment.simulator.create_load_balancer(
        identifier=balancer, vip=address, tags={NAMESPACES_TAG: namespace}
    )
    return Tenant(world=world, namespace=namespace, balancer=balancer, address=address)
