"""What would change for clients if a listener that somebody else made became ours.

It is identical when the plan for it, with every certificate taken for what it is a copy of, has nothing
but the adoption itself. The differences are said as facts about the listener, since whoever reads them
has to decide which side is right.

Pure. Called when a listener is considered for adoption; `core.adoption` decides what follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mtls_operator.core.actions import AdoptListener
from mtls_operator.core.cloud import CertificateKind, InCloud
from mtls_operator.core.listener_plan import plan_listener
from mtls_operator.core.ownership import upload_owner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.actions import Tls
    from mtls_operator.core.cloud import (
        CertId,
        CloudCertificate,
        Fingerprint,
        HealthCheck,
        Listener,
        Rule,
        TlsBinding,
    )
    from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute, ObservedListener

_PROBE_FIELDS: Final = {
    "domain": "domain",
    "path": "path",
    "method": "method",
    "interval": "interval",
    "timeout": "timeout",
    "healthy_threshold": "healthyThreshold",
    "unhealthy_threshold": "unhealthyThreshold",
    "codes": "codes",
    "protocol": "protocol",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What is known of certificates that others uploaded.

    Attributes:
        authorities: our upload of the same authority, by the id of the copy.
        servers: what a copy of a wanted server certificate holds, by its id.
        renewed: server certificates that the operator uploaded for an earlier life of the object, whose
            place the wanted ones take as in any renewal.
    """

    authorities: Mapping[CertId, CertId] = field(default_factory=dict)
    servers: Mapping[CertId, Fingerprint] = field(default_factory=dict)
    renewed: frozenset[CertId] = frozenset()


def known_copies(
    resource: MutualTLSListener,
    cluster: str,
    inventory: Iterable[CloudCertificate],
    wanted: Collection[Fingerprint],
) -> Copies:
    """Return what the marks of this cluster's own uploads say, without asking anybody.

    Args:
        resource: the manifest.
        cluster: the id of this cluster.
        inventory: every upload of this cluster.
        wanted: the server certificates that the manifest asks for.
    """
    mine = upload_owner(resource, cluster)
    servers = [upload for upload in inventory if upload.kind is CertificateKind.SERVER]
    return Copies(
        servers={upload.id: upload.fingerprint for upload in servers if upload.fingerprint in wanted},
        renewed=frozenset(
            upload.id
            for upload in servers
            if upload.owner != mine and replace(upload.owner, uid=mine.uid) == mine
        ),
    )


def bound_servers(listener: Listener) -> frozenset[CertId]:
    """Return the server certificates that a listener or one of its domains shows."""
    return frozenset(one for binding in _bindings(listener) for one in binding.server)


def bound_authorities(listener: Listener) -> frozenset[CertId]:
    """Return the CA certificates whose clients a listener or one of its domains admits."""
    found = (binding.ca_certificate_id for binding in _bindings(listener))
    return frozenset(one for one in found if one is not None)


def _bindings(listener: Listener) -> Iterator[TlsBinding]:
    for binding in (listener.tls, *(rule.tls for rule in listener.rules)):
        if binding is not None:
            yield binding


def differences(
    desired: DesiredListener, observed: ObservedListener, copies: Copies, now: datetime
) -> tuple[str, ...]:
    """Return what clients and backends would notice of the adoption, a sentence each; empty for nothing.

    Args:
        desired: what the manifest asks for.
        observed: the listener that is there, and our uploads.
        copies: which of its certificates are known to hold the same as ours.
        now: the time.
    """
    alike = _alike(desired, observed, copies)
    if alike.listener is None:
        return ()
    found = tuple(_facts(desired, alike, alike.listener))
    plan = plan_listener(desired, alike, now)
    return found or tuple(str(one) for one in plan.actions if not isinstance(one, AdoptListener))


def _alike(desired: DesiredListener, observed: ObservedListener, copies: Copies) -> ObservedListener:
    """Return what was observed as if every copy were our upload of the same."""
    listener = observed.listener
    if listener is None:
        return observed
    ids = {fingerprint: certificate for certificate, fingerprint in copies.servers.items()}
    ids |= observed.uploads
    if desired.tls is not None:
        listener = replace(listener, tls=_as_ours(listener.tls, desired.tls, copies, ids))
    wanted = {domain.name: domain.tls for domain in desired.domains if domain.tls is not None}
    rules = tuple(
        replace(rule, tls=_as_ours(rule.tls, wanted[rule.domain], copies, ids))
        if rule.domain in wanted
        else rule
        for rule in listener.rules
    )
    return replace(observed, listener=replace(listener, rules=rules), uploads=ids, unused=())


