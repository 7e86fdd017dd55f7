"""The CertificateStore and LoadBalancers ports over a small honest cloud in memory.

It keeps the rules of CLB that the plan relies on: SNI decides where certificates are, a domain's
attributes are shared by its rules, one default domain, no two listeners on a port, no deletion of
what is bound. Everything is a frozen value, so a state can be kept and compared.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from unit.fakes.faults import Faults

from mtls_operator import errors
from mtls_operator.core.actions import NewRule, RoutedTarget
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CertificateOwner,
    CloudCertificate,
    DescribedCertificate,
    Endpoint,
    Fingerprint,
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


@dataclass(frozen=True)
class Upload:
    certificate: CloudCertificate
    chain: str
    key: str
    tags: Mapping[str, str]


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
                raise _refused("CreateListener", errors.AlreadyExists, f"port {port} is taken")
            if sni == (binding is not None):
                raise _refused("CreateListener", errors.InvalidRequest, "certificate at the wrong level")
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
                raise _refused("ModifyListener", errors.InvalidRequest, "certificates are on the domains")
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
                raise _refused("CreateRule", errors.QuotaExceeded, "too many rules")
            return known

        self._change("create rules", balancer, listener, create)

    def _with_rule(self, known: Listener, rule: NewRule, binding: MutualBinding | None) -> Listener:
        if any((r.domain, r.path) == (rule.domain, rule.path) for r in known.rules):
            raise _refused("CreateRule", errors.AlreadyExists, f"{rule.domain}{rule.path}")
        if known.sni != (binding is not None):
            raise _refused("CreateRule", errors.InvalidRequest, "certificate at the wrong level")
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
                raise _refused("ModifyDomainAttributes", errors.CloudNotFound, domain)
            if name is not None and any(r.domain == name for r in known.rules):
                raise _refused("ModifyDomainAttributes", errors.AlreadyExists, name)
            if binding is not None and not known.sni:
                raise _refused("ModifyDomainAttributes", errors.InvalidRequest, "SNI is off")
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
                raise _refused("DeleteRule", errors.InvalidRequest, "the default domain needs a successor")
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
                raise _refused("BatchRegisterTargets", errors.QuotaExceeded, "too many targets")
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
            raise _refused(action, errors.CloudNotFound, listener)
        return found[1]


class FakeCertificateStore:
    """The certificate service; it refuses to delete what is bound.

    Attributes:
        foreign: what somebody else uploaded, before us; chains by id.
        names_newest: which of several equal certificates the service names.
    """

    def __init__(self, faults: Faults, balancers: FakeLoadBalancers, *, cluster: str) -> None:
        self._faults = faults
        self._balancers = balancers
        self._cluster = cluster
        self._ids = count(1)
        self.uploads: dict[CertId, Upload] = {}
        self.expired = 0
        self.foreign: dict[CertId, str] = {}
        self.names_newest = False
        self.others: dict[CertId, DescribedCertificate] = {}
        self.used_by_other_products: set[CertId] = set()
        self.used_elsewhere: dict[CertId, list[str]] = {}
        self.unreachable: errors.CloudError | None = None
        self.quota: int | None = None
        self.before_delete: list[Callable[[CloudCertificate], None]] = []
        self.pauses = 0
        """How often others get their turn before a call is answered."""

    async def _pause(self) -> None:
        for _ in range(self.pauses):
            await asyncio.sleep(0)
        if self.unreachable is not None:
            raise self.unreachable

    def expire_reads(self) -> None:
        self.expired += 1

    async def inventory(self) -> Sequence[CloudCertificate]:
        await self._pause()
        known = (upload.certificate for upload in self.uploads.values())
        return [certificate for certificate in known if certificate.owner.cluster == self._cluster]

    async def upload(
        self,
        kind: CertificateKind,
        *,
        chain: str,
        key: str,
        alias: str,
        owner: CertificateOwner,
        fingerprint: Fingerprint,
        tags: Mapping[str, str],
    ) -> CertId:
        await self._pause()
        if self.quota is not None and len(self.uploads) >= self.quota:
            raise _refused("UploadCertificate", errors.CertificateQuotaExceeded, "too many")
        made = CertId(f"cert-{next(self._ids)}")
        with self._faults.write(f"UploadCertificate {kind} {alias}", cloud=True):
            certificate = CloudCertificate(
                id=made, kind=kind, fingerprint=fingerprint, owner=owner, copy_of=self._foreign_copy(chain)
            )
            self.uploads[made] = Upload(certificate, chain, key, tags)
        return made

    def _foreign_copy(self, chain: str) -> CertId | None:
        return next((one for one, text in self.foreign.items() if text == chain), None)

    async def copy_of(self, chain: str) -> CertId | None:
        texts = {**self.foreign, **{one: upload.chain for one, upload in self.uploads.items()}}
        equal = [one for one, text in texts.items() if text == chain]
        if not equal:
            return None
        return equal[-1] if self.names_newest else equal[0]

    async def authorities_in(self, certificate: CertId) -> int:
        return self.foreign.get(certificate, "").count("BEGIN CERTIFICATE")

    async def describe(self, certificate: CertId) -> DescribedCertificate | None:
        return self.others.get(certificate)

    async def users(self, certificate: CertId) -> Sequence[str]:
        await self._pause()
        return [*self._balancers.users_of(certificate), *self.used_elsewhere.get(certificate, ())]

    async def delete(self, certificate: CertId) -> None:
        await self._pause()
        for check in self.before_delete:
            if certificate in self.uploads:
                check(self.uploads[certificate].certificate)
        with self._faults.write(f"DeleteCertificate {certificate}", cloud=True):
            if self._balancers.users_of(certificate) or certificate in self.used_by_other_products:
                raise _refused("DeleteCertificate", errors.InUse, certificate)
            self.uploads.pop(certificate, None)


def _refused(action: str, kind: type[errors.CloudError], message: str) -> errors.CloudError:
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
        raise _refused("Modify", errors.CloudNotFound, ", ".join(sorted(missing)))
    rules = tuple(change(rule) if rule.id in which else rule for rule in listener.rules)
    return replace(listener, rules=rules)


def _with_target(rule: Rule, target: Target) -> Rule:
    others = tuple(t for t in rule.targets if t.endpoint != target.endpoint)
    return replace(rule, targets=(*others, target))
