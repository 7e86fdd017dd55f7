"""Build the desired listener from a manifest and what it refers to.

Pure. Called by the MutualTLSListener reconciler once the certificates are known.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from mtls_operator.core import cloud
from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute
from mtls_operator.core.nodes import is_eligible, targets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from mtls_operator.api.listener import Domain, MutualTLSListener
    from mtls_operator.api.route import Route
    from mtls_operator.core.actions import Tls
    from mtls_operator.core.cluster import Node, Service

_LONGEST_NAME: Final = 80
_CLUSTER_CHARACTERS: Final = 12


def listener_name(cluster: str, listener: MutualTLSListener) -> str:
    """Return the name by which the operator knows its listener again.

    It carries the cluster and the object's uid; the end is for people and may be cut, since the
    cloud ends a name at 80 characters.
    """
    short = hashlib.sha256(cluster.encode()).hexdigest()[:_CLUSTER_CHARACTERS]
    return f"mtls:{short}:{listener.metadata.uid}:{listener.ref}"[:_LONGEST_NAME]


def build_listener(
    listener: MutualTLSListener,
    *,
    name: str,
    bindings: Mapping[str, Tls],
    secrets: Mapping[cloud.Fingerprint, str],
    nodes: Collection[Node],
    services: Mapping[str, Service],
    now: datetime,
) -> DesiredListener:
    """Return the listener that the manifest asks for.

    Args:
        listener: the manifest.
        name: from `listener_name`.
        bindings: by domain; the key `""` is the listener's own where SNI is off.
        secrets: the Secret behind each server certificate.
        nodes: all nodes of the cluster.
        services: the Services of the listener's namespace.
        now: decides how long an unready node is still trusted.

    Raises:
        NotReady: a Service is missing or has no node port.
    """
    spec = listener.spec
    serving = tuple(node for node in nodes if is_eligible(node, spec.node_selector, now))
    return DesiredListener(
        name=name,
        port=spec.port,
        sni=spec.sni,
        tls=None if spec.sni else bindings[""],
        domains=tuple(_domain(listener, domain, bindings, serving, services) for domain in spec.domains),
        secrets=secrets,
        drain_period=spec.drain_period,
    )


def _domain(
    listener: MutualTLSListener,
    domain: Domain,
    bindings: Mapping[str, Tls],
    nodes: Iterable[Node],
    services: Mapping[str, Service],
) -> DesiredDomain:
    serving = tuple(nodes)
    namespace = listener.metadata.namespace
    return DesiredDomain(
        name=domain.domain,
        default=domain == listener.spec.default_domain(),
        http2=domain.http2,
        tls=bindings[domain.domain] if listener.spec.sni else None,
        routes=tuple(_route(domain, route, serving, services, namespace) for route in domain.routes),
    )


def _route(
    domain: Domain, route: Route, nodes: Iterable[Node], services: Mapping[str, Service], namespace: str
) -> DesiredRoute:
    return DesiredRoute(
        path=route.path,
        scheduler=route.scheduler.value,
        backend_protocol=route.backend_protocol.value,
        session_seconds=int(route.session_persistence.total_seconds()),
        health_check=_health_check(domain, route),
        targets=targets(route.backends, nodes, services, namespace=namespace),
    )


def _health_check(domain: Domain, route: Route) -> cloud.HealthCheck:
    """Return the check with what the cloud would choose itself said out.

    It chooses when the rule is made, and keeps to that when the domain or the protocol changes.
    """
    check = route.health_check
    return cloud.HealthCheck(
        enabled=check.enabled,
        domain=check.domain or ("" if domain.is_pattern else domain.domain),
        path=check.path,
        method=check.method.value,
        interval=int(check.interval.total_seconds()),
        timeout=int(check.timeout.total_seconds()),
        healthy_threshold=check.healthy_threshold,
        unhealthy_threshold=check.unhealthy_threshold,
        codes=frozenset(code.value for code in check.codes),
        protocol=route.backend_protocol.value,
    )
