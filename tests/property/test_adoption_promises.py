"""Whatever a listener made by hand looks like and whatever fails while it is considered for adoption.

Never touches nothing. IfIdentical touches nothing, or changes nothing that a client or a backend would
notice. Always opens no door. Each example lets the real reconciler work on the fake cloud, and looks at
the listener after every single effect.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from unit.by_hand import abandoned, listener_of, manifest
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import World

from mtls_operator.api.meta import Kind
from mtls_operator.core.cloud import CertId, Endpoint, Listener, Rule, Target

Change = Callable[[Listener], Listener]
PROFILE = settings(
    deadline=None,
    max_examples=60,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow],
)


def of_rules(change: Callable[[Rule], Rule]) -> Change:
    return lambda known: replace(known, rules=tuple(change(rule) for rule in known.rules))


def of_tls(**changes: object) -> Change:
    def change(known: Listener) -> Listener:
        if known.tls is not None:
            return replace(known, tls=replace(known.tls, **changes))  # type: ignore[arg-type]
        return of_rules(lambda rule: replace(rule, tls=rule.tls and replace(rule.tls, **changes)))(known)  # type: ignore[arg-type]

    return change


def with_another(rule: Rule) -> Rule:
    stranger = Target(endpoint=Endpoint(instance_id="ins-stranger", port=30080), weight=10)
    return replace(rule, targets=(*rule.targets, stranger))


CHANGES: list[Change] = [
    of_tls(mutual=False, required=False, ca_certificate_id=None),
    of_tls(required=False),
    of_tls(ca_certificate_id=CertId("another-ca")),
    of_tls(certificate_id=CertId("another-server")),
    of_tls(further_certificate_ids=(CertId("another-server"),)),
    of_rules(lambda rule: replace(rule, scheduler="IP_HASH")),
    of_rules(lambda rule: replace(rule, http2=False)),
    of_rules(lambda rule: replace(rule, health_check=replace(rule.health_check, path="/up"))),
    of_rules(lambda rule: replace(rule, targets=rule.targets[1:])),
    of_rules(with_another),
    lambda known: replace(known, rules=(*known.rules, replace(known.rules[0], path="/old"))),
    lambda known: replace(known, name="TKE-LISTENER"),
]
SOME_CHANGES = st.lists(st.sampled_from(CHANGES), max_size=2, unique=True)
FAULTS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(list(Fault))), max_size=3)


def noticed(listener: Listener) -> object:
    """Return what clients and backends notice: all but names, ids of certificates and their order."""
    rules = [replace(rule, tls=None) for rule in listener.rules]
    return (listener.id, rules, _closed(listener))


def _closed(listener: Listener) -> list[bool]:
    pairs = [listener.tls] if not listener.sni else [rule.tls for rule in listener.rules]
    return [tls is not None and tls.mutual and tls.required for tls in pairs]


async def one_pass(world: World) -> None:
    try:
        await world.pass_over_all()
    except Crash:
        world.restart()
    world.faults.clear()


async def play(
    policy: str, changes: Sequence[Change], faults: Sequence[tuple[int, Fault]], *, sni: bool
) -> tuple[World, Listener, list[Listener]]:
    """Return the world at its end, the listener as it was, and how it looked after each effect."""
    world = await abandoned(sni=sni)
    for change in changes:
        world.balancers.edit(listener_of(world).id, change)
    before, seen = listener_of(world), list[Listener]()
    world.allow_always = True
    world.restart()
    world.faults.watchers.append(lambda _: seen.append(listener_of(world)))
    world.apply(manifest(policy, sni=sni))
    for number, fault in faults:
        world.faults.plan(number, fault)
        await one_pass(world)
    for _ in range(4):
        await one_pass(world)
    return world, before, seen


@given(
    policy=st.sampled_from(["Never", "IfIdentical", "IfIdentical", "Always"]),
    changes=SOME_CHANGES,
    faults=FAULTS,
    sni=st.booleans(),
)
@PROFILE
def test_nothing_is_touched_that_the_policy_does_not_give_away(
    policy: str, changes: list[Change], faults: list[tuple[int, Fault]], *, sni: bool
) -> None:
    world, before, seen = asyncio.run(play(policy, changes, faults, sni=sni))
    ready = world.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Ready")
    assert ready is not None
    is_tkes = before.name == "TKE-LISTENER"
    if policy == "Never" or is_tkes or (policy == "IfIdentical" and changes):
        assert ready["reason"] == ("PortTaken" if policy == "Never" else "AdoptionRefused")
        assert all(one == before for one in seen)
        return
    assert listener_of(world).name.startswith("mtls:")
    if policy == "IfIdentical":
        assert ready["status"] == "True"
        assert all(noticed(one) == noticed(before) for one in seen)
        return
    for earlier, later in zip([before, *seen], seen, strict=False):
        assert all(_closed(later)) >= all(_closed(earlier))
    assert all(_closed(seen[-1]))
