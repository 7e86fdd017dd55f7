"""Domains of a listener: their names, certificates, the default one, and ModifyDomainAttributes.

Pure over the store. All rules of a domain share what is here, and a listener that has domains has exactly
one default domain. `rules` uses this when it creates and deletes rules.
"""

import re
from dataclasses import replace
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access
from clb_simulator.clb.bindings import read_binding
from clb_simulator.errors import ApiError, invalid, invalid_value, location_not_found, missing_parameter
from clb_simulator.model import CertificateBinding, Domain, Listener
from clb_simulator.params import Object, Params

_PLAIN: Final = re.compile(r"[A-Za-z0-9.-]+")
_WILDCARD: Final = re.compile(r"\*[A-Za-z0-9.-]+|[A-Za-z0-9.-]+\*")
_MAX_NEW_NAME: Final = 120
MAX_NAME: Final = 80


def check_name(name: str, path: str, limit: int = MAX_NAME) -> str:
    """Return a domain name in one of the three forms: plain, wildcard, or a regular expression.

    Raises:
        ApiError: InvalidParameterValue.
    """
    if not 1 <= len(name) <= limit:
        raise invalid_value(path, f"1 to {limit} characters are expected.")
    if not name.isprintable() or " " in name:
        raise invalid_value(path, "blanks and control characters are not allowed.")
    if name.startswith("~"):
        return _checked_regex(name, path)
    if not _PLAIN.fullmatch(name) and not _WILDCARD.fullmatch(name):
        raise invalid_value(path, "letters, digits, '-', '.', and '*' at one end are expected.")
    return name


def ensure_domain(call: Call, listener: Listener, params: Params, names: tuple[str, ...]) -> Domain:
    """Return the domain that a new rule belongs to, created or updated as the rule asks.

    Raises:
        ApiError: if the names overlap with another domain's, or an SNI domain would have no certificate.
    """
    certificate = read_domain_binding(call, listener, params)
    http2, quic = _protocols(params, listener)
    found = _matching(call, listener.listener_id, names)
    if found is None:
        return _create(call, listener, params, names, certificate)
    updated = replace(
        found,
        certificate=certificate or found.certificate,
        http2=found.http2 if http2 is None else http2,
        quic=found.quic if quic is None else quic,
    )
    call.store.domains.put(updated.domain_id, updated)
    if params.flag("DefaultServer"):
        make_default(call, updated.domain_id)
    return updated


def read_domain_binding(call: Call, listener: Listener, params: Params) -> CertificateBinding | None:
    """Return the certificates that a request gives a domain; None also when they have no effect there.

    Raises:
        ApiError: as `read_binding`, and InvalidParameter where a certificate has no place.
    """
    certificate = read_binding(call, params)
    if certificate is None or listener.sni:
        return certificate
    if listener.protocol != "HTTPS" or call.switches.misplaced_certificate == "refused":
        raise invalid("Only the domains of an HTTPS listener with SniSwitch 1 take a certificate.")
    # Seen in the field: success is reported and nothing changes.
    return None


def make_default(call: Call, domain_id: str) -> None:
    """Move the default role to one domain of its listener."""
    chosen = call.store.domains.get(domain_id)
    if chosen is None:
        raise RuntimeError(f"domain {domain_id} does not exist")
    for one in access.domains_of(call, chosen.listener_id):
        if one.is_default != (one.domain_id == domain_id):
            call.store.domains.put(one.domain_id, replace(one, is_default=one.domain_id == domain_id))


def successor(call: Call, listener_id: str, name: str | None, leaving: Domain) -> Domain:
    """Return the domain that takes the default role over from one that leaves it.

    Raises:
        ApiError: InvalidParameter without a name, InvalidParameter.LocationNotFound for an unknown one.
    """
    if not name:
        raise invalid(f"{leaving.names[0]} is the default domain; NewDefaultServerDomain must name another.")
    found = access.domain_named(call, listener_id, name)
    if found is None or found.domain_id == leaving.domain_id:
        raise location_not_found(name)
    return found


