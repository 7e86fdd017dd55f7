"""A MutualTLSListener's status, from what was read back from the cloud.

Pure. Called by the MutualTLSListener reconciler at the end of a pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.listener_status import DomainStatus, RouteStatus, TargetCounts
from mtls_operator.core.cloud import CertId, TargetHealth
from mtls_operator.core.conditions import BACKENDS_HEALTHY, Aspect
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.cloud import Endpoint, Listener, LocationId, Rule
    from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute


def domain_statuses(
    desired: DesiredListener, listener: Listener, health: Mapping[tuple[LocationId, Endpoint], TargetHealth]
) -> tuple[DomainStatus, ...]:
    """Return the state of every domain that the manifest asks for."""
    rules = {(rule.domain, rule.path): rule for rule in listener.rules}
    return tuple(_domain(domain, listener, rules, health) for domain in desired.domains)


def _domain(
    domain: DesiredDomain,
    listener: Listener,
    rules: Mapping[tuple[str, str], Rule],
    health: Mapping[tuple[LocationId, Endpoint], TargetHealth],
) -> DomainStatus:
    found = [rules.get((domain.name, route.path)) for route in domain.routes]
    first = next((rule for rule in found if rule is not None), None)
    tls = listener.tls if not listener.sni else (first.tls if first else None)
    routes = zip(domain.routes, found, strict=True)
    return DomainStatus(
        domain=domain.name,
        certificate_id=tls.certificate_id if tls else None,
        additional_certificate_id=next(iter(tls.further_certificate_ids), None) if tls else None,
        ca_certificate_id=tls.ca_certificate_id if tls else None,
        routes=tuple(_route(route, rule, health) for route, rule in routes),
    )


def _route(
    route: DesiredRoute, rule: Rule | None, health: Mapping[tuple[LocationId, Endpoint], TargetHealth]
) -> RouteStatus:
    if rule is None:
        return RouteStatus(path=route.path, targets=TargetCounts(desired=len(route.targets)))
    endpoints = {target.endpoint for target in rule.targets}
    # One that is leaving serves still, but does not stand in for one that is wanted and dead.
    wanted = endpoints & {target.endpoint for target in route.targets}
    return RouteStatus(
        path=route.path,
        location_id=rule.id,
        targets=TargetCounts(
            desired=len(route.targets),
            registered=len(endpoints),
            healthy=sum(health.get((rule.id, endpoint), TargetHealth.UNKNOWN).serves for endpoint in wanted),
        ),
    )


def remembered_admissions(resource: MutualTLSListener) -> dict[str, CertId]:
    """Return whom the listener was last seen to admit, by domain; the key `""` is the listener's own."""
    known = {
        domain.domain: CertId(domain.ca_certificate_id)
        for domain in resource.status.domains
        if domain.ca_certificate_id is not None
    }
    if resource.spec.sni:
        return known
    first = next(iter(known.values()), None)
    return {"": first} if first is not None else {}


def healthy_text(domains: Iterable[DomainStatus]) -> str:
    """Return healthy targets of all that are wanted, such as `2/2`."""
    counts = [route.targets for domain in domains for route in domain.routes if route.targets]
    return f"{sum(c.healthy for c in counts)}/{sum(c.desired for c in counts)}"


def backends_aspect(desired: DesiredListener, domains: Iterable[DomainStatus]) -> Aspect:
    """Return the BackendsHealthy condition."""
    counts = [route.targets for domain in domains for route in domain.routes if route.targets]
    short = _short_of_targets(desired)
    if short is not None:
        return short
    healthy, wanted = sum(c.healthy for c in counts), sum(c.desired for c in counts)
    left_out = _left_out(desired)
    if healthy >= wanted:
        reason = Reason.TARGET_QUOTA_EXCEEDED if left_out else Reason.SUCCEEDED
        return Aspect(BACKENDS_HEALTHY, holds=True, reason=reason, message=f"{healthy} of {wanted}{left_out}")
    reason = Reason.SOME_BACKENDS_UNHEALTHY if healthy else Reason.NO_HEALTHY_BACKEND
    message = f"{healthy} of {wanted} targets answer the load balancer's health check{left_out}"
    return Aspect(BACKENDS_HEALTHY, holds=False, reason=reason, message=message)


def _short_of_targets(desired: DesiredListener) -> Aspect | None:
    """Return the condition of a listener of which a route lacks what it should have; None of another."""
    routes = [(f"{domain.name}{route.path}", route) for domain, route in desired.routes()]
    short = [(name, route.shortage) for name, route in routes if route.shortage is not None]
    empty = [name for name, route in routes if not route.targets and route.shortage is None]
    if not short and not empty:
        return None
    said = [f"{name}: {shortage.message}" for name, shortage in short]
    if empty:
        said.append(f"no node can serve {', '.join(empty)}. Check spec.nodeSelector and the nodes' readiness")
    return Aspect(
        BACKENDS_HEALTHY,
        holds=False,
        reason=short[0][1].reason if short else Reason.NO_ELIGIBLE_NODE,
        message=f"{'; '.join(text.removesuffix('.') for text in said)}; what was bound stays bound.",
    )


def _left_out(desired: DesiredListener) -> str:
    """Return what is to be said of routes with more eligible targets than the account may bind."""
    routes = [(domain, route) for domain, route in desired.routes() if route.left_out]
    if not routes:
        return ""
    said = ", ".join(
        f"{len(r.targets)} of {len(r.targets) + r.left_out} eligible targets serve {d.name}{r.path}"
        for d, r in routes
    )
    return (
        f"; {said}: the account may bind no more to a rule. "
        "Ask the cloud for a higher quota, or select fewer nodes with spec.nodeSelector."
    )
