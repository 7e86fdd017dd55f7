"""What somebody else may do to what a client made, as calls of the API.

Pure: reads the store to find a target and returns the call. Used by `foreign`. One function per deed; each
lists every call that would be the deed, and the seed chooses among them.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from pydantic import JsonValue

from clb_simulator.fault_kinds import Deed
from clb_simulator.model import CertificateBinding, Listener, Rule, Target
from clb_simulator.params import Json, Object
from clb_simulator.provisioning import DEFAULT_REGION
from clb_simulator.store import Store

_PORTS: Final = range(20_000, 65_536)
_CHANGED_NAME: Final = "changed-by-somebody-else"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCall:
    """A call for somebody else to make. `target` is the id of what it is done to, if that is known."""

    service: str
    action: str
    region: str = DEFAULT_REGION
    params: dict[str, JsonValue] = field(default_factory=dict)
    target: str = ""


_Deed: TypeAlias = Callable[[Store], Iterator[ForeignCall]]


def plan_deed(store: Store, deed: Deed | str, *, target: str | None, seed: int) -> ForeignCall | None:
    """Return the call that is the deed, or None when there is nothing to do it to.

    Args:
        store: Where the targets are.
        deed: One of `DEEDS`.
        target: The id of the listener, rule or certificate; without one, the seed chooses.
        seed: The same seed chooses the same one among the same targets.
    """
    possible = [one for one in DEEDS[deed](store) if target in (None, one.target)]
    return random.Random(seed).choice(possible) if possible else None  # noqa: S311 - to be repeatable


def _change_listener(store: Store) -> Iterator[ForeignCall]:
    for one in store.listeners.all():
        yield _on_listener(store, one, "ModifyListener", ListenerName=_CHANGED_NAME)


def _open_listener(store: Store) -> Iterator[ForeignCall]:
    for one in store.listeners.all():
        if one.certificate is not None and one.certificate.ssl_mode == "MUTUAL":
            yield _on_listener(store, one, "ModifyListener", Certificate=_one_way(one.certificate))
        for domain in store.domains.all():
            is_mutual = domain.certificate is not None and domain.certificate.ssl_mode == "MUTUAL"
            if domain.listener_id == one.listener_id and one.sni and domain.certificate and is_mutual:
                fields: Object = {"Domain": domain.names[0], "Certificate": _one_way(domain.certificate)}
                yield _on_listener(store, one, "ModifyDomainAttributes", **fields)


def _delete_listener(store: Store) -> Iterator[ForeignCall]:
    for one in store.listeners.all():
        yield _on_listener(store, one, "DeleteListener")


def _change_rule(store: Store) -> Iterator[ForeignCall]:
    for one in store.rules.all():
        unchecked: Json = {"HealthSwitch": 0}
        yield _on_rule(store, one, "ModifyRule", LocationId=one.location_id, HealthCheck=unchecked)


def _delete_rule(store: Store) -> Iterator[ForeignCall]:
    for one in store.rules.all():
        yield _on_rule(store, one, "DeleteRule", LocationIds=[one.location_id])


def _change_binding(store: Store) -> Iterator[ForeignCall]:
    for rule, one in _bindings(store):
        named = _target(one)
        fields: Object = {"LocationId": rule.location_id, "Weight": 0, "Targets": [named]}
        yield _on_rule(store, rule, "ModifyTargetWeight", **fields)


def _delete_binding(store: Store) -> Iterator[ForeignCall]:
    for rule, one in _bindings(store):
        fields: Object = {"LocationId": rule.location_id, "Targets": [_target(one)]}
        yield _on_rule(store, rule, "DeregisterTargets", **fields)


def _change_certificate(store: Store) -> Iterator[ForeignCall]:
    for one in store.certificates.all():
        if not one.deleted:
            yield _on_certificate(one.certificate_id, "ModifyCertificateAlias", Alias=_CHANGED_NAME)


def _delete_certificate(store: Store) -> Iterator[ForeignCall]:
    for one in store.certificates.all():
        if not one.deleted:
            yield _on_certificate(one.certificate_id, "DeleteCertificate")


def _bind_certificate_elsewhere(store: Store) -> Iterator[ForeignCall]:
    for one in store.listeners.all():
        binding = one.certificate
        if binding is None:
            continue
        for certificate_id in (*binding.certificate_ids, *([binding.ca_id] if binding.ca_id else [])):
            taken = {each.port for each in store.listeners.all()}
            port = next(port for port in _PORTS if port not in taken)
            fields: Object = {"Ports": [port], "Protocol": "HTTPS", "Certificate": _certificate(binding)}
            call = _on_load_balancer(store, one.load_balancer_id, "CreateListener", fields)
            yield replace(call, target=certificate_id)


def _on_listener(store: Store, one: Listener, action: str, **fields: Json) -> ForeignCall:
    named: Object = {"ListenerId": one.listener_id, **fields}
    return _on_load_balancer(store, one.load_balancer_id, action, named, one.listener_id)


def _on_rule(store: Store, one: Rule, action: str, **fields: Json) -> ForeignCall:
    listener = store.listeners.get(one.listener_id)
    if listener is None:
        raise RuntimeError(f"rule {one.location_id} has no listener")
    named: Object = {"ListenerId": one.listener_id, **fields}
    return _on_load_balancer(store, listener.load_balancer_id, action, named, one.location_id)


def _on_load_balancer(
    store: Store, load_balancer_id: str, action: str, fields: Object, target: str = ""
) -> ForeignCall:
    owner = store.load_balancers.get(load_balancer_id)
    return ForeignCall(
        target=target,
        service="clb",
        action=action,
        region=owner.region if owner else DEFAULT_REGION,
        params={"LoadBalancerId": load_balancer_id, **fields},
    )


def _on_certificate(certificate_id: str, action: str, **fields: Json) -> ForeignCall:
    return ForeignCall(
        target=certificate_id,
        service="ssl",
        action=action,
        params={"CertificateId": certificate_id, **fields},
    )


def _bindings(store: Store) -> Iterator[tuple[Rule, Target]]:
    for rule in store.rules.all():
        for one in rule.targets:
            yield rule, one


def _target(one: Target) -> Object:
    named: Object = {"InstanceId": one.instance_id} if one.instance_id else {"EniIp": one.address}
    return {**named, "Port": one.port}


def _one_way(binding: CertificateBinding) -> Object:
    return {"SSLMode": "UNIDIRECTIONAL", "CertId": binding.certificate_ids[0]}


def _certificate(binding: CertificateBinding) -> Object:
    base: Object = {"SSLMode": binding.ssl_mode, "CertId": binding.certificate_ids[0]}
    return {**base, "CertCaId": binding.ca_id} if binding.ca_id else base


DEEDS: Final[Mapping[str, _Deed]] = {
    "change-listener": _change_listener,
    "open-listener": _open_listener,
    "delete-listener": _delete_listener,
    "change-rule": _change_rule,
    "delete-rule": _delete_rule,
    "change-binding": _change_binding,
    "delete-binding": _delete_binding,
    "change-certificate": _change_certificate,
    "delete-certificate": _delete_certificate,
    "bind-certificate-elsewhere": _bind_certificate_elsewhere,
}