def modify_domain_attributes(call: Call, params: Params) -> Object:
    """ModifyDomainAttributes: for all rules of a domain at once."""
    listener = access.layer_7_listener(call, params)
    name = params.required_text("Domain")
    domain = access.domain_named(call, listener.listener_id, name)
    if domain is None:
        raise location_not_found(name)
    certificate = read_domain_binding(call, listener, params)
    http2, quic = _protocols(params, listener)
    updated = replace(
        domain,
        names=_renamed(call, params, domain),
        certificate=certificate or domain.certificate,
        http2=domain.http2 if http2 is None else http2,
        quic=domain.quic if quic is None else quic,
    )
    call.store.domains.put(updated.domain_id, updated)
    _change_default(call, params, updated)
    return {}


def modify_domain(call: Call, params: Params) -> Object:
    """ModifyDomain: another name for a domain; everything else of it stays."""
    listener = access.layer_7_listener(call, params)
    name = params.required_text("Domain")
    wanted = check_name(params.required_text("NewDomain"), "NewDomain", _MAX_NEW_NAME)
    domain = access.domain_named(call, listener.listener_id, name)
    if domain is None:
        raise location_not_found(name)
    if wanted != name and access.domain_named(call, listener.listener_id, wanted) is not None:
        raise ApiError("InvalidParameterValue.Duplicate", f"The domain {wanted} exists on this listener.")
    names = tuple(wanted if one == name else one for one in domain.names)
    call.store.domains.put(domain.domain_id, replace(domain, names=names))
    return {}


def _create(
    call: Call,
    listener: Listener,
    params: Params,
    names: tuple[str, ...],
    certificate: CertificateBinding | None,
) -> Domain:
    if listener.sni and certificate is None:
        raise missing_parameter(params.path("Certificate"))
    http2, quic = _protocols(params, listener)
    is_first = not access.domains_of(call, listener.listener_id)
    created = Domain(
        domain_id=call.ids.take("dom-"),
        listener_id=listener.listener_id,
        names=names,
        is_default=is_first,
        http2=bool(http2),
        quic=bool(quic),
        certificate=certificate,
    )
    call.store.domains.put(created.domain_id, created)
    if params.flag("DefaultServer"):
        make_default(call, created.domain_id)
    return created


def _matching(call: Call, listener_id: str, names: tuple[str, ...]) -> Domain | None:
    holders = {one.domain_id: one for name in names if (one := access.domain_named(call, listener_id, name))}
    if not holders:
        return None
    (domain_id, domain), *others = holders.items()
    if others or not set(names) <= set(domain.names):
        raise ApiError(
            "InvalidParameterValue.Duplicate", f"Some of the domains {list(names)} belong to other rules."
        )
    del domain_id
    return domain


def _renamed(call: Call, params: Params, domain: Domain) -> tuple[str, ...]:
    single, several = params.text("NewDomain"), params.texts("NewDomains")
    if single and several:
        raise invalid("NewDomain and NewDomains cannot be used together.")
    names = (single,) if single else several
    for name in names:
        check_name(name, "NewDomain", _MAX_NEW_NAME)
        holder = access.domain_named(call, domain.listener_id, name)
        if holder is not None and holder.domain_id != domain.domain_id:
            raise ApiError("InvalidParameterValue.Duplicate", f"The domain {name} exists on this listener.")
    return names or domain.names


def _change_default(call: Call, params: Params, domain: Domain) -> None:
    wanted, heir = params.flag("DefaultServer"), params.text("NewDefaultServerDomain")
    if wanted:
        make_default(call, domain.domain_id)
    elif wanted is False and domain.is_default:
        make_default(call, successor(call, domain.listener_id, heir, domain).domain_id)


def _protocols(params: Params, listener: Listener) -> tuple[bool | None, bool | None]:
    http2, quic = params.flag("Http2"), params.flag("Quic")
    if (http2 or quic) and listener.protocol != "HTTPS":
        raise invalid("Http2 and Quic are for HTTPS listeners.")
    return http2, quic


def _checked_regex(name: str, path: str) -> str:
    try:
        re.compile(name[1:])
    except re.error as error:
        raise invalid_value(path, f"{name} is not a regular expression: {error}") from None
    return name


ACTIONS: Final = {
    "ModifyDomain": Action(handler=modify_domain, kind=Kind.CHANGE, job="UpdateQLBL7ListenerDomain"),
    "ModifyDomainAttributes": Action(
        handler=modify_domain_attributes, kind=Kind.CHANGE, job="UpdateQLBL7ListenerDomain"
    ),
}
