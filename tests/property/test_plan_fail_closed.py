"""Whatever the cloud looks like and whatever fails: no closed door opens, and all end up closed.

Each example starts from a converged world, changes the listener in the cloud and the manifest at
random, lets writes fail, and watches every single effect of the real reconciler on the fake cloud.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from builders import listener_manifest, node, slots_with_secrets
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from property.converged_worlds import (
    ALONE,
    FOREIGN,
    NAMES,
    PAIR,
    PAIRED,
    PURCHASED,
    SINGLE,
    STRANGER,
    copied,
)
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.actions import RoutedTarget
from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    Fingerprint,
    Listener,
    LocationId,
    Rule,
    Target,
    TlsBinding,
)
from mtls_operator.core.leaf import read_leaf
from mtls_operator.core.nodes import is_eligible
from mtls_operator.core.server_cert import slots
from mtls_operator.pki.inspect import chain_fingerprint

REF = ObjectRef("edge", "api")
PATHS = (("/",), ("/",), ("/", "/v1"), ("/v1",))
AUTHORITIES = ("clients", "partners")
LIKELY = st.sampled_from(["clients", "clients", "partners"])
"""Mostly the authority as it was, so that what is left alone is seen as well."""
PROFILE = settings(
    deadline=None,
    max_examples=200,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


SOURCES = {False: st.sampled_from([SINGLE, SINGLE, PURCHASED]), True: st.sampled_from([SINGLE, PAIR, PAIR])}
"""By whether the example has pairs: seldom, since reading RSA keys takes longer than all the rest."""
PAIRS = st.sampled_from([*[False] * 7, True])


@dataclass(frozen=True)
class Disorder:
    """What somebody did to the listener in the console."""

    bindings: tuple[str, ...]
    lost: frozenset[int]
    foreign_rules: tuple[str, ...]
    extra: frozenset[int]
    unbound: bool
    weight: int
    renamed: bool
    deleted: bool
    default: int
    http2: bool
    scheduler: str


BINDING = st.sampled_from(
    ["right", "one-way", "optional", "other CA", "no CA", "other server", "further", "alone", "turned round"]
)
DISORDER = st.builds(
    Disorder,
    bindings=st.tuples(BINDING, BINDING, BINDING),
    lost=st.frozensets(st.integers(0, 1)),
    foreign_rules=st.lists(
        st.sampled_from(["x.acme.example/", "a.acme.example/old", "c.acme.example/"]), unique=True, max_size=2
    ).map(tuple),
    extra=st.frozensets(st.integers(5, 7), max_size=2),
    unbound=st.booleans(),
    weight=st.sampled_from([10, 10, 0, 77]),
    renamed=st.booleans(),
    deleted=st.sampled_from([False, False, False, True]),
    default=st.integers(0, 3),
    http2=st.booleans(),
    scheduler=st.sampled_from(["WRR", "IP_HASH"]),
)


def _binding(how: str, right: TlsBinding, other: CertId) -> TlsBinding:
    return {
        "right": right,
        "one-way": replace(right, mutual=False, required=False, ca_certificate_id=None),
        "optional": replace(right, required=False),
        "other CA": replace(right, ca_certificate_id=other),
        "no CA": replace(right, ca_certificate_id=None),
        "other server": replace(right, certificate_id=STRANGER),
        "further": replace(right, further_certificate_ids=(*right.further_certificate_ids, STRANGER)),
        "alone": replace(right, further_certificate_ids=()),
        "turned round": replace(
            right, certificate_id=right.server[-1], further_certificate_ids=right.server[:-1]
        ),
    }[how]


def disturb(world: World, disorder: Disorder) -> None:
    known = ours(world)
    assert known is not None
    if disorder.deleted:
        del world.balancers.state[known.id]
        return
    world.balancers.edit(known.id, lambda listener: _disturbed(world, listener, disorder))


def _disturbed(world: World, listener: Listener, disorder: Disorder) -> Listener:
    partners = ca_ids(world)["partners"]
    rules = [rule for n, rule in enumerate(listener.rules) if n not in disorder.lost]
    model = listener.rules[0]
    taken = {(rule.domain, rule.path) for rule in rules}
    for n, name in enumerate(disorder.foreign_rules):
        domain, _, path = name.partition("/")
        if (domain, f"/{path}") not in taken:
            twin = next((rule for rule in rules if rule.domain == domain), model)
            made = replace(twin, id=LocationId(f"loc-x{n}"), domain=domain, path=f"/{path}", default=False)
            rules.append(made)
    domains = list(dict.fromkeys(rule.domain for rule in rules))
    default = domains[disorder.default % len(domains)] if domains else ""
    how = {domain: disorder.bindings[n % 3] for n, domain in enumerate(domains)}

    def spoil(rule: Rule) -> Rule:
        targets = () if disorder.unbound else tuple(replace(t, weight=disorder.weight) for t in rule.targets)
        extra = tuple(
            Target(endpoint=Endpoint(instance_id=f"ins-{n}", port=30080), weight=10) for n in disorder.extra
        )
        tls = _binding(how[rule.domain], rule.tls, partners) if rule.tls else None
        return replace(
            rule,
            tls=tls,
            targets=(*targets, *extra),
            default=rule.domain == default,
            http2=disorder.http2,
            scheduler=disorder.scheduler,
        )

    return replace(
        listener,
        name="renamed" if disorder.renamed else listener.name,
        tls=_binding(disorder.bindings[0], listener.tls, partners) if listener.tls else None,
        rules=tuple(spoil(rule) for rule in rules),
    )


@st.composite
def manifests(draw: st.DrawFn, *, sni: bool, pairs: bool) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
    default = draw(st.sampled_from([None, *names]))
    domains = []
    for name in names:
        paths = draw(st.sampled_from(PATHS))
        weight = draw(st.sampled_from([10, 20]))
        routes = [{"path": path, "backends": [{"nodePort": 30080, "weight": weight}]} for path in paths]
        source = draw(st.none() | SOURCES[pairs]) or {}
        own = {"tls": {"caRef": {"name": draw(LIKELY)}, "serverCertificate": source}} if sni else {}
        domains.append({"domain": name, "routes": routes, "default": name == default, **own})
    wanted = listener_manifest("api", *domains, sni=sni, drainPeriod=draw(st.sampled_from(["0s", "30s"])))
    wanted["spec"]["tls"] = {"caRef": {"name": draw(LIKELY)}, "serverCertificate": draw(SOURCES[pairs])}
    wanted["spec"]["nodeSelector"] = draw(st.sampled_from([{}, {}, {"pool": "two"}, {"pool": "none"}]))
    return wanted


@st.composite
def cases(draw: st.DrawFn) -> tuple[World, dict[str, Any]]:
    """Return a converged world and the manifest that comes next."""
    sni, pairs = draw(st.booleans()), draw(PAIRS)
    template = (PAIRED if pairs and draw(st.booleans()) else ALONE)[sni]
    return copied(template), draw(manifests(sni=sni, pairs=pairs))


FAULTS = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(Fault)), max_size=3)


def ours(world: World) -> Listener | None:
    return next((known for known in world.balancers.on(BALANCER) if known.port == 443), None)


def ca_ids(world: World) -> dict[str, CertId]:
    found = {}
    for name in AUTHORITIES:
        status = world.status(Kind.CERTIFICATE_AUTHORITY, name)
        found[name] = CertId(status["active"]["cloudCertificateId"])
    return found


class Watch:
    """Looks at the cloud after every effect and complains."""

    def __init__(self, world: World) -> None:
        self.world = world
        body = world.kube.objects[Kind.MUTUAL_TLS_LISTENER, REF]
        self.manifest = MutualTLSListener.parse(body)
        cas = ca_ids(world)
        self.ca = {slot.domain: cas[slot.admits.name] for slot in slots(self.manifest)}
        self.open = self._open()
        self.served = self._served()
        self.others = self._others()
        self.rounds = 0
        world.faults.watchers.append(self.after)
        world.balancers.before_register.append(self.before_register)

    def after(self, what: str) -> None:
        now = self._open()
        assert now <= self.open, f"{what} opened {now - self.open}"
        # The stage PROTECT consists of bindings only: any other change must find all doors closed.
        if not what.startswith("bind") and self._concerns_ours(what):
            assert not now, f"{what} while {now} are open"
        self.open = now
        served = self._served()
        emptied = {route for route in self.served - served if route in self._wanted_routes()}
        assert not emptied, f"{what} emptied {emptied}"
        self.served = served
        assert self._others() == self.others, f"{what} changed somebody else's listener"

    def _concerns_ours(self, what: str) -> bool:
        known = ours(self.world)
        return known is not None and (
            what.endswith(f" on {known.id}") or what.startswith("UploadCertificate server edge/api-")
        )

    def before_register(self, listener: Listener, targets: Sequence[RoutedTarget]) -> None:
        if listener.port != self.manifest.spec.port:
            return
        rules = {rule.id: rule for rule in listener.rules}
        for routed in targets:
            rule = rules[routed.location]
            slot = rule.domain if listener.sni else ""
            binding = rule.tls if listener.sni else listener.tls
            self.assert_exact(slot, binding)

    def assert_exact(self, slot: str, binding: TlsBinding | None) -> None:
        assert binding is not None
        assert binding.admits_only(self.ca[slot])
        # The cloud may list a pair in either order; each of the two is there, and nothing else.
        assert sorted(binding.server) == sorted(self._server(slot))

    def _server(self, domain: str) -> list[CertId]:
        """Return the uploads of what the Secrets of a domain hold now, one for each."""
        found = [
            read_leaf(self.world.kube.secrets[s.secret])
            for s in slots_with_secrets(self.manifest)
            if s.domain == domain
        ]
        own = [
            upload.certificate
            for upload in self.world.store.uploads.values()
            if upload.certificate.owner.uid == self.manifest.metadata.uid
        ]
        ids = {certificate.fingerprint: certificate.id for certificate in own}
        return [ids[Fingerprint(chain_fingerprint(leaf.chain))] for leaf in found if leaf is not None]

    def _open(self) -> set[str]:
        """Return what lets in others than the manifest admits: domains, or the listener itself as ''."""
        known = ours(self.world)
        if known is None:
            return set()
        pairs = [("", known.tls)] if not known.sni else [(rule.domain, rule.tls) for rule in known.rules]
        return {
            name
            for name, tls in pairs
            if name in self.ca and tls is not None and not tls.admits_only(self.ca[name])
        }

    def _served(self) -> set[tuple[str, str]]:
        known = ours(self.world)
        return {(rule.domain, rule.path) for rule in known.rules if rule.targets} if known else set()

    def _wanted_routes(self) -> set[tuple[str, str]]:
        return {(d.domain, r.path) for d in self.manifest.spec.domains for r in d.routes}

    def _others(self) -> list[Listener]:
        return [known for known in self.world.balancers.on(BALANCER) if known.id == FOREIGN.id]


async def one_pass(world: World) -> None:
    try:
        await world.pass_over_all()
    except Crash:
        world.restart()


async def play(world: World, faults: Sequence[tuple[int, Fault]]) -> None:
    for number, fault in faults:
        world.faults.plan(number, fault)
        await one_pass(world)
        world.clock.advance(timedelta(seconds=2))
    world.faults.clear()
    await one_pass(world)
    world.clock.advance(timedelta(seconds=31))
    await one_pass(world)


@given(case=cases(), disorder=DISORDER, faults=FAULTS)
@PROFILE
def test_no_effect_opens_a_door_and_two_passes_after_the_last_fault_all_is_in_order(
    case: tuple[World, dict[str, Any]], disorder: Disorder, faults: list[tuple[int, Fault]]
) -> None:
    world, manifest = case
    sni = manifest["spec"]["sni"]
    world.view.held_nodes = [node(1), node(2, labels={"pool": "two"}), node(3)]
    disturb(world, disorder)
    world.apply(manifest)
    watch = Watch(world)

    asyncio.run(play(world, faults))

    assert watch.open == set()
    known = ours(world)
    assert known is not None
    assert {(rule.domain, rule.path) for rule in known.rules} == watch._wanted_routes()
    for domain, binding in (
        [("", known.tls)] if not sni else [(rule.domain, rule.tls) for rule in known.rules]
    ):
        watch.assert_exact(domain, binding)
    selector = watch.manifest.spec.node_selector
    chosen = [n for n in world.view.nodes() if is_eligible(n, selector, world.clock.now())]
    if chosen:
        expected = {n.provider_id.rpartition("/")[2] for n in chosen}
        for rule in known.rules:
            assert {t.endpoint.instance_id for t in rule.targets} == expected
    written = world.written()
    asyncio.run(world.pass_over_all())
    assert world.faults.writes[written - len(world.recorder.events) :] == []
    assert world.written() == written
