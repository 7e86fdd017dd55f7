"""The composition root: build the adapters, hand them to the reconcilers, run kopf."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import getproxies

import kopf
from kubernetes.aio import client as kube_client
from kubernetes.aio import config as kube_config

from mtls_operator import __version__
from mtls_operator.adapters.clock import SystemClock
from mtls_operator.adapters.crl_server import CrlServer
from mtls_operator.adapters.kube.api import Api
from mtls_operator.adapters.kube.client import KubeClient
from mtls_operator.adapters.kube.echoes import Echoes
from mtls_operator.adapters.kube.recorder import EventRecorder
from mtls_operator.adapters.kube.view import ClusterView
from mtls_operator.adapters.listening import listen
from mtls_operator.adapters.metrics import Metrics, MetricsServer
from mtls_operator.adapters.tencent.api import CloudApi, Endpoint, Keys
from mtls_operator.adapters.tencent.certificates import CloudCertificates
from mtls_operator.adapters.tencent.load_balancers import CloudLoadBalancers
from mtls_operator.adapters.tencent.pacing import Pacer
from mtls_operator.adapters.tencent.writes import LoadBalancerWrites
from mtls_operator.api.meta import Key, Kind
from mtls_operator.config import ConfigError, read_config, read_credentials
from mtls_operator.core.balancer_access import BalancerAccess
from mtls_operator.errors import OperatorError
from mtls_operator.handlers.lifecycle import Companion, Lifecycle
from mtls_operator.handlers.registry import build_registry
from mtls_operator.handlers.watches import Watches
from mtls_operator.observability import configure_logging
from mtls_operator.probing.prober import TlsProber
from mtls_operator.probing.rounds import Trials
from mtls_operator.reconcilers.admission import Admission
from mtls_operator.reconcilers.authority import AuthorityBehaviour
from mtls_operator.reconcilers.client_cert import ClientCertBehaviour
from mtls_operator.reconcilers.inventory import Inventory
from mtls_operator.reconcilers.issuing import Issuing
from mtls_operator.reconcilers.ledger import Ledger
from mtls_operator.reconcilers.listener_assembly import assemble_listeners
from mtls_operator.reconcilers.loop import Loop
from mtls_operator.reconcilers.orphans import OrphanCollector
from mtls_operator.reconcilers.passes import Reconciler
from mtls_operator.reconcilers.probes import Probes
from mtls_operator.reconcilers.publication import Publication
from mtls_operator.reconcilers.queue import KeyedQueue
from mtls_operator.reconcilers.revocation import Revocation
from mtls_operator.reconcilers.root_uploads import RootUploads
from mtls_operator.reconcilers.roots import Roots
from mtls_operator.reconcilers.rotation import Rotation
from mtls_operator.reconcilers.signers import Signers
from mtls_operator.reconcilers.verification import NoVerification, Verification

if TYPE_CHECKING:
    from collections.abc import Sequence
    from socket import socket

    from mtls_operator.config import Config, Credentials

log = logging.getLogger("mtls_operator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the operator until it is stopped; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="clb-mtls-operator",
        description="HTTPS mutual authentication on Tencent Cloud CLB, declaratively.",
    )
    parser.add_argument(
        "--config", type=Path, help="YAML file with the settings; every setting has a default"
    )
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config.read_text() if options.config else "", os.environ)
        credentials = read_credentials(os.environ)
    except (ConfigError, OSError) as error:
        print(f"clb-mtls-operator: {error}", file=sys.stderr)  # noqa: T201 - before logging is set up
        return 2
    configure_logging(config.log_level)
    try:
        # Before anything else: an operator that cannot serve its lists does not begin.
        with ExitStack() as stack:
            asyncio.run(_run(config, credentials, _listen(config, stack)))
    except OperatorError as error:
        log.error("%s", error)  # noqa: TRY400 - a sentence for the reader, not a traceback
        return 1
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sockets:
    """What the operator serves on; None where nothing is to be served."""

    crl: socket | None
    metrics: socket | None


def _listen(config: Config, stack: ExitStack) -> _Sockets:
    crl = metrics = None
    if config.crl_port:
        what = "the revocation lists"
        crl = stack.enter_context(listen(config.crl_address, config.crl_port, what=what, setting="crlPort"))
    if config.metrics_port:
        at = config.metrics_address, config.metrics_port
        metrics = stack.enter_context(listen(*at, what="the metrics", setting="metricsPort"))
    return _Sockets(crl=crl, metrics=metrics)


async def _run(config: Config, credentials: Credentials, sockets: _Sockets) -> None:
    api = Api(await _connect())
    cluster = config.cluster_id or await _cluster_uid(api)
    keys = Keys(secret_id=credentials.secret_id, secret_key=credentials.secret_key, token=credentials.token)
    endpoint = Endpoint(root_domain=config.cloud.root_domain, override=config.cloud.endpoint)
    cloud = CloudApi(keys, endpoint, Pacer(config.cloud.rate_share))
    registry = _assemble(config, api, cloud, cluster, sockets)
    liveness = f"http://{config.health_address}:{config.health_port}/healthz" if config.health_port else None
    log.info("operator %s for cluster %s", __version__, cluster)
    try:
        await kopf.operator(
            registry=registry,
            clusterwide=True,
            standalone=True,
            liveness_endpoint=liveness,
            # Else kopf derives one from the user and the host, which a container need not have.
            identity=_instance(),  # type: ignore[arg-type]  # kopf does not export the type
        )
    finally:
        await cloud.close()
        await api.close()


def _assemble(
    config: Config, api: Api, cloud: CloudApi, cluster: str, sockets: _Sockets
) -> kopf.OperatorRegistry:
    clock = SystemClock()
    echoes = Echoes()
    kube, view = KubeClient(api, echoes), ClusterView(api)
    queue: KeyedQueue[Key] = KeyedQueue(view.balancer_of)
    recorder = EventRecorder(api, clock, instance=_instance())
    store = CloudCertificates(cloud, cluster=cluster, regions=config.cloud.regions)
    balancers = CloudLoadBalancers(cloud, LoadBalancerWrites(cloud))
    inventory = Inventory(view, store)
    signers = Signers(kube, view, clock)
    ledger = Ledger(kube, clock)
    issuing = Issuing(ledger, clock, queue.add)
    roots, publication = Roots(kube, signers, clock), Publication(kube, signers, clock)
    uploads = RootUploads(view, store, signers, recorder, cluster=cluster)
    authorities = AuthorityBehaviour(
        kube=kube,
        store=store,
        signers=signers,
        roots=roots,
        publication=publication,
        uploads=uploads,
        rotation=Rotation(
            kube=kube,
            view=view,
            signers=signers,
            roots=roots,
            publication=publication,
            uploads=uploads,
            recorder=recorder,
            clock=clock,
        ),
        ledger=ledger,
        clock=clock,
        cluster=cluster,
    )
    metrics = Metrics()
    verification = Verification(
        trials=Trials(TlsProber()),
        probes=Probes(signers, issuing, clock),
        wake=queue.add,
        recorder=recorder,
        gauges=metrics,
        clock=clock,
    )
    access = BalancerAccess(mode=config.load_balancer_access.mode, listed=config.load_balancer_access.listed)
    listeners = assemble_listeners(
        kube=kube,
        view=view,
        balancers=balancers,
        store=store,
        inventory=inventory,
        signers=signers,
        issuing=issuing,
        wake=queue.add,
        verification=verification if config.verification.enabled else NoVerification(),
        access=access,
        allow_always=config.adoption.allow_always,
        regions=config.cloud.regions,
        recorder=recorder,
        clock=clock,
        cluster=cluster,
    )
    requests = ClientCertBehaviour(
        kube=kube,
        signers=signers,
        issuing=issuing,
        admission=Admission(kube, view, signers, domains=config.secret_template.allowed_domains),
        revocation=Revocation(kube, ledger, clock, queue.add),
        clock=clock,
    )
    loop = Loop(
        queue,
        {
            Kind.CERTIFICATE_AUTHORITY: Reconciler(authorities, kube, recorder, clock),
            Kind.CLIENT_CERT: Reconciler(requests, kube, recorder, clock),
            Kind.MUTUAL_TLS_LISTENER: Reconciler(listeners, kube, recorder, clock),
        },
        resync=config.resync_interval,
    )
    companions: list[Companion] = [verification]
    if sockets.crl is not None:
        companions.append(CrlServer(view.published, clock, sockets.crl))
    if sockets.metrics is not None:
        companions.append(MetricsServer(metrics, sockets.metrics))
    lifecycle = Lifecycle(
        view=view,
        queue=queue,
        loop=loop,
        workers=config.workers,
        resync=config.resync_interval,
        collector=OrphanCollector(view, store, inventory, clock, grace=config.certificates.orphan_grace),
        companions=companions,
    )
    return build_registry(Watches(view, queue, echoes), lifecycle, os.environ)


def _instance() -> str:
    """The name of this process in events: the pod's, where there is one."""
    return os.environ.get("HOSTNAME", "clb-mtls-operator")


async def _connect() -> kube_client.ApiClient:
    """Return a client for the cluster: the pod's ServiceAccount, else the kubeconfig."""
    configuration = kube_client.Configuration()
    try:
        kube_config.load_incluster_config(client_configuration=configuration)
    except kube_config.ConfigException:
        try:
            await kube_config.load_kube_config(client_configuration=configuration)
        except kube_config.ConfigException as error:
            raise ConfigError(
                f"no cluster: neither a pod's ServiceAccount nor a kubeconfig ({error})"
            ) from None
    # Without a proxy to find in the environment, the client would look for one, and for a .netrc, at
    # every request: a quarter of what a request costs.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
    return kube_client.ApiClient(configuration)


async def _cluster_uid(api: Api) -> str:
    """Return the uid of kube-system, which identifies a cluster for as long as it lives."""
    namespace = await api.get("/api/v1/namespaces/kube-system")
    metadata = namespace.get("metadata") if namespace is not None else None
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    if not isinstance(uid, str):
        raise ConfigError("the namespace kube-system cannot be read: set clusterId in the configuration")
    return uid
