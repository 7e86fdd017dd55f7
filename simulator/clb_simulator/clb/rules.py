"""CreateRule, ModifyRule and DeleteRule.

Pure over the store; `engine` decides when a change happens.
"""

import re
from dataclasses import replace
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb import access, domains, health_checks, quota, removal
from clb_simulator.errors import ApiError, invalid, invalid_value, location_not_found, missing_parameter
from clb_simulator.model import Listener, Rule
from clb_simulator.params import Json, Object, Params

_SCHEDULERS: Final = ("WRR", "LEAST_CONN", "IP_HASH")
_FORWARD_TYPES: Final = ("HTTP", "HTTPS", "GRPC", "GRPCS")
_SESSION_RANGE: Final = range(30, 86401)
_MAX_URL: Final = 200
_URL: Final = re.compile(r"(=|\^~|~\*?)? ?[!-~]+")
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


def create_rule(call: Call, params: Params) -> Object:
    """CreateRule: all of the rules or none."""
    listener = access.layer_7_listener(call, params)
    rules = params.parts("Rules")
    if not rules:
        raise missing_parameter("Rules")
    present = len(access.rules_of(call, listener.listener_id))
    quota.check(call, quota.RULES, present + len(rules))
    if sum(bool(one.flag("DefaultServer")) for one in rules) > 1:
        raise invalid("Only one domain of a listener can be the default.")
    identifiers: list[Json] = [_create_one(call, listener, one).location_id for one in rules]
    return {"LocationIds": identifiers}


def modify_rule(call: Call, params: Params) -> Object:
    """ModifyRule: what belongs to one URL; domain, certificate and HTTP/2 are not here."""
    listener = access.layer_7_listener(call, params)
    rule = access.rule_by_id(call, listener.listener_id, params.required_text("LocationId"))
    domain = access.domain_of(call, rule)
    url = params.text("Url")
    if url is not None and url != rule.url:
        _check_free(call, listener, domain.names, _checked_url(url))
    forward_type = _forward_type(params, listener, rule.forward_type)
    base = health_checks.default_for_rule(forward_type, domain.names[0])
    if call.switches.modified_health_check == "merged" or not params.has("HealthCheck"):
        base = rule.health_check
    changed = replace(
        rule,
        url=url or rule.url,
        scheduler=_scheduler(params, rule.scheduler),
        session_seconds=_session(params, rule.session_seconds),
        forward_type=forward_type,
        cookie_name=_cookie_name(params) or rule.cookie_name,
        health_check=health_checks.read(params.part("HealthCheck"), base),
    )
    _check_persistence(call, changed)
    call.store.rules.put(changed.location_id, changed)
    return {}


def delete_rule(call: Call, params: Params) -> Object:
    """DeleteRule: by LocationIds, or by Domain with or without Url."""
    listener = access.layer_7_listener(call, params)
    leaving = _named_rules(call, listener, params)
    gone = {rule.location_id for rule in leaving}
    kept = {
        rule.domain_id for rule in access.rules_of(call, listener.listener_id) if rule.location_id not in gone
    }
    heir = params.text("NewDefaultServerDomain")
    for domain in access.domains_of(call, listener.listener_id):
        if domain.is_default and kept and domain.domain_id not in kept:
            chosen = domains.successor(call, listener.listener_id, heir, domain)
            if chosen.domain_id not in kept:
                raise location_not_found(chosen.names[0])
            domains.make_default(call, chosen.domain_id)
    removal.remove_rules(call, leaving)
    return {}


def _create_one(call: Call, listener: Listener, params: Params) -> Rule:
    url = _checked_url(params.required_text("Url"))
    names = _names(params)
    _check_free(call, listener, names, url)
    domain = domains.ensure_domain(call, listener, params, names)
    forward_type = _forward_type(params, listener, "HTTP")
    _check_target_type(params)
    created = Rule(
        location_id=call.ids.take("loc-"),
        listener_id=listener.listener_id,
        domain_id=domain.domain_id,
        url=url,
        scheduler=_scheduler(params, "WRR"),
        session_seconds=_session(params, 0),
        cookie_name=_cookie_name(params),
        forward_type=forward_type,
        health_check=health_checks.read(
            params.part("HealthCheck"), health_checks.default_for_rule(forward_type, names[0])
        ),
        created_at=call.now,
    )
    _check_persistence(call, created)
    if forward_type in ("GRPC", "GRPCS") and not domain.http2:
        raise invalid("GRPC needs Http2 on the domain.")
    call.store.rules.put(created.location_id, created)
    return created


