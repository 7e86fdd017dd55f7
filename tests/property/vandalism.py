"""What somebody may do to a listener in the console, one deed at a time.

A deed that finds nothing to do it to does nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from hypothesis import strategies as st
from property.converged_worlds import FOREIGN, STRANGER
from property.door_watch import PORT, ca_id, ours
from unit.fakes.world import BALANCER, World

from mtls_operator.core.cloud import (
    CertificateKind,
    Endpoint,
    Listener,
    ListenerId,
    LocationId,
    Rule,
    Target,
    TlsBinding,
)

STRANGERS: Final = ("x.acme.example/", "a.acme.example/old", "c.acme.example/")
SQUATTER: Final = ListenerId("lbl-squatter")


class Deed(ABC):
    """One thing that somebody does."""

    def __call__(self, world: World) -> None:
        known = ours(world)
        if known is not None:
            self.do(world, known)

    @abstractmethod
    def do(self, world: World, known: Listener) -> None:
        """Do it to our listener."""


def _binding(how: str, right: TlsBinding, world: World) -> TlsBinding:
    other = ca_id(world, "partners")
    return {
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


BINDINGS: Final = (
    "one-way", "optional", "other CA", "no CA", "other server", "further", "alone", "turned round",
)  # fmt: skip


@dataclass(frozen=True)
class Rebind(Deed):
    """Other certificates for the listener, or for one of its domains."""

    how: str
    which: int

    def do(self, world: World, known: Listener) -> None:
        if known.tls is not None:
            changed = replace(known, tls=_binding(self.how, known.tls, world))
        elif known.rules:
            domain = known.rules[self.which % len(known.rules)].domain
            changed = _each(known, lambda r: self._spoilt(r, world) if r.domain == domain else r)
        else:
            return
        world.balancers.put(BALANCER, changed)

    def _spoilt(self, rule: Rule, world: World) -> Rule:
        return replace(rule, tls=_binding(self.how, rule.tls, world)) if rule.tls else rule


@dataclass(frozen=True)
class LoseRule(Deed):
    which: int

    def do(self, world: World, known: Listener) -> None:
        if known.rules:
            lost = known.rules[self.which % len(known.rules)]
            left = tuple(rule for rule in known.rules if rule.id != lost.id)
            if left and all(rule.default is False for rule in left):
                left = tuple(replace(rule, default=rule.domain == left[0].domain) for rule in left)
            world.balancers.put(BALANCER, replace(known, rules=left))


@dataclass(frozen=True)
class AddRule(Deed):
    """A rule of somebody else's on our listener; where SNI is on, with a door of its own."""

    name: str
    how: str

    def do(self, world: World, known: Listener) -> None:
        domain, _, path = self.name.partition("/")
        if not known.rules or (domain, f"/{path}") in {(rule.domain, rule.path) for rule in known.rules}:
            return
        twin = next((rule for rule in known.rules if rule.domain == domain), None)
        made = replace(
            twin or known.rules[0],
            id=LocationId(f"loc-x{len(world.faults.writes)}{len(known.rules)}"),
            domain=domain,
            path=f"/{path}",
            default=twin.default if twin else False,
        )
        if twin is None and made.tls is not None:
            made = replace(made, tls=_binding(self.how, made.tls, world))
        world.balancers.put(BALANCER, replace(known, rules=(*known.rules, made)))


@dataclass(frozen=True)
class Unbind(Deed):
    """No targets for one rule."""

    which: int

    def do(self, world: World, known: Listener) -> None:
        if known.rules:
            emptied = known.rules[self.which % len(known.rules)].id
            changed = _each(known, lambda r: replace(r, targets=()) if r.id == emptied else r)
            world.balancers.put(BALANCER, changed)


@dataclass(frozen=True)
class Weigh(Deed):
    weight: int

    def do(self, world: World, known: Listener) -> None:
        def weighed(rule: Rule) -> Rule:
            return replace(rule, targets=tuple(replace(t, weight=self.weight) for t in rule.targets))

        world.balancers.put(BALANCER, _each(known, weighed))


@dataclass(frozen=True)
class BindMore(Deed):
    number: int

    def do(self, world: World, known: Listener) -> None:
        more = Target(endpoint=Endpoint(instance_id=f"ins-{self.number}", port=30080), weight=10)
        world.balancers.put(BALANCER, _each(known, lambda r: _with(r, more)))


