"""Find the objects that a request names, or refuse it with the documented code.

Pure. Used by every group of CLB actions.
"""

from clb_simulator.action import Call
from clb_simulator.errors import (
    ApiError,
    invalid,
    listener_not_found,
    load_balancer_not_found,
    location_not_found,
)
from clb_simulator.model import Domain, Listener, LoadBalancer, Rule
from clb_simulator.params import Params

LAYER_7 = frozenset({"HTTP", "HTTPS"})


def load_balancer(call: Call, params: Params) -> LoadBalancer:
    """Return the load balancer that the request names, of the request's region.

    Raises:
        ApiError: InvalidParameter.LBIdNotFound.
    """
    identifier = params.required_text("LoadBalancerId")
    found = call.store.load_balancers.get(identifier)
    if found is None or found.region != call.region:
        raise load_balancer_not_found(identifier)
    return found


def listener(call: Call, params: Params) -> Listener:
    """Return the listener that the request names, on the load balancer that it names.

    Raises:
        ApiError: InvalidParameter.LBIdNotFound or .ListenerIdNotFound.
    """
    owner = load_balancer(call, params)
    return listener_of(call, owner.load_balancer_id, params.required_text("ListenerId"))


def listener_of(call: Call, load_balancer_id: str, listener_id: str) -> Listener:
    """Return a listener of one load balancer.

    Raises:
        ApiError: InvalidParameter.ListenerIdNotFound.
    """
    found = call.store.listeners.get(listener_id)
    if found is None or found.load_balancer_id != load_balancer_id:
        raise listener_not_found([listener_id])
    return found


def layer_7_listener(call: Call, params: Params) -> Listener:
    """Return the HTTP or HTTPS listener that the request names.

    Raises:
        ApiError: as `listener`, and InvalidParameterValue for another protocol.
    """
    found = listener(call, params)
    if found.protocol not in LAYER_7:
        raise ApiError("InvalidParameterValue", "This interface only support HTTP/HTTPS listener.")
    return found


def listeners_of(call: Call, load_balancer_id: str) -> tuple[Listener, ...]:
    """Return the listeners of a load balancer, oldest first."""
    return tuple(one for one in call.store.listeners.all() if one.load_balancer_id == load_balancer_id)


def domains_of(call: Call, listener_id: str) -> tuple[Domain, ...]:
    """Return the domains of a listener, oldest first."""
    return tuple(one for one in call.store.domains.all() if one.listener_id == listener_id)


def rules_of(call: Call, listener_id: str) -> tuple[Rule, ...]:
    """Return the rules of a listener, oldest first."""
    return tuple(one for one in call.store.rules.all() if one.listener_id == listener_id)


def domain_of(call: Call, rule: Rule) -> Domain:
    """Return the domain of a rule."""
    found = call.store.domains.get(rule.domain_id)
    if found is None:
        raise RuntimeError(f"rule {rule.location_id} has no domain")
    return found


def domain_named(call: Call, listener_id: str, name: str) -> Domain | None:
    """Return the domain of a listener that has `name` among its names."""
    return next((one for one in domains_of(call, listener_id) if name in one.names), None)


def target_count(call: Call, load_balancer_id: str) -> int:
    """Return how many targets are bound to a load balancer, over all of its rules and listeners."""
    listeners = listeners_of(call, load_balancer_id)
    named = {one.listener_id for one in listeners}
    at_rules = sum(len(rule.targets) for rule in call.store.rules.all() if rule.listener_id in named)
    return at_rules + sum(len(one.targets) for one in listeners)


def rule_by_id(call: Call, listener_id: str, location_id: str) -> Rule:
    """Return a rule of one listener.

    Raises:
        ApiError: InvalidParameter.LocationNotFound.
    """
    found = call.store.rules.get(location_id)
    if found is None or found.listener_id != listener_id:
        raise location_not_found(location_id)
    return found


def rule(call: Call, listener_id: str, params: Params) -> Rule:
    """Return the rule that a request names by LocationId, or by Domain and Url.

    Raises:
        ApiError: InvalidParameter.LocationNotFound, or InvalidParameter when nothing names a rule.
    """
    location_id, domain, url = params.text("LocationId"), params.text("Domain"), params.text("Url")
    if location_id:
        return rule_by_id(call, listener_id, location_id)
    if not domain or not url:
        raise invalid("An HTTP/HTTPS listener needs LocationId, or Domain and Url.")
    found = rule_at(call, listener_id, domain, url)
    if found is None:
        raise location_not_found(f"{domain}{url}")
    return found


def rule_at(call: Call, listener_id: str, name: str, url: str) -> Rule | None:
    """Return the rule of a domain's URL."""
    domain = domain_named(call, listener_id, name)
    if domain is None:
        return None
    return next(
        (one for one in rules_of(call, listener_id) if one.domain_id == domain.domain_id and one.url == url),
        None,
    )
