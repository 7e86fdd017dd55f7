"""Build the desired listener from a manifest and what it refers to.

Pure. Called by the MutualTLSListener reconciler once the certificates are known.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.core import cloud
from mtls_operator.core.backends import require_distinct, select_targets
from mtls_operator.core.cloud_quota import NO_LIMIT
from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute
from mtls_operator.core.nodes import is_eligible, next_grace_end

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from mtls_operator.api.listener import Domain, MutualTLSListener
    from mtls_operator.api.route import Route
    from mtls_operator.core.actions import Tls
    from mtls_operator.core.backends import Selection
    from mtls_operator.core.cluster import Node, Service

_LONGEST_NAME: Final = 80
_CLUSTER_CHARACTERS: Final = 12
_NAME: Final = re.compile(rf"mtls:(?P<cluster>[0-9a-f]{{{_CLUSTER_CHARACTERS}}}):(?P<uid>[^:]+):(?P<ref>.*)")


def listener_name(cluster: str, listener: MutualTLSListener) -> str:
    """Return the name by which the operator knows its listener again.

    It carries the cluster and the object's uid; the end is for people and may be cut, since the
    cloud ends a name at 80 characters.
    """
    return _written(_short(cluster), listener.metadata.uid, str(listener.ref))


def _written(cluster: str, uid: str, ref: str) -> str:
    return f"mtls:{cluster}:{uid}:{ref}"[:_LONGEST_NAME]


def _short(cluster: str) -> str:
    return hashlib.sha256(cluster.encode()).hexdigest()[:_CLUSTER_CHARACTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOwner:
    """Whom the name of a listener says that it was made for.

    Attributes:
        ref: the object, as far as the name was not cut.
    """

    cluster: str
    uid: str
    ref: str

    def is_in(self, cluster: str) -> bool:
        """Tell whether the object is, or was, in this cluster."""
        return self.cluster == _short(cluster)

    def is_life_of(self, listener: MutualTLSListener) -> bool:
        """Tell whether the object had this one's namespace and name, in this life or in another."""
        mine = _written(self.cluster, self.uid, str(listener.ref))
        return mine == _written(self.cluster, self.uid, self.ref)


def named_owner(name: str) -> NamedOwner | None:
    """Return whom a listener's name says that it was made for; None for a name that no operator gave."""
    found = _NAME.fullmatch(name)
    return NamedOwner(**found.groupdict()) if found else None


def build_listener(
    listener: MutualTLSListener,
    *,
    name: str,
    bindings: Mapping[str, Tls],
    secrets: Mapping[cloud.Fingerprint, str],
    nodes: Collection[Node],
    services: Mapping[str, Service],
    now: datetime,
    most_targets: int = NO_LIMIT,
) -> DesiredListener:
    """Return the listener that the manifest asks for.

    Args:
        listener: the manifest.
        name: from `listener_name`.
        bindings: by domain; the key `""` is the listener's own where SNI is off.
        secrets: the Secret behind each server certificate.
        nodes: all nodes of the cluster.
        services: the Services of the listener's namespace.
        now: decides how long a silent node is still trusted.
        most_targets: how many targets the account may bind to a rule.

    Raises:
        SpecError: with reason InvalidSpec, two backends of a route are the same node port.
    """
    spec, metadata = listener.spec, listener.metadata
    serving = tuple(node for node in nodes if is_eligible(node, spec.node_selector, now))

    def select(domain: Domain, route: Route) -> Selection:
        where = f"{domain.domain}{route.path}"
        require_distinct(route.backends, services, namespace=metadata.namespace, route=where)
        return select_targets(
            route.backends,
            serving,
            services,
            namespace=metadata.namespace,
            most=most_targets,
            seed=f"{metadata.uid}/{where}",
        )

    return DesiredListener(
        name=name,
        port=spec.port,
        sni=spec.sni,
        tls=None if spec.sni else bindings[""],
        domains=tuple(_domain(listener, domain, bindings, select) for domain in spec.domains),
        secrets=secrets,
        drain_period=spec.drain_period,
        reselect_at=next_grace_end(serving, now),
    )


def _domain(
    listener: MutualTLSListener,
    domain: Domain,
    bindings: Mapping[str, Tls],
    select: Callable[[Domain, Route], Selection],
) -> DesiredDomain:
    return DesiredDomain(
        name=domain.domain,
        default=domain == listener.spec.default_domain(),
        http2=domain.http2,
        tls=bindings[domain.domain] if listener.spec.sni else None,
        routes=tuple(_route(domain, route, select(domain, route)) for route in domain.routes),
    )


def _route(domain: Domain, route: Route, selection: Selection) -> DesiredRoute:
    return DesiredRoute(
        path=route.path,
        scheduler=route.scheduler.value,
        backend_protocol=route.backend_protocol.value,
        session_seconds=int(route.session_persistence.total_seconds()),
        health_check=_health_check(domain, route),
        targets=selection.targets,
        left_out=selection.eligible - len(selection.targets),
        shortage=selection.shortage,
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
