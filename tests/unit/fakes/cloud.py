"""The LoadBalancers port over a small honest cloud in memory; `unit.fakes.certificates` is the other half.

It keeps the rules of CLB that the plan relies on: SNI decides where certificates are, a domain's
attributes are shared by its rules, one default domain, no two listeners on a port, no deletion of
what is bound. Everything is a frozen value, so a state can be kept and compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

from unit.fakes.faults import Faults

from mtls_operator import errors
from mtls_operator.core.actions import NewRule, RoutedTarget
from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    Listener,
    ListenerId,
    LoadBalancer,
    LoadBalancerId,
    LocationId,
    MutualBinding,
    Rule,
    Target,
    TargetHealth,
    TlsBinding,
)
from mtls_operator.core.cloud_quota import Quotas


def bound(binding: MutualBinding) -> TlsBinding:
    """Return what a read shows after a binding was written."""
    first, *further = binding.server
    return TlsBinding(
        mutual=True,
        required=True,
        certificate_id=first,
        ca_certificate_id=binding.ca,
        further_certificate_ids=tuple(further),
    )


class FakeLoadBalancers:
    """Load balancers with their listeners."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._ids = count(1)
        self.balancers: dict[LoadBalancerId, LoadBalancer] = {}
        self.state: dict[ListenerId, tuple[LoadBalancerId, Listener]] = {}
        self.sick: dict[Endpoint, TargetHealth] = {}
        self.limits = Quotas()
        self.after_look: list[Callable[[], None]] = []
        self.before_register: list[Callable[[Listener, Sequence[RoutedTarget]], None]] = []

    # What people do.

    def put(self, balancer: LoadBalancerId, listener: Listener) -> None:
        """Make or change a listener in the console."""
        self.state[listener.id] = (balancer, listener)

    def on(self, balancer: LoadBalancerId) -> list[Listener]:
        return [listener for where, listener in self.state.values() if where == balancer]

    def edit(self, listener: ListenerId, change: Callable[[Listener], Listener]) -> None:
        where, known = self.state[listener]
        self.state[listener] = (where, change(known))

    def users_of(self, certificate: CertId) -> list[str]:
        """Return the load balancers on which a certificate is bound, as server certificate or CA."""
        return sorted({where for where, known in self.state.values() if certificate in _certificates(known)})

    # The port.

    async def get(self, region: str, load_balancer: LoadBalancerId) -> LoadBalancer | None:
        found = self.balancers.get(load_balancer)
        return found if found is not None and found.region == region else None

    async def quotas(self, region: str) -> Quotas:
        del region
        return self.limits

    async def listeners(self, balancer: LoadBalancer) -> Sequence[Listener]:
        for looked in self.after_look:
            looked()
        return [
            replace(known, rules=tuple(replace(r, targets=()) for r in known.rules))
            for known in self.on(balancer.id)
        ]

    async def with_targets(self, balancer: LoadBalancer, listener: Listener) -> Listener:
        known = self._known(balancer, listener.id, "DescribeTargets")
        return listener.with_targets({rule.id: rule.targets for rule in known.rules})

    async def health(
        self, balancer: LoadBalancer, listener: ListenerId
    ) -> Mapping[tuple[LocationId, Endpoint], TargetHealth]:
        known = self._known(balancer, listener, "DescribeTargetHealth")
        return {
            (rule.id, target.endpoint): self.sick.get(target.endpoint, TargetHealth.ALIVE)
            for rule in known.rules
            for target in rule.targets
        }

    async def create_listener(
        self, balancer: LoadBalancer, *, name: str, port: int, sni: bool, binding: MutualBinding | None
    ) -> ListenerId:
        made = ListenerId(f"lbl-{next(self._ids)}")
        with self._faults.write(f"CreateListener {port}", cloud=True):
            if any(known.port == port for known in self.on(balancer.id)):
                raise refused("CreateListener", errors.AlreadyExists, f"port {port} is taken")
            if sni == (binding is not None):
                raise refused("CreateListener", errors.InvalidRequest, "certificate at the wrong level")
            listener = Listener(
                id=made,
                name=name,
                protocol="HTTPS",
                port=port,
                sni=sni,
                tls=bound(binding) if binding else None,
                create_time=f"2026-11-01 00:00:{made}",
            )
            self.put(balancer.id, listener)
        return made

    async def rename_listener(self, balancer: LoadBalancer, listener: ListenerId, name: str) -> None:
        self._change("rename", balancer, listener, lambda known: replace(known, name=name))

    async def bind_listener(
        self, balancer: LoadBalancer, listener: ListenerId, binding: MutualBinding
    ) -> None:
        def bind(known: Listener) -> Listener:
            if known.sni:
                raise refused("ModifyListener", errors.InvalidRequest, "certificates are on the domains")
            return replace(known, tls=bound(binding))

        self._change("bind", balancer, listener, bind)

    async def delete_listener(self, balancer: LoadBalancer, listener: ListenerId) -> None:
        with self._faults.write(f"DeleteListener {listener}", cloud=True):
            if listener in self.state:
                self._known(balancer, listener, "DeleteListener")
                del self.state[listener]

    async def create_rules(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        rules: Sequence[tuple[NewRule, MutualBinding | None]],
    ) -> None:
        def create(known: Listener) -> Listener:
            for rule, binding in rules:
                known = self._with_rule(known, rule, binding)
            if len(known.rules) > self.limits.rules:
                raise refused("CreateRule", errors.QuotaExceeded, "too many rules")
            return known

        self._change("create rules", balancer, listener, create)

    def _with_rule(self, known: Listener, rule: NewRule, binding: MutualBinding | None) -> Listener:
        if any((r.domain, r.path) == (rule.domain, rule.path) for r in known.rules):
            raise refused("CreateRule", errors.AlreadyExists, f"{rule.domain}{rule.path}")
        if known.sni != (binding is not None):
            raise refused("CreateRule", errors.InvalidRequest, "certificate at the wrong level")
        made = Rule(
            id=LocationId(f"loc-{next(self._ids)}"),
            domain=rule.domain,
            path=rule.path,
            default=False,
            http2=rule.http2,
            scheduler=rule.scheduler,
            backend_protocol=rule.backend_protocol,
            session_seconds=rule.session_seconds,
            health_check=rule.health_check,
            tls=bound(binding) if binding else None,
        )
        rules = tuple(_shared(r, made) if r.domain == made.domain else r for r in known.rules)
        current = next((r.domain for r in known.rules if r.default), rule.domain)
        return _with_default(replace(known, rules=(*rules, made)), rule.domain if rule.default else current)

    async def change_rule(
        self, balancer: LoadBalancer, listener: ListenerId, location: LocationId, rule: NewRule
    ) -> None:
        def change(known: Listener) -> Listener:
            return _map_rules(
                known,
                {location},
                lambda r: replace(
                    r,
                    scheduler=rule.scheduler,
                    backend_protocol=rule.backend_protocol,
                    session_seconds=rule.session_seconds,
                    health_check=rule.health_check,
                ),
            )

        self._change("change rule", balancer, listener, change)

    async def change_domain(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        domain: str,
        *,
        binding: MutualBinding | None,
        http2: bool | None,
        make_default: bool,
        name: str | None = None,
    ) -> None:
        def change(known: Listener) -> Listener:
            if all(r.domain != domain for r in known.rules):
                raise refused("ModifyDomainAttributes", errors.CloudNotFound, domain)
            if name is not None and any(r.domain == name for r in known.rules):
                raise refused("ModifyDomainAttributes", errors.AlreadyExists, name)
            if binding is not None and not known.sni:
                raise refused("ModifyDomainAttributes", errors.InvalidRequest, "SNI is off")
            mine = {r.id for r in known.rules if r.domain == domain}
            changed = _map_rules(
                known,
                mine,
                lambda r: replace(
                    r,
                    domain=name or r.domain,
                    tls=bound(binding) if binding is not None else r.tls,
                    http2=r.http2 if http2 is None else http2,
                ),
            )
            return _with_default(changed, name or domain) if make_default else changed

        close = "" if binding is None else "bind "
        self._change(f"{close}domain {domain}", balancer, listener, change)

    async def delete_rules(
        self, balancer: LoadBalancer, listener: ListenerId, locations: Sequence[LocationId]
    ) -> None:
        def delete(known: Listener) -> Listener:
            left = tuple(r for r in known.rules if r.id not in locations)
            if left and all(not r.default for r in left):
                raise refused("DeleteRule", errors.InvalidRequest, "the default domain needs a successor")
            return replace(known, rules=left)

        self._change("delete rules", balancer, listener, delete)

    async def register(
        self, balancer: LoadBalancer, listener: ListenerId, targets: Sequence[RoutedTarget]
    ) -> None:
        def register(known: Listener) -> Listener:
            for check in self.before_register:
                check(known, targets)
            for routed in targets:
                known = _map_rules(known, {routed.location}, partial(_with_target, target=routed.target))
            if any(len(rule.targets) > self.limits.targets for rule in known.rules):
                raise refused("BatchRegisterTargets", errors.QuotaExceeded, "too many targets")
            return known

        self._change("register", balancer, listener, register)

    async def set_weights(
        self, balancer: LoadBalancer, listener: ListenerId, targets: Sequence[RoutedTarget]
    ) -> None:
        def weigh(known: Listener) -> Listener:
            for routed in targets:
                known = _map_rules(known, {routed.location}, partial(_with_target, target=routed.target))
            return known

        self._change("set weights", balancer, listener, weigh)

    async def deregister(
        self,
        balancer: LoadBalancer,
        listener: ListenerId,
        targets: Sequence[tuple[LocationId, Endpoint]],
    ) -> None:
        def drop(known: Listener) -> Listener:
            gone = set(targets)
            rules = tuple(
                replace(r, targets=tuple(t for t in r.targets if (r.id, t.endpoint) not in gone))
                for r in known.rules
            )
            return replace(known, rules=rules)

        self._change("deregister", balancer, listener, drop)

    def _change(
        self, what: str, balancer: LoadBalancer, listener: ListenerId, change: Callable[[Listener], Listener]
    ) -> None:
        with self._faults.write(f"{what} on {listener}", cloud=True):
            self.state[listener] = (balancer.id, change(self._known(balancer, listener, what)))

    def _known(self, balancer: LoadBalancer, listener: ListenerId, action: str) -> Listener:
        found = self.state.get(listener)
        if found is None or found[0] != balancer.id:
            raise refused(action, errors.CloudNotFound, listener)
        return found[1]


