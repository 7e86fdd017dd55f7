"""Looks at the cloud after every single effect of the operator, and complains when it should not have been.

What somebody else does between two effects is no fault of the operator, and it can only know of it after
a look: so each effect is judged by what it changed, and the order of work by what the last look showed.
"""

from collections.abc import Iterable, Sequence

from builders import slots_with_secrets
from property.converged_worlds import FOREIGN, STRANGER
from unit.fakes.world import BALANCER, World

from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.actions import RoutedTarget
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CloudCertificate,
    Fingerprint,
    Listener,
    TlsBinding,
)
from mtls_operator.core.leaf import read_leaf
from mtls_operator.core.nodes import is_eligible
from mtls_operator.core.server_cert import IssuedSlot, ReferencedSlot
from mtls_operator.pki.inspect import chain_fingerprint

REF = ObjectRef("edge", "api")
PORT = 443


def ours(world: World) -> Listener | None:
    """Return what has the port, unless somebody else took it while ours was gone."""
    on_port = (known for known in world.balancers.on(BALANCER) if known.port == PORT)
    return next((known for known in on_port if not known.name.startswith("somebody")), None)


def ca_id(world: World, authority: str) -> CertId:
    """Return the upload whose clients an authority wants admitted."""
    status = world.status(Kind.CERTIFICATE_AUTHORITY, authority)
    return CertId(status["active"]["cloudCertificateId"])


