"""What somebody may do to a listener in the console, and what is found then.

Used by the tests of drift.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from builders import authority_manifest, domain_manifest, listener_manifest, node, route_manifest
from unit.fakes.world import BALANCER, World

from mtls_operator.core.cloud import CertId, Endpoint, Listener, LocationId, Rule, Target

STRANGER = CertId("cert-stranger")
NAMES = ("a.acme.example", "b.acme.example")


async def settled(*, sni: bool = False, **spec: Any) -> World:
    """Return a world with two domains, of which the first has two routes, on two nodes."""
    world = World()
    world.view.held_nodes = [node(1), node(2)]
    world.apply(authority_manifest(), manifest(sni=sni, **spec))
    await world.settle()
    world.recorder.events.clear()
    return world


def manifest(*, sni: bool = False, **spec: Any) -> dict[str, Any]:
    first = domain_manifest(NAMES[0], route_manifest(), route_manifest("/x"))
    return listener_manifest("api", first, domain_manifest(NAMES[1]), sni=sni, **spec)


def ours(world: World) -> Listener:
    (listener,) = world.balancers.on(BALANCER)
    return listener


@dataclass(frozen=True)
class Deed:
    """What somebody does.

    Attributes:
        found: what is said about it; `…` stands for an id.
        opens: somebody who should be refused gets in.
    """

    name: str
    do: Callable[[World], None]
    found: str
    sni: bool = False
    opens: bool = False


def edit(change: Callable[[Listener], Listener]) -> Callable[[World], None]:
    return lambda world: world.balancers.edit(ours(world).id, change)


def rules(change: Callable[[Rule], Rule], *names: str) -> Callable[[World], None]:
    """Change some rules, all of them by default."""

    def changed(known: Listener) -> Listener:
        made = (change(r) if not names or f"{r.domain}{r.path}" in names else r for r in known.rules)
        return replace(known, rules=tuple(made))

    return edit(changed)


def _tls(of: Any, **fields: Any) -> Any:
    assert of.tls is not None
    return replace(of, tls=replace(of.tls, **fields))


def _delete_rule(known: Listener) -> Listener:
    return replace(known, rules=tuple(rule for rule in known.rules if rule.path != "/x"))


def _add_rule(known: Listener) -> Listener:
    model = known.rules[0]
    made = replace(model, id=LocationId("loc-new"), domain=NAMES[1], path="/new", default=False)
    return replace(known, rules=(*known.rules, made))


def _unbind(rule: Rule) -> Rule:
    return replace(rule, targets=rule.targets[1:])


def _bind_another(rule: Rule) -> Rule:
    extra = Target(endpoint=Endpoint(instance_id="ins-9", port=30080), weight=10)
    return replace(rule, targets=(*rule.targets, extra))


def _weigh(rule: Rule) -> Rule:
    first, *others = rule.targets
    return replace(rule, targets=(replace(first, weight=77), *others))


def _delete(world: World) -> None:
    del world.balancers.state[ours(world).id]


def _lose_upload(world: World) -> None:
    """The certificate service lets a bound certificate be deleted; what is bound goes on being shown."""
    tls = ours(world).tls
    assert tls is not None
    assert tls.certificate_id is not None
    del world.store.uploads[tls.certificate_id]


ONE_WAY = {"mutual": False, "required": False, "ca_certificate_id": None}
DEEDS = (
    Deed(
        "the listener is set one-way",
        edit(lambda known: _tls(known, **ONE_WAY)),
        "the listener admits clients without a certificate (one-way)",
        opens=True,
    ),
    Deed(
        "client certificates become optional",
        edit(lambda known: _tls(known, required=False)),
        "the listener admits clients without a certificate (optional)",
        opens=True,
    ),
    Deed(
        "another CA is bound",
        edit(lambda known: _tls(known, ca_certificate_id=STRANGER)),
        "the listener admits the clients of cert-stranger, not those of cert-…",
        opens=True,
    ),
    Deed(
        "a domain is set one-way",
        rules(lambda rule: _tls(rule, **ONE_WAY), f"{NAMES[0]}/", f"{NAMES[0]}/x"),
        "domain a.acme.example admits clients without a certificate (one-way)",
        sni=True,
        opens=True,
    ),
    Deed(
        "the certificate is changed",
        edit(lambda known: _tls(known, certificate_id=STRANGER)),
        "the certificate of the listener is cert-stranger, not cert-…",
    ),
    Deed(
        "a domain's certificate is changed",
        rules(lambda rule: _tls(rule, certificate_id=STRANGER), f"{NAMES[1]}/"),
        "the certificate of domain b.acme.example is cert-stranger, not cert-…",
        sni=True,
    ),
    Deed(
        "the certificate is deleted",
        _lose_upload,
        "the server certificate of Secret api-server (…) is not in the cloud",
    ),
    Deed("a rule is added", edit(_add_rule), "rule b.acme.example/new is not in the manifest"),
    Deed("a rule is deleted", edit(_delete_rule), "rule a.acme.example/x is gone"),
    Deed(
        "a rule is changed",
        rules(lambda rule: replace(rule, scheduler="IP_HASH"), f"{NAMES[0]}/x"),
        "rule a.acme.example/x has another scheduler",
    ),
    Deed(
        "HTTP/2 is switched off",
        rules(lambda rule: replace(rule, http2=False), f"{NAMES[1]}/"),
        "HTTP/2 of domain b.acme.example is off",
    ),
    Deed(
        "another domain is the default",
        rules(lambda rule: replace(rule, default=rule.domain == NAMES[1])),
        "domain a.acme.example is not the default domain",
    ),
    Deed(
        "a node is unbound",
        rules(_unbind, f"{NAMES[0]}/x"),
        "ins-00000001:30080 is not bound at a.acme.example/x",
    ),
    Deed(
        "something else is bound",
        rules(_bind_another, f"{NAMES[0]}/x"),
        "ins-9:30080 is bound at a.acme.example/x and not wanted there",
    ),
    Deed(
        "a weight is changed",
        rules(_weigh, f"{NAMES[0]}/x"),
        "ins-00000001:30080 has weight 77 at a.acme.example/x, not 10",
    ),
    Deed(
        "the listener is renamed",
        edit(lambda known: replace(known, name="mine now")),
        "the listener is called 'mine now'",
    ),
    Deed("the listener is deleted", _delete, "the listener is gone"),
)