def _as_ours(
    current: TlsBinding | None, wanted: Tls, copies: Copies, ids: dict[Fingerprint, CertId]
) -> TlsBinding | None:
    """Return a binding with our ids; `ids` learns under which the wanted certificates count as uploaded."""
    if current is None:
        return None
    known = dict(copies.servers)
    if copies.renewed.issuperset(current.server) and len(current.server) == len(wanted.server):
        pairs = zip(current.server, wanted.server, strict=True)
        known |= {old: shown for old, shown in pairs if not isinstance(shown, InCloud)}
        ids |= {fingerprint: ids.get(fingerprint, old) for old, fingerprint in known.items()}
    server = tuple(ids[known[one]] if one in known else one for one in current.server)
    ca = current.ca_certificate_id
    return replace(
        current,
        certificate_id=server[0] if server else None,
        further_certificate_ids=server[1:],
        ca_certificate_id=copies.authorities.get(ca, ca) if ca is not None else None,
    )


def _facts(desired: DesiredListener, alike: ObservedListener, listener: Listener) -> Iterator[str]:
    if desired.tls is not None:
        yield from _tls_facts("the listener", desired.tls, listener.tls, alike)
    routes = {(domain.name, route.path) for domain, route in desired.routes()}
    for rule in listener.rules:
        if (rule.domain, rule.path) not in routes:
            yield f"it has a rule {rule.domain}{rule.path}, which the manifest lacks"
    rules = {(rule.domain, rule.path): rule for rule in listener.rules}
    for domain in desired.domains:
        first = next((rule for rule in listener.rules if rule.domain == domain.name), None)
        if first is not None:
            yield from _domain_facts(domain, first, alike)
        for route in domain.routes:
            yield from _route_facts(f"{domain.name}{route.path}", route, rules.get((domain.name, route.path)))


def _tls_facts(which: str, wanted: Tls, current: TlsBinding | None, alike: ObservedListener) -> Iterator[str]:
    if current is None:
        yield f"{which} has no certificate"
        return
    if not current.mutual:
        yield f"{which} asks clients for no certificate"
    elif not current.required:
        yield f"{which} lets in clients without a certificate, too"
    elif current.ca_certificate_id != wanted.ca:
        yield (
            f"{which} admits the clients of CA certificate {current.ca_certificate_id}, which is not seen to "
            f"hold the same as the manifest's, {wanted.ca}; if it does, bind that one instead"
        )
    ids = {alike.id_of(shown) for shown in wanted.server}
    others = [one for one in current.server if one not in ids]
    if others or len(current.server) != len(wanted.server):
        shown = ", ".join(others or current.server)
        yield f"{which} shows server certificate {shown}, which is not seen to be the manifest's"


def _domain_facts(domain: DesiredDomain, rule: Rule, alike: ObservedListener) -> Iterator[str]:
    which = f"domain {domain.name}"
    if domain.tls is not None:
        yield from _tls_facts(which, domain.tls, rule.tls, alike)
    if domain.http2 != rule.http2:
        yield f"{which} has HTTP/2 {'on' if rule.http2 else 'off'}, http2 says {str(domain.http2).lower()}"
    if domain.default and not rule.default:
        yield f"{which} is not the default domain"


def _route_facts(which: str, route: DesiredRoute, rule: Rule | None) -> Iterator[str]:
    if rule is None:
        yield f"it has no rule {which}"
        return
    pairs = (
        ("scheduler", rule.scheduler, route.scheduler),
        ("backendProtocol", rule.backend_protocol, route.backend_protocol),
        ("sessionPersistence", f"{rule.session_seconds}s", f"{route.session_seconds}s"),
    )
    for name, actual, wanted in pairs:
        if actual != wanted:
            yield f"{which}: {name} is {actual}, not {wanted}"
    if not route.health_check.is_met_by(rule.health_check):
        yield from _probe_facts(which, route.health_check, rule.health_check)
    yield from _target_facts(which, route, rule)


def _probe_facts(which: str, wanted: HealthCheck, actual: HealthCheck) -> Iterator[str]:
    if wanted.enabled != actual.enabled:
        yield f"{which}: healthCheck.enabled is {str(actual.enabled).lower()}"
        return
    for attribute, name in _PROBE_FIELDS.items():
        one = replace(wanted, **{attribute: getattr(actual, attribute)})
        if not wanted.is_met_by(one):
            found, asked = _text(getattr(actual, attribute)), _text(getattr(wanted, attribute))
            yield f"{which}: healthCheck.{name} is {found}, not {asked}"


def _text(value: object) -> str:
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _target_facts(which: str, route: DesiredRoute, rule: Rule) -> Iterator[str]:
    wanted = {target.endpoint: target.weight for target in route.targets}
    bound = {target.endpoint: target.weight for target in rule.targets}
    if wanted != bound and route.shortage is not None:
        yield f"{which}: {route.shortage.message}"
    for endpoint in sorted(wanted.keys() | bound.keys()):
        if endpoint not in wanted:
            yield f"{which}: {endpoint} is bound, which no backend of the manifest stands for"
        elif endpoint not in bound:
            yield f"{which}: {endpoint} is not bound"
        elif wanted[endpoint] != bound[endpoint]:
            yield f"{which}: the weight of {endpoint} is {bound[endpoint]}, not {wanted[endpoint]}"