class DoorWatch:
    """Watches one listener of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[CertId, CloudCertificate] = {}
        self._seen: Listener | None = None
        self._learn()
        self.begin_anew()
        world.faults.watchers.append(self._after)
        world.balancers.before_register.append(self._before_register)
        world.balancers.after_look.append(self._looked)

    def begin_anew(self) -> None:
        """Take things as they are: a person has just changed them."""
        body = self.world.kube.objects.get((Kind.MUTUAL_TLS_LISTENER, REF))
        self.manifest = MutualTLSListener.parse(body) if body is not None else None
        self._take_stock()
        self._is_as_seen = False

    def _take_stock(self) -> None:
        self._open = self.open_doors()
        self._served = self._serving()
        self._others = self._of_others()

    def _looked(self) -> None:
        self._learn()
        self._is_as_seen = True
        self._seen = ours(self.world)

    def _learn(self) -> None:
        """Know every certificate that ever was, since one that is lost stays bound."""
        self._known |= {u.certificate.id: u.certificate for u in self.world.store.uploads.values()}

    def _after(self, what: str) -> None:
        self._learn()
        assert STRANGER not in what, f"{what}: that is not ours"
        opened = self.open_doors() - self._open
        assert not opened, f"{what} opened {opened}"
        if self._is_as_seen and self._concerns_ours(what):
            self._assert_protected_first(what)
        if self._is_as_seen:
            self._assert_still_served(what)
        assert self._of_others() == self._others, f"{what} changed somebody else's listener"
        self._take_stock()

    def _assert_still_served(self, what: str) -> None:
        """No route of the manifest loses its last target, nor a domain its last route that has one."""
        before, now, wanted = self._served, self._serving(), self.wanted_routes()
        assert not (before - now) & wanted, f"{what} emptied {before - now}"
        lost = {domain for domain, _ in before} - {domain for domain, _ in now}
        # Where no node can serve, what takes a route's place has no targets either.
        assert not self._chosen() or not lost & {domain for domain, _ in wanted}, (
            f"{what} left nothing of {lost}"
        )

    def _assert_protected_first(self, what: str) -> None:
        """The stage PROTECT consists of bindings: whatever else is done must find all doors closed."""
        if self._is_leaving() or what.startswith("bind"):
            return
        now = self.open_doors() & {slot.domain for slot in self._slots()}
        assert not now, f"{what} while {now} are open"

    def _is_leaving(self) -> bool:
        return self.manifest is None or self.manifest.metadata.is_deleting

    def _concerns_ours(self, what: str) -> bool:
        known = ours(self.world)
        return known is not None and (
            what.endswith(f" on {known.id}") or what.startswith("UploadCertificate server edge/api-")
        )

    def _before_register(self, listener: Listener, targets: Sequence[RoutedTarget]) -> None:
        """Judge by what the operator has seen, at the level that counts."""
        if listener.port != PORT:
            return
        seen = self._seen
        assert seen is not None, "targets were registered without a look"
        rules = {rule.id: rule for rule in seen.rules}
        for routed in targets:
            rule = rules[routed.location]
            self.assert_exact(rule.domain if seen.sni else "", rule.tls if seen.sni else seen.tls)

    def assert_exact(self, slot: str, binding: TlsBinding | None) -> None:
        """Complain unless a door shows what its Secrets hold and admits just its authority's clients."""
        assert binding is not None
        assert binding.mutual
        assert binding.required
        assert binding.ca_certificate_id in self._admissible(slot)
        shown = [self._known[certificate].fingerprint for certificate in binding.server]
        # The cloud may list a pair in either order; each of the two is there, and nothing else.
        assert sorted(shown) == sorted(self._wanted_certificates(slot))

    def _wanted_certificates(self, domain: str) -> Iterable[Fingerprint]:
        secrets = [slot.secret for slot in self._slots() if slot.domain == domain]
        leaves = [read_leaf(self.world.kube.secrets[secret]) for secret in secrets]
        return [Fingerprint(chain_fingerprint(leaf.chain)) for leaf in leaves if leaf is not None]

    def _slots(self) -> Sequence[IssuedSlot | ReferencedSlot]:
        return slots_with_secrets(self.manifest) if self.manifest is not None else ()

    def _admissible(self, domain: str) -> set[CertId]:
        """Return the uploads of the authority whose clients a door should admit."""
        names = {slot.admits.name for slot in self._slots() if slot.domain == domain}
        return {
            known.id
            for known in self._known.values()
            if known.kind is CertificateKind.CA and known.owner.name in names
        }

    def open_doors(self) -> set[str]:
        """Return what lets in others than it should: domains, or the listener itself as ''."""
        known = ours(self.world)
        if known is None:
            return set()
        doors = [("", known.tls)] if not known.sni else [(rule.domain, rule.tls) for rule in known.rules]
        return {name for name, tls in doors if tls is not None and not self._is_shut(name, tls)}

    def _is_shut(self, name: str, tls: TlsBinding) -> bool:
        if not (tls.mutual and tls.required):
            return False
        # Whom a door admits that the manifest does not have is for its maker to know.
        slot = self._slot_of(name)
        return slot is None or tls.ca_certificate_id in self._admissible(slot)

    def _slot_of(self, name: str) -> str | None:
        """Return the slot that says whom a door admits: with SNI off the listener's, for all domains."""
        wanted = {slot.domain for slot in self._slots()}
        domains = {domain.domain for domain in self.manifest.spec.domains} if self.manifest else set()
        if name in wanted:
            return name
        return "" if "" in wanted and name in domains else None

    def _serving(self) -> set[tuple[str, str]]:
        known = ours(self.world)
        rules = known.rules if known is not None else ()
        return {(rule.domain, rule.path) for rule in rules if any(t.weight for t in rule.targets)}

    def wanted_routes(self) -> set[tuple[str, str]]:
        """Return the routes of the manifest, none when it is being deleted."""
        if self.manifest is None or self.manifest.metadata.is_deleting:
            return set()
        return {
            (domain.domain, route.path) for domain in self.manifest.spec.domains for route in domain.routes
        }

    def _of_others(self) -> list[Listener]:
        mine = ours(self.world)
        return [
            known
            for known in self.world.balancers.on(BALANCER)
            if (known.id == FOREIGN.id or known.name.startswith("somebody")) and known != mine
        ]

    def _chosen(self) -> set[str]:
        """Return the instances that the manifest selects."""
        if self.manifest is None:
            return set()
        selector, now = self.manifest.spec.node_selector, self.world.clock.now()
        eligible = [node for node in self.world.view.nodes() if is_eligible(node, selector, now)]
        return {node.provider_id.rpartition("/")[2] for node in eligible}

    def assert_closed(self) -> None:
        """Complain when a domain of the manifest lets in others than it should."""
        left = {name for name in self.open_doors() if self._slot_of(name) is not None}
        said = self.world.condition(Kind.MUTUAL_TLS_LISTENER, REF.name, "Ready")
        assert not left, f"{left} stay open; Ready is {said}"

    def assert_in_order(self) -> None:
        """Complain unless the cloud is as the manifest says."""
        assert self.manifest is not None
        known = ours(self.world)
        assert known is not None
        assert self.open_doors() == set()
        assert {(rule.domain, rule.path) for rule in known.rules} == self.wanted_routes()
        for slot in self._slots():
            door = (
                next(rule.tls for rule in known.rules if rule.domain == slot.domain)
                if known.sni
                else known.tls
            )
            self.assert_exact(slot.domain, door)
            assert door is not None
            assert door.ca_certificate_id == ca_id(self.world, slot.admits.name)
        chosen = self._chosen()
        for rule in known.rules if chosen else ():
            assert {target.endpoint.instance_id for target in rule.targets} == chosen
