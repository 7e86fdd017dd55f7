"""Start etcd, kube-apiserver and kube-controller-manager on loopback.

Starts processes through a `Supervisor` and waits until they answer. Needs some four seconds. Called
by `make demo`, `make up` and the test suite's session fixture.
"""

import datetime as dt
import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtls_devcluster.binaries import Binaries
from mtls_devcluster.cluster import Cluster, certificate_user, write_kubeconfig
from mtls_devcluster.credentials import ControlPlaneCredentials, KeyPair
from mtls_devcluster.errors import ProcessFailed
from mtls_devcluster.ports import free_ports
from mtls_devcluster.processes import Program, RunningProcess, Supervisor

_SERVICE_NETWORK: Final = "10.96.0.0/16"
_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
_NAMES: Final = (
    *("127.0.0.1", "localhost", "10.96.0.1"),
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
)
_READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 3.0

# The node controllers are left out: our Nodes are objects without a kubelet, which those would
# declare unreachable and taint after 40 seconds.
_CONTROLLERS: Final = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "endpointslice-controller",
    "deployment-controller",
    "replicaset-controller",
)

# Tests read from this log who wrote what. The control plane's own reads would drown it.
_AUDIT_POLICY: Final = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:apiserver", "system:kube-controller-manager"]
    verbs: [get, list, watch]
  - level: None
    userGroups: ["system:serviceaccounts:kube-system"]
    verbs: [get, list, watch]
  - level: None
    nonResourceURLs: ["/readyz*", "/livez*", "/healthz*"]
  - level: Metadata
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """A running control plane.

    Attributes:
        cluster: How to reach it as its administrator.
        audit_log: One JSON object per request (audit.k8s.io/v1 Event, level Metadata); a request is
            in it before its answer is sent.
        start_seconds: How long the start took.
    """

    cluster: Cluster
    audit_log: Path
    start_seconds: float


def start_control_plane(
    supervisor: Supervisor,
    binaries: Binaries,
    directory: Path,
    now: dt.datetime,
    *,
    before_controllers: Callable[[Cluster], None] = lambda _: None,
) -> ControlPlane:
    """Start the three programs and return when they are ready.

    Args:
        supervisor: Ends them; their logs are in its directory.
        binaries: The programs.
        directory: For data, credentials and `kubeconfig`. An etcd that is in it is continued.
        now: The time that the certificates' validity is counted from.
        before_controllers: Called when the API server is ready and no controller runs yet: the place
            to install CustomResourceDefinitions. The garbage collector looks for kinds at its start
            and every 30 s; what is owned by an object of a later kind stayed for 41 s when tried.

    Raises:
        ProcessFailed: One of them ended or was not ready in time; with the end of its log.
    """
    start = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True)
    etcd_port, etcd_peer_port, api_port, manager_port = free_ports(4)
    credentials = ControlPlaneCredentials.make(directory / "pki", now, _NAMES)
    cluster = _describe_cluster(directory, credentials, api_port)

    supervisor.start(_etcd(binaries.etcd, directory, etcd_port, etcd_peer_port))
    audit_log = directory / "audit.log"
    api_server = supervisor.start(
        _api_server(
            binaries.kube_apiserver,
            directory,
            credentials,
            etcd_port=etcd_port,
            port=api_port,
            audit_log=audit_log,
        )
    )
    _wait_until(
        lambda: _answers(api_port, "/readyz", credentials.ca, credentials.admin), api_server, supervisor
    )
    before_controllers(cluster)
    manager = supervisor.start(
        _controller_manager(binaries.kube_controller_manager, directory, credentials, cluster, manager_port)
    )
    _wait_until(lambda: _answers(manager_port, "/healthz", None, None), manager, supervisor)
    return ControlPlane(cluster=cluster, audit_log=audit_log, start_seconds=time.monotonic() - start)


def _describe_cluster(directory: Path, credentials: ControlPlaneCredentials, port: int) -> Cluster:
    cluster = Cluster(
        kubeconfig=directory / "kubeconfig",
        server=f"https://127.0.0.1:{port}",
        ca_pem=credentials.ca.read_bytes(),
    )
    write_kubeconfig(cluster.kubeconfig, cluster, certificate_user(credentials.admin))
    return cluster


def _etcd(program: Path, directory: Path, port: int, peer_port: int) -> Program:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return Program(
        name="etcd",
        grace=_GRACE_SECONDS,
        command=(
            str(program),
            "--name=local",
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=local={peer}",
            "--unsafe-no-fsync",  # what is in here may be lost in a power cut
            "--log-level=warn",
        ),
    )


def _api_server(
    program: Path,
    directory: Path,
    credentials: ControlPlaneCredentials,
    *,
    etcd_port: int,
    port: int,
    audit_log: Path,
) -> Program:
    policy = directory / "audit-policy.yaml"
    policy.write_text(_AUDIT_POLICY)
    return Program(
        name="kube-apiserver",
        grace=_GRACE_SECONDS,
        command=(
            str(program),
            f"--etcd-servers=http://127.0.0.1:{etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            # No pod reaches it through the Service `kubernetes`, and a loopback address may not
            # be in an EndpointSlice. Without this it looks for a default route, which may not exist.
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={directory / 'pki'}",
            f"--tls-cert-file={credentials.serving.certificate}",
            f"--tls-private-key-file={credentials.serving.key}",
            f"--client-ca-file={credentials.ca}",
            "--authorization-mode=Node,RBAC",
            "--anonymous-auth=false",
            f"--service-cluster-ip-range={_SERVICE_NETWORK}",
            f"--service-account-issuer={_ISSUER}",
            f"--service-account-key-file={credentials.service_account_key}",
            f"--service-account-signing-key-file={credentials.service_account_key}",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={audit_log}",
            "--audit-log-mode=blocking",
            "--shutdown-delay-duration=0s",
        ),
    )


def _controller_manager(
    program: Path, directory: Path, credentials: ControlPlaneCredentials, cluster: Cluster, port: int
) -> Program:
    kubeconfig = write_kubeconfig(
        directory / "kube-controller-manager.kubeconfig",
        cluster,
        certificate_user(credentials.controller_manager),
    )
    return Program(
        name="kube-controller-manager",
        grace=_GRACE_SECONDS,
        command=(
            str(program),
            f"--kubeconfig={kubeconfig}",
            f"--controllers={','.join(_CONTROLLERS)}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={directory / 'kube-controller-manager'}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",  # each controller has a role, this user has not
            f"--root-ca-file={credentials.ca}",
            f"--service-account-private-key-file={credentials.service_account_key}",
        ),
    )


def _wait_until(is_ready: Callable[[], bool], process: RunningProcess, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not is_ready():
        supervisor.check()  # one that has ended, etcd for example, is the reason
        if time.monotonic() > deadline:
            raise ProcessFailed(
                f"{process.program.name} was not ready within {_READY_SECONDS:.0f} s.", process.log
            )
        time.sleep(_POLL_SECONDS)


def _answers(port: int, path: str, ca: Path | None, client: KeyPair | None) -> bool:
    """Whether a server on loopback answers 200; without a CA its certificate is not looked at."""
    context = ssl.create_default_context(cafile=ca)
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
