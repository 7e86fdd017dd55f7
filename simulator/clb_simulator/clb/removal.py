"""Remove listeners and rules together with what belongs to them.

Pure over the store. Used by `listeners` and `rules`.
"""

from clb_simulator.action import Call
from clb_simulator.clb import access
from clb_simulator.model import Listener, Rule


def remove_listener(call: Call, one: Listener) -> None:
    """Remove a listener, its rules, domains and bindings."""
    for rule in access.rules_of(call, one.listener_id):
        call.store.rules.remove(rule.location_id)
    for domain in access.domains_of(call, one.listener_id):
        call.store.domains.remove(domain.domain_id)
    call.store.listeners.remove(one.listener_id)


def remove_rules(call: Call, rules: tuple[Rule, ...]) -> None:
    """Remove rules, and each domain that has none left."""
    for rule in rules:
        call.store.rules.remove(rule.location_id)
    for domain_id in {rule.domain_id for rule in rules}:
        if not any(one.domain_id == domain_id for one in call.store.rules.all()):
            call.store.domains.remove(domain_id)
