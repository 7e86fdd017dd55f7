"""Compare the desired listener with the observed one and return the ordered changes.

    desired            observed                        plan
    ------------------ ------------------------------- -----------------------------------------
    listener           none                            upload, create, rules, targets
    admits only CA A   one-way, optional or CA B       close it first (stage PROTECT)
    certificate x      certificate y                   upload x when unknown, bind x
    domain/path        none                            create the rule
    domain/path        other scheduler, check, …       change the rule in place
    none               a rule                          delete it
    target             none / other weight             bind / set weight
    none               a target                        weight 0, wait drainPeriod, unbind
    no target at all   some                            leave them (an empty selection is a mistake)

Pure. Called after every read; a converged listener gives an empty plan. No action can express a
binding without required client certificates, and targets come in a stage of their own, which is
reached only when a read shows everything before it done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core import actions
from mtls_operator.core.actions import NewRule, Plan
from mtls_operator.core.cloud import TlsBinding
from mtls_operator.core.target_plan import plan_targets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mtls_operator.core.actions import Action, Tls
    from mtls_operator.core.cloud import CertId, Listener, Rule
    from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute, ObservedListener


def plan_listener(desired: DesiredListener, observed: ObservedListener, now: datetime) -> Plan:
    """Return what has to change, in the order of `actions.Stage`."""
    found: list[Action] = [*_uploads(desired, observed)]
    if observed.listener is None:
        found += _creation(desired)
    else:
        found += _listener_changes(desired, observed, observed.listener)
        found += _domain_changes(desired, observed, observed.listener)
        found += _rule_changes(desired, observed.listener)
    found += plan_targets(desired, observed, now)
    found += [actions.DeleteCertificate(certificate=certificate) for certificate in observed.unused]
    return Plan(tuple(sorted(found, key=lambda action: action.stage)))


def _uploads(desired: DesiredListener, observed: ObservedListener) -> Iterator[Action]:
    wanted = dict.fromkeys(tls.server for tls in desired.bindings())
    for fingerprint in wanted:
        if fingerprint not in observed.uploads:
            yield actions.UploadServerCertificate(secret=desired.secrets[fingerprint], fingerprint=fingerprint)


def _creation(desired: DesiredListener) -> Iterator[Action]:
    yield actions.CreateListener(name=desired.name, port=desired.port, sni=desired.sni, tls=desired.tls)
    rules = tuple(new_rule(domain, route) for domain, route in desired.routes())
    if rules:
        yield actions.CreateRules(listener=None, rules=rules)


def _listener_changes(
    desired: DesiredListener, observed: ObservedListener, listener: Listener
) -> Iterator[Action]:
    if listener.name != desired.name:
        yield actions.RenameListener(listener=listener.id, name=desired.name)
    if desired.tls is None:
        return
    closing = _closing(desired.tls, listener.tls, observed)
    if closing is not None:
        yield actions.CloseListener(listener=listener.id, binding=closing)
    if not _presents(desired.tls, closing or listener.tls, observed):
        yield actions.BindListener(listener=listener.id, tls=desired.tls)


def _domain_changes(
    desired: DesiredListener, observed: ObservedListener, listener: Listener
) -> Iterator[Action]:
    for domain in desired.domains:
        rule = next((rule for rule in listener.rules if rule.domain == domain.name), None)
        if rule is None:
            continue
        current = rule.tls
        if domain.tls is not None:
            closing = _closing(domain.tls, current, observed)
            if closing is not None:
                yield actions.CloseDomain(listener=listener.id, domain=domain.name, binding=closing)
            current = closing or current
        change = _domain_change(domain, rule, current, listener, observed)
        if change is not None:
            yield change


def _domain_change(
    domain: DesiredDomain, rule: Rule, current: TlsBinding | None, listener: Listener, observed: ObservedListener
) -> Action | None:
    rebind = domain.tls is not None and not _presents(domain.tls, current, observed)
    http2 = domain.http2 != rule.http2
    promote = domain.default and not rule.default
    if not (rebind or http2 or promote):
        return None
    return actions.ChangeDomain(
        listener=listener.id,
        domain=domain.name,
        tls=domain.tls if rebind else None,
        http2=domain.http2 if http2 else None,
        make_default=promote,
    )


def _closing(wanted: Tls, current: TlsBinding | None, observed: ObservedListener) -> TlsBinding | None:
    """Return the binding that closes an open door at once, None when it is shut or cannot be shut yet.

    The wanted server certificate is used when the cloud has it; else the one that is bound stays,
    so that closing never waits for an upload.
    """
    if current is not None and current.admits_only(wanted.ca):
        return None
    server = observed.uploads.get(wanted.server) or (current.certificate_id if current else None)
    if server is None:
        return None
    return TlsBinding(mutual=True, required=True, certificate_id=server, ca_certificate_id=wanted.ca)


def _presents(wanted: Tls, current: TlsBinding | None, observed: ObservedListener) -> bool:
    if current is None or not current.admits_only(wanted.ca) or current.further_certificate_ids:
        return False
    uploaded: CertId | None = observed.uploads.get(wanted.server)
    return uploaded is not None and current.certificate_id == uploaded


def _rule_changes(desired: DesiredListener, listener: Listener) -> Iterator[Action]:
    existing = {(rule.domain, rule.path): rule for rule in listener.rules}
    missing: list[NewRule] = []
    kept: set[tuple[str, str]] = set()
    for domain, route in desired.routes():
        wanted, actual = new_rule(domain, route), existing.get((domain.name, route.path))
        if actual is None:
            missing.append(wanted)
            continue
        kept.add((domain.name, route.path))
        differs = _differences(wanted, actual)
        if differs:
            yield actions.ChangeRule(listener=listener.id, location=actual.id, rule=wanted, differs=differs)
    if missing:
        yield actions.CreateRules(listener=listener.id, rules=tuple(missing))
    surplus = [rule for key, rule in existing.items() if key not in kept]
    if surplus and (kept or missing):
        # Deleted last within the stage: a new default domain has to stand before the old one may go.
        yield actions.DeleteRules(
            listener=listener.id,
            locations=tuple(rule.id for rule in surplus),
            names=tuple(f"{rule.domain}{rule.path}" for rule in surplus),
        )


def _differences(wanted: NewRule, actual: Rule) -> tuple[str, ...]:
    pairs = (
        ("scheduler", wanted.scheduler == actual.scheduler),
        ("backendProtocol", wanted.backend_protocol == actual.backend_protocol),
        ("sessionPersistence", wanted.session_seconds == actual.session_seconds),
        ("healthCheck", wanted.health_check.is_met_by(actual.health_check)),
    )
    return tuple(name for name, same in pairs if not same)


def new_rule(domain: DesiredDomain, route: DesiredRoute) -> NewRule:
    """Return the rule that a route needs, complete with what its domain shares."""
    return NewRule(
        domain=domain.name,
        path=route.path,
        default=domain.default,
        http2=domain.http2,
        scheduler=route.scheduler,
        backend_protocol=route.backend_protocol,
        session_seconds=route.session_seconds,
        health_check=route.health_check,
        tls=domain.tls,
    )
