"""What happens when an instance goes: its targets vanish, a while after it.

Pure over the store. Used by the admin port.
"""

from dataclasses import replace

from clb_simulator.model import Target
from clb_simulator.store import Store


def remove_instance(store: Store, instance_id: str) -> None:
    """Remove an instance; its targets stay until `unbind_instance`."""
    store.instances.remove(instance_id)


def unbind_instance(store: Store, instance_id: str) -> None:
    """Remove the targets of an instance from every rule and layer-4 listener."""
    for rule in store.rules.all():
        kept = _without(rule.targets, instance_id)
        if kept != rule.targets:
            store.rules.put(rule.location_id, replace(rule, targets=kept))
    for listener in store.listeners.all():
        kept = _without(listener.targets, instance_id)
        if kept != listener.targets:
            store.listeners.put(listener.listener_id, replace(listener, targets=kept))


def _without(targets: tuple[Target, ...], instance_id: str) -> tuple[Target, ...]:
    return tuple(one for one in targets if one.instance_id != instance_id)