@dataclass(frozen=True)
class ChangeLooks(Deed):
    """What opens no door: the name, HTTP/2, the scheduler, the default domain."""

    name: str
    http2: bool
    scheduler: str
    default: int

    def do(self, world: World, known: Listener) -> None:
        domains = list(dict.fromkeys(rule.domain for rule in known.rules)) or [""]
        default = domains[self.default % len(domains)]
        changed = _each(
            replace(known, name=self.name or known.name),
            lambda r: replace(r, http2=self.http2, scheduler=self.scheduler, default=r.domain == default),
        )
        world.balancers.put(BALANCER, changed)


@dataclass(frozen=True)
class DeleteListener(Deed):
    """The listener goes, and sometimes another one takes its port."""

    squat: bool

    def do(self, world: World, known: Listener) -> None:
        del world.balancers.state[known.id]
        if self.squat:
            squatter = replace(FOREIGN, id=SQUATTER, name="somebody's own", port=PORT)
            world.balancers.put(BALANCER, squatter)


@dataclass(frozen=True)
class LeavePort(Deed):
    """Whoever took the port gives it back."""

    def __call__(self, world: World) -> None:
        world.balancers.state.pop(SQUATTER, None)

    def do(self, world: World, known: Listener) -> None:
        """It is not about our listener."""


@dataclass(frozen=True)
class EditOther(Deed):
    """A listener that is not ours changes."""

    weight: int

    def __call__(self, world: World) -> None:
        target = Target(endpoint=Endpoint(instance_id="ins-9", port=30080), weight=self.weight)
        world.balancers.edit(FOREIGN.id, lambda known: _each(known, lambda r: replace(r, targets=(target,))))

    def do(self, world: World, known: Listener) -> None:
        """It is not about our listener."""


@dataclass(frozen=True)
class LoseUpload(Deed):
    """A certificate disappears; what has it bound goes on with it."""

    kind: CertificateKind

    def __call__(self, world: World) -> None:
        owner = "api" if self.kind is CertificateKind.SERVER else "clients"
        found = [upload.certificate for upload in world.store.uploads.values()]
        mine = [c.id for c in found if (c.kind, c.owner.name) == (self.kind, owner)]
        for identifier in mine[:1]:
            del world.store.uploads[identifier]

    def do(self, world: World, known: Listener) -> None:
        """It is not about our listener."""


@dataclass(frozen=True)
class SwitchOnSni(Deed):
    """The one change that the cloud cannot take back; the domains get certificates of their own."""

    how: str

    def do(self, world: World, known: Listener) -> None:
        if known.tls is not None:
            tls = _binding(self.how, known.tls, world)
            changed = replace(_each(known, lambda r: replace(r, tls=tls)), sni=True, tls=None)
            world.balancers.put(BALANCER, changed)


def _each(known: Listener, change: Callable[[Rule], Rule]) -> Listener:
    return replace(known, rules=tuple(change(rule) for rule in known.rules))


def _with(rule: Rule, target: Target) -> Rule:
    others = tuple(t for t in rule.targets if t.endpoint != target.endpoint)
    return replace(rule, targets=(*others, target))


_NUMBER = st.integers(0, 3)
_REBIND = st.builds(Rebind, how=st.sampled_from(BINDINGS[:4]) | st.sampled_from(BINDINGS), which=_NUMBER)
_DELETE = st.builds(DeleteListener, squat=st.booleans())
DEEDS: Final[st.SearchStrategy[Deed]] = st.one_of(
    # What weighs most is done most.
    *[_REBIND] * 6,
    *[_DELETE] * 2,
    st.builds(LoseRule, which=_NUMBER),
    st.builds(AddRule, name=st.sampled_from(STRANGERS), how=st.sampled_from(BINDINGS)),
    st.builds(Unbind, which=_NUMBER),
    st.builds(Weigh, weight=st.sampled_from([0, 77])),
    st.builds(BindMore, number=st.integers(5, 7)),
    st.builds(
        ChangeLooks,
        name=st.sampled_from(["", "renamed"]),
        http2=st.booleans(),
        scheduler=st.sampled_from(["WRR", "IP_HASH"]),
        default=_NUMBER,
    ),
    st.builds(LeavePort),
    st.builds(EditOther, weight=_NUMBER),
    st.builds(LoseUpload, kind=st.sampled_from(CertificateKind)),
    st.builds(SwitchOnSni, how=st.sampled_from(BINDINGS)),
)