def _named_rules(call: Call, listener: Listener, params: Params) -> tuple[Rule, ...]:
    location_ids, name, url = params.texts("LocationIds"), params.text("Domain"), params.text("Url")
    if location_ids:
        return tuple(
            access.rule_by_id(call, listener.listener_id, one) for one in dict.fromkeys(location_ids)
        )
    if not name:
        raise invalid("DeleteRule needs LocationIds, or Domain with or without Url.")
    domain = access.domain_named(call, listener.listener_id, name)
    found = tuple(
        one
        for one in access.rules_of(call, listener.listener_id)
        if domain is not None and one.domain_id == domain.domain_id and url in (None, one.url)
    )
    if not found:
        raise location_not_found(f"{name}{url or ''}")
    return found


def _names(params: Params) -> tuple[str, ...]:
    single, several = params.text("Domain"), params.texts("Domains")
    if single and several:
        raise invalid(f"`{params.path('Domain')}` and `{params.path('Domains')}` cannot be used together.")
    names = (single,) if single else several
    if not names:
        raise missing_parameter(params.path("Domain"))
    return tuple(domains.check_name(name, params.path("Domain")) for name in dict.fromkeys(names))


def _check_free(call: Call, listener: Listener, names: tuple[str, ...], url: str) -> None:
    for name in names:
        if access.rule_at(call, listener.listener_id, name, url) is not None:
            raise ApiError(
                "InvalidParameterValue.Duplicate", f"The rule {name}{url} exists on this listener."
            )


def _checked_url(url: str) -> str:
    is_prefixed = url.startswith(("=", "^~", "~"))
    if not 1 <= len(url) <= _MAX_URL or not _URL.fullmatch(url) or not (is_prefixed or url.startswith("/")):
        raise invalid_value(
            "Url", f"1 to {_MAX_URL} characters that begin with '/', '=', '^~' or '~' are expected."
        )
    return url


def _scheduler(params: Params, default: str) -> str:
    scheduler = params.text("Scheduler") or default
    if scheduler not in _SCHEDULERS:
        raise invalid_value(params.path("Scheduler"), f"one of {', '.join(_SCHEDULERS)} is expected.")
    return scheduler


def _forward_type(params: Params, listener: Listener, default: str) -> str:
    forward_type = params.text("ForwardType") or default
    if forward_type not in _FORWARD_TYPES:
        raise invalid_value(params.path("ForwardType"), f"one of {', '.join(_FORWARD_TYPES)} is expected.")
    if forward_type != "HTTP" and listener.protocol != "HTTPS":
        raise invalid_value(
            params.path("ForwardType"), "only HTTPS listeners forward by other protocols than HTTP."
        )
    return forward_type


def _session(params: Params, default: int) -> int:
    seconds = params.integer("SessionExpireTime")
    if seconds is None:
        return default
    if seconds and seconds not in _SESSION_RANGE:
        raise invalid_value(params.path("SessionExpireTime"), "0 or 30 to 86400 is expected.")
    return seconds


def _cookie_name(params: Params) -> str | None:
    name = params.text("CookieName")
    if name and not _COOKIE.fullmatch(name):
        raise invalid_value(params.path("CookieName"), "letters, digits, '_' and '-' are expected.")
    return name or None


def _check_persistence(call: Call, rule: Rule) -> None:
    if rule.session_seconds and rule.scheduler != "WRR" and call.switches.session_needs_wrr:
        raise invalid("Session persistence needs the scheduler WRR.")


def _check_target_type(params: Params) -> None:
    if params.text("TargetType") not in (None, "NODE"):
        raise ApiError("UnsupportedOperation", "clb-simulator simulates targets of the type NODE only.")


ACTIONS: Final = {
    "CreateRule": Action(handler=create_rule, kind=Kind.CHANGE, job="CreateQLBL7Location"),
    "ModifyRule": Action(handler=modify_rule, kind=Kind.CHANGE, job="UpdateQLBL7Location"),
    "DeleteRule": Action(handler=delete_rule, kind=Kind.CHANGE, job="DelQLBL7Location"),
}
