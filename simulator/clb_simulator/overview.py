"""What exists, arranged as a person looks at it: load balancers, listeners, rules, targets, certificates.

Pure over the store and the data plane's verdicts. Served by the admin port; shown by `clb-simulator status`
and by the page.
"""

from collections import defaultdict
from datetime import datetime

from clb_simulator.action import HealthOf
from clb_simulator.busy import Busy
from clb_simulator.errors import ApiError
from clb_simulator.model import (
    Certificate,
    CertificateBinding,
    Domain,
    HealthCheck,
    Listener,
    LoadBalancer,
    Rule,
    Target,
    TaskStatus,
)
from clb_simulator.params import Json, Object
from clb_simulator.store import Store
from clb_simulator.switches import Switches


class Overview:
    """One look at a store."""

    def __init__(self, store: Store, health: HealthOf, busy: Busy, now: datetime) -> None:
        self._store = store
        self._health = health
        self._busy = busy
        self._now = now
        self._domains = {one.domain_id: one for one in store.domains.all()}
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        for rule in store.rules.all():
            self._rules[rule.listener_id].append(rule)

    def render(self) -> Object:
        """Return everything that the page and the table show."""
        running = [one for one in self._store.tasks.all() if one.status is TaskStatus.RUNNING]
        return {
            "now": self._now.isoformat(),
            "load_balancers": [self._load_balancer(one) for one in self._store.load_balancers.all()],
            "certificates": [
                self._certificate(one) for one in self._store.certificates.all() if not one.deleted
            ],
            "running_tasks": [{"action": one.action, "task_id": one.task_id} for one in running],
        }

    def _load_balancer(self, one: LoadBalancer) -> Object:
        listeners = self._store.listeners.all()
        return {
            "id": one.load_balancer_id,
            "name": one.name,
            "region": one.region,
            "vip": one.vip,
            "busy": self._is_busy(one.load_balancer_id),
            "listeners": [
                self._listener(each) for each in listeners if each.load_balancer_id == one.load_balancer_id
            ],
        }

    def _is_busy(self, load_balancer_id: str) -> bool:
        try:
            self._busy.check(load_balancer_id, now=self._now, switches=Switches())
        except ApiError:
            return True
        return False

    def _listener(self, one: Listener) -> Object:
        return {
            "id": one.listener_id,
            "name": one.name,
            "protocol": one.protocol,
            "port": one.port,
            "sni": one.sni,
            "tls": _tls(one.certificate),
            "rules": [self._rule(rule, sni=one.sni) for rule in self._rules[one.listener_id]],
            "targets": [self._target(one.listener_id, one.health_check, each) for each in one.targets],
        }

    def _rule(self, one: Rule, *, sni: bool) -> Object:
        domain = self._domains[one.domain_id]
        return {
            "id": one.location_id,
            "domain": ", ".join(domain.names),
            "default": domain.is_default,
            "url": one.url,
            "scheduler": one.scheduler,
            "tls": _tls(domain.certificate) if sni else None,
            "targets": [self._target(one.location_id, one.health_check, each) for each in one.targets],
        }

    def _target(self, location_id: str, check: HealthCheck | None, one: Target) -> Object:
        is_off = check is None or not check.enabled
        health = "Close" if is_off else self._health(location_id, one.address, one.port)
        return {
            "id": one.instance_id or one.address,
            "address": one.address,
            "port": one.port,
            "weight": one.weight,
            "health": health,
        }

    def _certificate(self, one: Certificate) -> Object:
        return {
            "id": one.certificate_id,
            "type": one.certificate_type,
            "alias": one.alias,
            "common_name": one.common_name,
            "not_after": one.not_after.isoformat(),
            "expired": one.not_after <= self._now,
            "used_by": [*self._users(one.certificate_id)],
        }

    def _users(self, certificate_id: str) -> list[Json]:
        bound: list[Listener | Domain] = [*self._store.listeners.all(), *self._store.domains.all()]
        using = (one.listener_id for one in bound if one.certificate and one.certificate.uses(certificate_id))
        return [*dict.fromkeys(using)]


def _tls(binding: CertificateBinding | None) -> Json:
    if binding is None:
        return None
    return {
        "mode": binding.ssl_mode,
        "verify_client": binding.verify_client if binding.ssl_mode == "MUTUAL" else None,
        "certificates": [*binding.certificate_ids],
        "ca": binding.ca_id,
    }
