"""What somebody changed, in words: from the action that would put it right and what was observed.

Pure. Each sentence says what was found, not what will be done. Called by `core.drift`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from mtls_operator.core import actions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mtls_operator.core.actions import Action, Tls
    from mtls_operator.core.cloud import CertId, Endpoint, LocationId, MutualBinding, Rule, TlsBinding
    from mtls_operator.core.desired import ObservedListener
    from mtls_operator.core.target_plan import Place

GONE: Final = "the listener is gone"
_NAMED: Final = 10
"""How many findings a message names before it counts the rest."""


def summary(found: Collection[str]) -> str:
    """Return findings as one text."""
    some = list(found)[:_NAMED]
    more = len(found) - len(some)
    return "; ".join(some) + (f"; and {more} more" if more else "")


def found_by(  # noqa: C901, PLR0912 - a flat table
    action: Action, observed: ObservedListener, leaving: Collection[Place]
) -> Iterator[str]:
    """Yield what was found that an action puts right.

    Args:
        action: the action.
        observed: what the cloud has.
        leaving: the targets that are bound and should not be.
    """
    match action:
        case actions.CloseListener(binding=binding):
            yield from _open("the listener", _listener_tls(observed), binding)
        case actions.CloseDomain(domain=domain, binding=binding):
            yield from _open(f"domain {domain}", _domain_tls(observed, domain), binding)
        case actions.UploadServerCertificate(secret=secret, fingerprint=fingerprint):
            yield f"the server certificate of Secret {secret} ({fingerprint[:16]}…) is not in the cloud"
        case actions.CreateListener():
            yield GONE
        case actions.RenameListener():
            name = observed.listener.name if observed.listener is not None else ""
            yield f"the listener is called {name!r}"
        case actions.BindListener(tls=tls):
            yield from _shows("the listener", _listener_tls(observed), tls, observed)
        case actions.CreateRules(rules=rules):
            yield from (f"rule {rule.domain}{rule.path} is gone" for rule in rules)
        case actions.ChangeDomain():
            yield from _domain(action, observed)
        case actions.ChangeRule(rule=rule, differs=differs):
            yield f"rule {rule.domain}{rule.path} has another {', '.join(differs)}"
        case actions.DeleteRules(names=names):
            yield from (f"rule {name} is not in the manifest" for name in names)
        case actions.RegisterTargets(targets=targets):
            for routed in targets:
                yield f"{routed.target.endpoint} is not bound at {_at(routed.location, observed)}"
        case actions.SetWeights(targets=targets):
            for routed in targets:
                yield _weight(routed, observed, leaving)
        case actions.DeregisterTargets(targets=places):
            yield from (_unwanted(endpoint, location, observed) for location, endpoint in places)
        case actions.RenameDomain(domain=domain, name=name):
            yield f"domain {name} is called {domain}"
        case actions.AdoptListener() | actions.DeleteListener() | actions.DeleteCertificate():
            return
        case _:
            assert_never(action)


def _listener_tls(observed: ObservedListener) -> TlsBinding | None:
    return observed.listener.tls if observed.listener is not None else None


def _rules(observed: ObservedListener) -> tuple[Rule, ...]:
    return observed.listener.rules if observed.listener is not None else ()


def _domain_tls(observed: ObservedListener, domain: str) -> TlsBinding | None:
    return next((rule.tls for rule in _rules(observed) if rule.domain == domain), None)


def _open(where: str, current: TlsBinding | None, wanted: MutualBinding) -> Iterator[str]:
    """What closes a door binds the server certificates, too, so both may have been changed."""
    if current is None or not current.mutual:
        yield f"{where} admits clients without a certificate (one-way)"
    elif not current.required:
        yield f"{where} admits clients without a certificate (optional)"
    elif current.ca_certificate_id != wanted.ca:
        admitted = current.ca_certificate_id or "no CA"
        yield f"{where} admits the clients of {admitted}, not those of {wanted.ca}"
    if current is not None and set(current.server) != set(wanted.server):
        yield _other_certificate(where, current.server, wanted.server)


def _shows(where: str, current: TlsBinding | None, wanted: Tls, observed: ObservedListener) -> Iterator[str]:
    found = [observed.id_of(shown) for shown in wanted.server]
    uploaded = [certificate for certificate in found if certificate is not None]
    # What is not in the cloud is said by the action that uploads it.
    if current is not None and len(uploaded) == len(found):
        yield _other_certificate(where, current.server, uploaded)


def _other_certificate(where: str, shown: Collection[CertId], wanted: Collection[CertId]) -> str:
    return f"the certificate of {where} is {' and '.join(shown) or 'none'}, not {' and '.join(wanted)}"


def _domain(action: actions.ChangeDomain, observed: ObservedListener) -> Iterator[str]:
    where = f"domain {action.domain}"
    if action.tls is not None:
        yield from _shows(where, _domain_tls(observed, action.domain), action.tls, observed)
    if action.http2 is not None:
        yield f"HTTP/2 of {where} is {'off' if action.http2 else 'on'}"
    if action.make_default:
        yield f"{where} is not the default domain"


def _weight(routed: actions.RoutedTarget, observed: ObservedListener, leaving: Collection[Place]) -> str:
    endpoint, at = routed.target.endpoint, routed.location
    if (at, endpoint) in leaving:
        return _unwanted(endpoint, at, observed)
    bound = {(rule.id, t.endpoint): t.weight for rule in _rules(observed) for t in rule.targets}
    weight = bound.get((at, endpoint), 0)
    return f"{endpoint} has weight {weight} at {_at(at, observed)}, not {routed.target.weight}"


def _unwanted(endpoint: Endpoint, location: LocationId, observed: ObservedListener) -> str:
    return f"{endpoint} is bound at {_at(location, observed)} and not wanted there"


def _at(location: LocationId, observed: ObservedListener) -> str:
    rule = next((rule for rule in _rules(observed) if rule.id == location), None)
    return f"{rule.domain}{rule.path}" if rule is not None else location
