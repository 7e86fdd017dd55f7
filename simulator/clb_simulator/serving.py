"""Translate the state into what the data plane serves.

Pure but for its memory. The engine applies the result whenever a change goes live.
"""

from collections import defaultdict
from collections.abc import Iterable

from clb_simulator.dataplane import model as plane
from clb_simulator.model import CertificateBinding, Domain, HealthCheck, Listener, Rule, Target
from clb_simulator.store import Store

_SERVED = frozenset({"HTTP", "HTTPS"})


class Serving:
    """The data plane's view of a store.

    Routes and domains are kept from one translation to the next: a rule is an immutable value, so one that is
    the same object still means the same route, and a change of one rule does not cost a translation of all.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._routes: dict[str, tuple[Rule, plane.Route]] = {}
        self._domains: dict[str, tuple[Domain, bool, plane.Domain]] = {}

    def listeners(self) -> tuple[plane.Listener, ...]:
        """Return every HTTP and HTTPS listener; layer-4 ones are kept and not served."""
        domains: dict[str, list[Domain]] = defaultdict(list)
        routes: dict[str, list[plane.Route]] = defaultdict(list)
        for domain in self._store.domains.all():
            domains[domain.listener_id].append(domain)
        for rule, route in self._translate_rules():
            routes[rule.domain_id].append(route)
        known, self._domains = self._domains, {}
        return tuple(
            _listener(
                self._store,
                one,
                tuple(
                    self._translate_domain(known, each, routes[each.domain_id], sni=one.sni)
                    for each in domains[one.listener_id]
                ),
            )
            for one in self._store.listeners.all()
            if one.protocol in _SERVED
        )

    def _translate_domain(
        self,
        known: dict[str, tuple[Domain, bool, plane.Domain]],
        one: Domain,
        routes: list[plane.Route],
        *,
        sni: bool,
    ) -> plane.Domain:
        before = known.get(one.domain_id)
        is_same = before is not None and before[0] is one and before[1] == sni
        # Routes that did not change are the same objects, so this does not look into them.
        if before is not None and is_same and before[2].routes == tuple(routes):
            self._domains[one.domain_id] = before
            return before[2]
        translated = _domain(self._store, one, routes, sni=sni)
        self._domains[one.domain_id] = (one, sni, translated)
        return translated

    def _translate_rules(self) -> Iterable[tuple[Rule, plane.Route]]:
        known, self._routes = self._routes, {}
        for rule in self._store.rules.all():
            pair = known.get(rule.location_id)
            if pair is None or pair[0] is not rule:
                pair = (rule, _route(rule))
            self._routes[rule.location_id] = pair
        return self._routes.values()


def _listener(store: Store, one: Listener, domains: tuple[plane.Domain, ...]) -> plane.Listener:
    owner = store.load_balancers.get(one.load_balancer_id)
    if owner is None:
        raise RuntimeError(f"listener {one.listener_id} has no load balancer")
    return plane.Listener(
        load_balancer_id=one.load_balancer_id,
        listener_id=one.listener_id,
        address=owner.vip,
        port=one.port,
        protocol=one.protocol,
        sni=one.sni,
        tls=_tls(store, one.certificate),
        domains=domains,
    )


def _domain(store: Store, one: Domain, routes: list[plane.Route], *, sni: bool) -> plane.Domain:
    return plane.Domain(
        names=one.names,
        default=one.is_default,
        http2=one.http2,
        tls=_tls(store, one.certificate) if sni else None,
        routes=tuple(routes),
    )


def _route(one: Rule) -> plane.Route:
    return plane.Route(
        location_id=one.location_id,
        url=one.url,
        scheduler=one.scheduler,
        forward_type=one.forward_type,
        session_seconds=one.session_seconds,
        cookie_name=one.cookie_name,
        backends=tuple(_backend(target) for target in one.targets),
        health_check=_health_check(one.health_check),
    )


def _backend(one: Target) -> plane.Backend:
    return plane.Backend(address=one.address, port=one.port, weight=one.weight)


def _health_check(one: HealthCheck) -> plane.HealthCheck:
    return plane.HealthCheck(
        enabled=one.enabled,
        path=one.path or "/",
        method=one.method or "HEAD",
        host=one.domain,
        interval_seconds=one.interval,
        timeout_seconds=one.timeout,
        healthy_threshold=one.healthy_threshold,
        unhealthy_threshold=one.unhealthy_threshold,
        codes_mask=one.codes_mask or 31,
        protocol="HTTPS" if one.check_type == "HTTPS" else "HTTP",
    )


def _tls(store: Store, binding: CertificateBinding | None) -> plane.TlsBinding | None:
    if binding is None:
        return None
    return plane.TlsBinding(
        key_pairs=tuple(_key_pair(store, identifier) for identifier in binding.certificate_ids),
        client_ca_pem=_chain(store, binding.ca_id) if binding.ca_id else None,
        verify=_verify(binding),
    )


def _verify(binding: CertificateBinding) -> plane.Verify:
    if binding.ssl_mode != "MUTUAL":
        return "off"
    return "on" if binding.verify_client == "ON" else "optional"


def _key_pair(store: Store, certificate_id: str) -> plane.KeyPair:
    certificate = store.certificates.get(certificate_id)
    if certificate is None or certificate.key_pem is None:
        raise RuntimeError(f"bound certificate {certificate_id} has no key pair")
    return plane.KeyPair(chain_pem=certificate.chain_pem, key_pem=certificate.key_pem)


def _chain(store: Store, certificate_id: str) -> str:
    certificate = store.certificates.get(certificate_id)
    if certificate is None:
        raise RuntimeError(f"bound CA {certificate_id} does not exist")
    return certificate.chain_pem
