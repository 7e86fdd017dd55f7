"""Who depends on which root: counted from the ledger, never from what a tenant may write."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, domain_manifest, listener, slots_with_secrets
from unit.ledgers import entry
from unit.lineages import BUNDLE, CROSS_SIGN, SAME_KEY, begun, first, rotated

from mtls_operator.api.condition import Condition, ConditionStatus
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.listener_status import DomainStatus
from mtls_operator.api.meta import PAUSED_ANNOTATION, PLAN_ONLY_ANNOTATION, Kind, ObjectRef
from mtls_operator.core import dependants
from mtls_operator.core.cluster import Request
from mtls_operator.core.ledger import Entry
from mtls_operator.core.lineage import Lineage

CLIENTS = ObjectRef("edge", "clients")
ONE = first()
TWO = begun(ONE)
ENDED = NOW - timedelta(days=1)


def request(**fields: Any) -> Request:
    known: dict[str, Any] = {"uid": "uid-payments", "created": "2026-11-23T12:00:00Z"}
    return Request(ref=ObjectRef("edge", "payments"), authority=CLIENTS, **{**known, **fields})


def server(number: int = 1, **fields: Any) -> Entry:
    known: dict[str, Any] = {"kind": Kind.MUTUAL_TLS_LISTENER, "uid": "uid-api", "secret": "api-server"}
    return entry(f"5{number}{fields.get('generation', 1)}", **{**known, **fields})


def with_status(
    found: MutualTLSListener, *conditions: tuple[str, str], bound: dict[str, str | None] | None = None
) -> MutualTLSListener:
    status = found.status.model_copy(
        update={
            "conditions": tuple(
                Condition(
                    type=type_,
                    status=ConditionStatus(value),
                    reason="Because",
                    message="it is so",
                    last_transition_time=NOW,
                )
                for type_, value in conditions
            ),
            "domains": tuple(
                DomainStatus(domain=domain, ca_certificate_id=ca) for domain, ca in (bound or {}).items()
            ),
        }
    )
    return found.model_copy(update={"status": status})


OLD: list[tuple[str, Lineage, Entry, bool]] = [
    ("a certificate of the old root", TWO, entry(), True),
    ("of an object that is gone, the ledger knows", TWO, entry(uid="of something deleted"), True),
    ("one of the new root", TWO, entry(generation=2), False),
    ("one that has ended", TWO, entry(not_after=ENDED), False),
    ("one that is revoked", TWO, entry().revoke(NOW, "Superseded"), False),
    ("a server's", TWO, server(), False),
    ("one root alone", ONE, entry(), False),
    ("the same key", begun(ONE, SAME_KEY), entry(), False),
    ("an earlier root, out long ago", begun(rotated(ONE)), entry(), False),
    ("an earlier root with the old one's key", begun(rotated(ONE, SAME_KEY)), entry(), True),
]


@pytest.mark.parametrize(("lineage", "one", "counts"), [row[1:] for row in OLD], ids=[row[0] for row in OLD])
def test_what_the_switch_would_shut_out_counts(lineage: Lineage, one: Entry, counts: bool) -> None:  # noqa: FBT001 - a column of the table
    assert dependants.old_leaves(lineage, [one], NOW) == ((one,) if counts else ())


def test_a_holder_is_named_once() -> None:
    found = [entry("1"), entry("2"), entry("3", namespace="team-a", name="web")]
    assert dependants.names(found) == ("edge/payments", "team-a/web")


WAITED: list[tuple[str, list[Entry], Request, tuple[str, ...], tuple[str, ...]]] = [
    ("a holder of an old one", [entry()], request(), ("ClientCert edge/payments",), ()),
    ("who has a new one, too", [entry(), entry("2", generation=2)], request(), (), ()),
    (
        "whose new one has ended",
        [entry(), entry("2", generation=2, not_after=ENDED)],
        request(),
        ("ClientCert edge/payments",),
        (),
    ),
    ("whose old one has ended", [entry(not_after=ENDED)], request(), (), ()),
    ("whose old one is revoked", [entry().revoke(NOW, "Superseded")], request(), (), ()),
    ("who was never issued anything", [], request(), (), ()),
    ("another object of the same name", [entry(uid="gone")], request(), (), ()),
    ("who is revoked", [entry()], request(revoked=True), (), ()),
    ("who is being deleted", [entry()], request(deleting=True), (), ()),
    ("who is paused", [entry()], request(paused=True), (), ("ClientCert edge/payments is paused",)),
    (
        "who is stuck",
        [entry()],
        request(stalled=True),
        (),
        ("ClientCert edge/payments cannot be issued anew as its manifest stands",),
    ),
]


@pytest.mark.parametrize(
    ("entries", "asking", "waited", "excused"), [row[1:] for row in WAITED], ids=[row[0] for row in WAITED]
)
def test_clients_are_waited_for_until_they_hold_a_new_certificate(
    entries: list[Entry], asking: Request, waited: tuple[str, ...], excused: tuple[str, ...]
) -> None:
    holders = dependants.Holders(TWO, entries, NOW)
    assert holders.pending(CLIENTS, [asking], []) == (waited, excused)


PAUSED = listener(annotations={PAUSED_ANNOTATION: "true"})
PLANNED = listener(annotations={PLAN_ONLY_ANNOTATION: "true"})
STALLED = with_status(listener(), ("Stalled", "True"))
SNI = listener("api", domain_manifest("a.acme.example"), domain_manifest("b.acme.example"), sni=True)
FOREIGN = listener(
    tls={"caRef": {"name": "clients"}, "serverCertificate": {"issue": {"caRef": {"name": "servers"}}}}
)
SERVERS: list[tuple[str, list[Entry], MutualTLSListener, int, int]] = [
    ("an old certificate", [server()], listener(), 1, 0),
    ("a new one as well", [server(), server(generation=2)], listener(), 0, 0),
    ("a paused listener", [server()], PAUSED, 0, 1),
    ("one that is planned only", [server()], PLANNED, 0, 1),
    ("a listener that is stuck", [server()], STALLED, 0, 1),
    ("one that another authority issues", [server()], FOREIGN, 0, 0),
    ("a Secret that is not used any more", [server(secret="earlier")], listener(), 0, 0),
    ("a listener of the same name that is gone", [server(uid="gone")], listener(), 0, 0),
]


@pytest.mark.parametrize(
    ("entries", "found", "waited", "excused"), [row[1:] for row in SERVERS], ids=[row[0] for row in SERVERS]
)
def test_listeners_are_waited_for_until_they_serve_with_a_new_certificate(
    entries: list[Entry], found: MutualTLSListener, waited: int, excused: int
) -> None:
    seen = dependants.Holders(TWO, entries, NOW).pending(CLIENTS, [], [found])
    assert (len(seen[0]), len(seen[1])) == (waited, excused)
    assert all(name.startswith("MutualTLSListener edge/api") for name in (*seen[0], *seen[1]))


def test_every_domain_of_a_listener_counts() -> None:
    first_domain, second_domain = (
        server(number, secret=slot.secret.name) for number, slot in enumerate(slots_with_secrets(SNI))
    )
    renewed = replace(first_domain, serial="99", generation=2)
    entries = [first_domain, second_domain, renewed]
    assert dependants.Holders(TWO, entries, NOW).pending(CLIENTS, [], [SNI])[0]
    entries.append(replace(second_domain, serial="98", generation=2))
    assert not dependants.Holders(TWO, entries, NOW).pending(CLIENTS, [], [SNI])[0]


def test_by_bundle_servers_come_after_the_switch_and_by_same_key_nobody_is_waited_for() -> None:
    for strategy, waited in ((CROSS_SIGN, 2), (BUNDLE, 1), (SAME_KEY, 0)):
        holders = dependants.Holders(begun(ONE, strategy), [entry(), server()], NOW)
        assert len(holders.pending(CLIENTS, [request()], [listener()])[0]) == waited


BEHIND: list[tuple[str, MutualTLSListener, tuple[str, ...]]] = [
    ("it trusts the upload", with_status(listener(), bound={"": "new"}), ()),
    ("it trusts another", with_status(listener(), bound={"": "old"}), ("MutualTLSListener edge/api",)),
    ("it was never made", with_status(listener()), ()),
    ("it trusts none yet", with_status(listener(), bound={"": None}), ()),
    (
        "it is paused",
        with_status(PAUSED, bound={"": "old"}),
        ("MutualTLSListener edge/api is paused",),
    ),
    (
        "it is planned only",
        with_status(PLANNED, bound={"": "old"}),
        ("MutualTLSListener edge/api is planned only",),
    ),
    (
        "it is stuck",
        with_status(listener(), ("Ready", "False"), ("Stalled", "True"), bound={"": "old"}),
        ("MutualTLSListener edge/api: it is so",),
    ),
    (
        "one of its domains trusts another",
        with_status(SNI, bound={"a.acme.example": "new", "b.acme.example": "old"}),
        ("MutualTLSListener edge/api",),
    ),
]


@pytest.mark.parametrize(("found", "expected"), [row[1:] for row in BEHIND], ids=[row[0] for row in BEHIND])
def test_listeners_that_trust_another_upload_are_named_with_the_reason(
    found: MutualTLSListener, expected: tuple[str, ...]
) -> None:
    assert dependants.behind(CLIENTS, [found], "new") == expected


def test_a_domain_that_admits_another_authority_is_not_behind() -> None:
    partners = domain_manifest("b.acme.example", tls={"caRef": {"name": "partners"}})
    found = listener("api", domain_manifest("a.acme.example"), partners, sni=True)
    found = with_status(found, bound={"a.acme.example": "new", "b.acme.example": "theirs"})
    assert dependants.behind(CLIENTS, [found], "new") == ()
    assert dependants.behind(ObjectRef("edge", "partners"), [found], "theirs") == ()


def test_a_root_is_idle_when_nothing_that_it_signed_is_valid_revoked_or_not() -> None:
    entries = [
        entry("1", generation=1).revoke(NOW, "Superseded"),
        entry("2", generation=2, not_after=ENDED),
        server(generation=3),
    ]
    lineage = rotated(rotated(rotated(ONE)))
    assert dependants.idle(lineage, entries, NOW) == {2, 4}


def test_what_is_left_of_a_root_is_counted() -> None:
    entries = [entry("1"), entry("2"), entry("3", generation=2), server(), entry("4", not_after=ENDED)]
    assert dependants.remaining(ONE.newest, entries, NOW) == 2