def refused(action: str, kind: type[errors.CloudError], message: str) -> errors.CloudError:
    return kind(action, "Fake", message, "request-0")


def _certificates(listener: Listener) -> set[CertId | None]:
    bindings = [b for b in (listener.tls, *(r.tls for r in listener.rules)) if b is not None]
    return {c for b in bindings for c in (b.certificate_id, b.ca_certificate_id, *b.further_certificate_ids)}


def _shared(rule: Rule, newest: Rule) -> Rule:
    """A domain's certificate and HTTP/2 switch are one for all of its rules."""
    return replace(rule, tls=newest.tls, http2=newest.http2)


def _with_default(listener: Listener, domain: str) -> Listener:
    rules = tuple(replace(rule, default=rule.domain == domain) for rule in listener.rules)
    return replace(listener, rules=rules)


def _map_rules(listener: Listener, which: set[LocationId], change: Callable[[Rule], Rule]) -> Listener:
    missing = which - {rule.id for rule in listener.rules}
    if missing:
        raise refused("Modify", errors.CloudNotFound, ", ".join(sorted(missing)))
    rules = tuple(change(rule) if rule.id in which else rule for rule in listener.rules)
    return replace(listener, rules=rules)


def _with_target(rule: Rule, target: Target) -> Rule:
    others = tuple(t for t in rule.targets if t.endpoint != target.endpoint)
    return replace(rule, targets=(*others, target))
