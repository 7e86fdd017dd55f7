"""Compare the desired listener with the observed one and return the ordered changes.

    desired            observed                        plan
    ------------------ ------------------------------- -----------------------------------------
    listener           none                            upload, create, rules, targets
    listener           somebody else's, adoptable      adopt it by its name, then as if it were ours
    admits only CA A   one-way, optional or CA B       close it first (stage PROTECT)
    certificate x      certificate y                   upload x when unknown, bind x
    x and x' (a pair)  x alone, x and y, …             the same, bound as a whole in one change
    domain/path        none                            create the rule
    domain/path        other scheduler, check, …       change the rule in place
    none               a rule                          delete it, after targets; at once if it is open
    domain             its former name                 rename it (core.domain_rename)
    target             none / other weight             bind / set weight
    none               a target                        weight 0, wait drainPeriod, unbind
    no target at all   some                            leave them (an empty selection is a mistake)

Pure. Called after every read; a converged listener gives an empty plan. No action can express a
binding without required client certificates, and targets come in a stage of their own, which is
reached only when a read shows everything before it done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtls_operator.core import actions
from mtls_operator.core.actions import NewRule, Plan
from mtls_operator.core.cloud import MOST_SERVER_CERTIFICATES, MutualBinding
from mtls_operator.core.domain_rename import find_renames, rename_actions, renamed
from mtls_operator.core.target_plan import plan_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from mtls_operator.core.actions import Action, Tls
    from mtls_operator.core.cloud import CertId, Listener, Rule, TlsBinding
    from mtls_operator.core.desired import DesiredDomain, DesiredListener, DesiredRoute, ObservedListener


def plan_listener(desired: DesiredListener, observed: ObservedListener, now: datetime) -> Plan:
    """Return what has to change, in the order of `actions.Stage`."""
    found: list[Action] = [*_uploads(desired, observed)]
    if observed.listener is None:
        found += _creation(desired)
    else:
        renames = find_renames(desired, observed)
        found += rename_actions(observed.listener, renames)
        listener = renamed(observed.listener, renames)
        observed = replace(observed, listener=listener)
        found += _listener_changes(desired, observed, listener)
        kept = [domain for domain in desired.domains if domain not in renames.values()]
        changes = list(_domain_changes(kept, observed, listener))
        found += [change for change in changes if not _ends_http2(change)]
        found += _rule_changes(desired, listener)
        # Last, since a rule that speaks gRPC needs it until it speaks something else.
        found += [change for change in changes if _ends_http2(change)]
    found += plan_targets(desired, observed, now)
    found += [actions.DeleteCertificate(certificate=certificate) for certificate in observed.unused]
    return Plan(tuple(sorted(found, key=lambda action: action.stage)))


def plan_closing(
    admitted: Mapping[str, CertId], listener: Listener
) -> tuple[actions.CloseListener | actions.CloseDomain, ...]:
    """Return what closes open doors when the rest of the manifest cannot be done now.

    Args:
        admitted: whom to admit, by domain; the key `""` is the listener's own, and counts for its domains
            where somebody switched SNI on.
        listener: what is there; the server certificates that are bound stay.
    """
    everywhere = admitted.get("")
    if not listener.sni:
        binding = _with_current(listener.tls, everywhere)
        return (actions.CloseListener(listener=listener.id, binding=binding),) if binding else ()
    closing = {
        rule.domain: binding
        for rule in listener.rules
        if (binding := _with_current(rule.tls, admitted.get(rule.domain, everywhere))) is not None
    }
    return tuple(
        actions.CloseDomain(listener=listener.id, domain=domain, binding=binding)
        for domain, binding in closing.items()
    )


def _with_current(current: TlsBinding | None, ca: CertId | None) -> MutualBinding | None:
    if current is None or ca is None or current.admits_only(ca):
        return None
    return _binding(current.server, ca)


def _binding(server: tuple[CertId, ...], ca: CertId) -> MutualBinding | None:
    """Return a binding with what there is of server certificates, None without any."""
    return MutualBinding(server=server[:MOST_SERVER_CERTIFICATES], ca=ca) if server else None


def _uploads(desired: DesiredListener, observed: ObservedListener) -> Iterator[Action]:
    wanted = dict.fromkeys(fingerprint for tls in desired.bindings() for fingerprint in tls.uploads)
    for fingerprint in wanted:
        if fingerprint not in observed.uploads:
            yield actions.UploadServerCertificate(
                secret=desired.secrets[fingerprint], fingerprint=fingerprint
            )


def _creation(desired: DesiredListener) -> Iterator[Action]:
    yield actions.CreateListener(name=desired.name, port=desired.port, sni=desired.sni, tls=desired.tls)
    rules = tuple(new_rule(domain, route) for domain, route in desired.routes())
    if rules:
        yield actions.CreateRules(listener=None, rules=rules)


def _listener_changes(
    desired: DesiredListener, observed: ObservedListener, listener: Listener
) -> Iterator[Action]:
    if observed.adopting:
        yield actions.AdoptListener(listener=listener.id, former=listener.name, name=desired.name)
    elif listener.name != desired.name:
        yield actions.RenameListener(listener=listener.id, name=desired.name)
    if desired.tls is None:
        return
    closing = _closing(desired.tls, listener.tls, observed)
    if closing is not None:
        yield actions.CloseListener(listener=listener.id, binding=closing)
    if not _will_present(desired.tls, listener.tls, closing, observed):
        yield actions.BindListener(listener=listener.id, tls=desired.tls)


def _domain_changes(
    domains: Iterable[DesiredDomain], observed: ObservedListener, listener: Listener
) -> Iterator[Action]:
    for domain in domains:
        rule = next((rule for rule in listener.rules if rule.domain == domain.name), None)
        if rule is None:
            continue
        rebind = None
        if domain.tls is not None:
            closing = _closing(domain.tls, rule.tls, observed)
            if closing is not None:
                yield actions.CloseDomain(listener=listener.id, domain=domain.name, binding=closing)
            if not _will_present(domain.tls, rule.tls, closing, observed):
                rebind = domain.tls
        yield from _domain_change(domain, rule, rebind, listener)


def _domain_change(
    domain: DesiredDomain, rule: Rule, rebind: Tls | None, listener: Listener
) -> Iterator[Action]:
    http2 = domain.http2 if domain.http2 != rule.http2 else None
    promote = domain.default and not rule.default
    if rebind is not None or http2 is not None or promote:
        yield actions.ChangeDomain(
            listener=listener.id, domain=domain.name, tls=rebind, http2=http2, make_default=promote
        )


def _ends_http2(change: Action) -> bool:
    return isinstance(change, actions.ChangeDomain) and change.http2 is False


def _closing(wanted: Tls, current: TlsBinding | None, observed: ObservedListener) -> MutualBinding | None:
    """Return the binding that closes an open door at once, None when it is shut or cannot be shut yet.

    The wanted server certificates are used when the cloud has all of them; else those that are bound
    stay, or one of a pair has to do, so that closing never waits for an upload.
    """
    if current is not None and observed.admits_only(current, wanted.ca):
        return None
    uploaded = _uploaded(wanted, observed)
    if len(uploaded) == len(wanted.server):
        return _binding(uploaded, wanted.ca)
    return _binding((current.server if current else ()) or uploaded, wanted.ca)


def _uploaded(wanted: Tls, observed: ObservedListener) -> tuple[CertId, ...]:
    """Return the wanted server certificates that the cloud has, in their order."""
    found = (observed.id_of(shown) for shown in wanted.server)
    return tuple(certificate for certificate in found if certificate is not None)


def _will_present(
    wanted: Tls, current: TlsBinding | None, closing: MutualBinding | None, observed: ObservedListener
) -> bool:
    """Tell whether the wanted certificates are bound, or will be once the door is closed."""
    uploaded = _uploaded(wanted, observed)
    if len(uploaded) < len(wanted.server):
        return False
    binding = MutualBinding(server=uploaded, ca=wanted.ca)
    return closing == binding or (current is not None and current.is_exactly(binding))


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
    surplus = _deletable(desired, listener, kept)
    # The door of a domain that stays is closed instead: its other routes need what serves now.
    staying = {domain.name for domain in desired.domains}
    opened = [rule for rule in surplus if desired.sni and rule.is_open and rule.domain not in staying]
    strangers = [rule for rule in opened if not rule.default]
    yield from _deletion(listener, strangers, actions.Stage.PROTECT)
    yield from _deletion(listener, [r for r in surplus if r not in strangers], actions.Stage.SURPLUS)


def _deletion(listener: Listener, rules: list[Rule], stage: actions.Stage) -> Iterator[Action]:
    if rules:
        yield actions.DeleteRules(
            listener=listener.id,
            locations=tuple(rule.id for rule in rules),
            names=tuple(f"{rule.domain}{rule.path}" for rule in rules),
            stage=stage,
        )


def _deletable(desired: DesiredListener, listener: Listener, kept: set[tuple[str, str]]) -> list[Rule]:
    """Return the surplus rules; those of the default domain only when its successor exists."""
    successors = {domain.name for domain in desired.domains if domain.default}
    succeeded = any(rule.domain in successors for rule in listener.rules)
    surplus = [rule for rule in listener.rules if (rule.domain, rule.path) not in kept]
    return [rule for rule in surplus if succeeded or not rule.default]


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
