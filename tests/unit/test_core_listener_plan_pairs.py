"""Pairs of server certificates in the listener plan: bound as a whole, repaired, closed without waiting."""

from dataclasses import replace

import pytest
from builders import NOW
from unit.test_core_listener_plan import (
    CA,
    GOOD,
    LB,
    NEW,
    OLD,
    OLD_SERVER,
    OTHER_CA,
    PLAIN,
    RIGHT,
    SERVER,
    SNI,
)

from mtls_operator.core import actions
from mtls_operator.core.actions import Plan, Tls
from mtls_operator.core.cloud import CertId, Fingerprint, Listener, MutualBinding, TlsBinding
from mtls_operator.core.desired import DesiredListener, ObservedListener
from mtls_operator.core.listener_plan import plan_closing, plan_listener

SECOND, SECOND_SERVER, STRANGER = Fingerprint("e" * 64), CertId("cert-second"), CertId("cert-stranger")
PAIR = Tls(server=(NEW, SECOND), ca=CA)
BOUND = MutualBinding(server=(SERVER, SECOND_SERVER), ca=CA)
ALL = {NEW: SERVER, SECOND: SECOND_SERVER, OLD: OLD_SERVER}
SECRETS = {NEW: "api-server", SECOND: "api-server-ecdsa"}
PAIRED = replace(RIGHT, further_certificate_ids=(SECOND_SERVER,))


def with_pair(desired: DesiredListener) -> DesiredListener:
    domains = tuple(replace(domain, tls=domain.tls and PAIR) for domain in desired.domains)
    return replace(desired, tls=desired.tls and PAIR, domains=domains, secrets=SECRETS)


OFF, ON = with_pair(PLAIN), with_pair(SNI)


def at_level(binding: TlsBinding, *, sni: bool) -> Listener:
    rules = tuple(replace(rule, tls=binding if sni else None) for rule in GOOD.rules)
    return replace(GOOD, sni=sni, tls=None if sni else binding, rules=rules)


def plan(desired: DesiredListener, listener: Listener, uploads: dict[Fingerprint, CertId] = ALL) -> Plan:
    return plan_listener(desired, ObservedListener(listener=listener, uploads=uploads), NOW)


LEVELS = pytest.mark.parametrize(("desired", "sni"), [(OFF, False), (ON, True)], ids=["SNI off", "SNI on"])


@LEVELS
@pytest.mark.parametrize("swapped", [False, True], ids=["as written", "the other way round"])
def test_a_bound_pair_needs_nothing(desired: DesiredListener, sni: bool, swapped: bool) -> None:  # noqa: FBT001
    other = replace(RIGHT, certificate_id=SECOND_SERVER, further_certificate_ids=(SERVER,))
    assert plan(desired, at_level(other if swapped else PAIRED, sni=sni)) == Plan()


WRONG = [
    ("the second is missing", RIGHT),
    ("the first is missing", replace(RIGHT, certificate_id=SECOND_SERVER)),
    ("another second", replace(RIGHT, further_certificate_ids=(STRANGER,))),
    ("one too many", replace(RIGHT, further_certificate_ids=(SECOND_SERVER, STRANGER))),
    ("another first", replace(PAIRED, certificate_id=STRANGER)),
]


@LEVELS
@pytest.mark.parametrize("binding", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_not_exactly_the_pair_is_replaced_in_one_change(
    desired: DesiredListener,
    sni: bool,  # noqa: FBT001
    binding: TlsBinding,
) -> None:
    (change,) = plan(desired, at_level(binding, sni=sni)).actions
    if sni:
        assert change == actions.ChangeDomain(listener=LB, domain="a.example", tls=PAIR)
    else:
        assert change == actions.BindListener(listener=LB, tls=PAIR)


@pytest.mark.parametrize(("desired", "sni"), [(PLAIN, False), (SNI, True)], ids=["SNI off", "SNI on"])
def test_a_pair_gives_way_to_a_single_certificate_in_one_change(
    desired: DesiredListener,
    sni: bool,  # noqa: FBT001
) -> None:
    (change,) = plan(desired, at_level(PAIRED, sni=sni)).actions
    assert isinstance(change, actions.BindListener | actions.ChangeDomain)
    assert change.tls == Tls(server=(NEW,), ca=CA)


def test_each_certificate_that_the_cloud_lacks_is_uploaded_once_before_the_pair_is_bound() -> None:
    found = plan(OFF, at_level(RIGHT, sni=False), {NEW: SERVER})
    assert found.actions == (
        actions.UploadServerCertificate(secret="api-server-ecdsa", fingerprint=SECOND),
        actions.BindListener(listener=LB, tls=PAIR),
    )
    two = replace(ON, domains=(*ON.domains, replace(ON.domains[0], name="b.example", default=False)))
    uploads = [a for a in plan(two, at_level(PAIRED, sni=True), {}).actions if "upload" in str(a)]
    assert [a.fingerprint for a in uploads if isinstance(a, actions.UploadServerCertificate)] == [NEW, SECOND]


OPEN = replace(PAIRED, required=False)
CLOSINGS: list[tuple[str, TlsBinding, dict[Fingerprint, CertId], tuple[CertId, ...]]] = [
    ("the wanted pair, when the cloud has it", OPEN, ALL, (SERVER, SECOND_SERVER)),
    ("what is bound, when a part is missing", replace(OPEN, certificate_id=OLD_SERVER), {NEW: SERVER},
     (OLD_SERVER, SECOND_SERVER)),
    ("what is bound, when all is missing", OPEN, {}, (SERVER, SECOND_SERVER)),
    ("two of what is bound, when there are more",
     replace(OPEN, further_certificate_ids=(STRANGER, OLD_SERVER)), {}, (SERVER, STRANGER)),
    ("one of the pair, when nothing is bound", TlsBinding(
        mutual=False, required=False, certificate_id=None, ca_certificate_id=None), {SECOND: SECOND_SERVER},
     (SECOND_SERVER,)),
]  # fmt: skip


@LEVELS
@pytest.mark.parametrize(
    ("current", "uploads", "server"), [row[1:] for row in CLOSINGS], ids=[row[0] for row in CLOSINGS]
)
def test_a_door_is_closed_at_once_with(
    desired: DesiredListener,
    sni: bool,  # noqa: FBT001
    current: TlsBinding,
    uploads: dict[Fingerprint, CertId],
    server: tuple[CertId, ...],
) -> None:
    (close,) = plan(desired, at_level(current, sni=sni), uploads).next_stage()
    assert isinstance(close, actions.CloseListener | actions.CloseDomain)
    assert close.binding == MutualBinding(server=server, ca=CA)


def test_the_pair_follows_when_a_door_had_to_be_closed_without_it() -> None:
    found = plan(OFF, at_level(replace(OPEN, certificate_id=OLD_SERVER), sni=False), {NEW: SERVER})
    assert [type(action) for action in found.actions] == [
        actions.CloseListener,
        actions.UploadServerCertificate,
        actions.BindListener,
    ]


@pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])
def test_a_door_of_a_manifest_that_cannot_be_done_is_closed_with_the_pair_that_is_bound(sni: bool) -> None:  # noqa: FBT001
    admitted = {"a.example" if sni else "": OTHER_CA}
    (close,) = plan_closing(admitted, at_level(PAIRED, sni=sni))
    assert close.binding == MutualBinding(server=BOUND.server, ca=OTHER_CA)


@pytest.mark.parametrize("server", [(), (SERVER, SECOND_SERVER, STRANGER)], ids=["none", "three"])
def test_a_binding_cannot_be_without_a_server_certificate_nor_with_three(server: tuple[CertId, ...]) -> None:
    with pytest.raises(ValueError, match="one server certificate or two"):
        MutualBinding(server=server, ca=CA)


def test_a_pair_reads_as_such() -> None:
    (sentence,) = plan(OFF, at_level(RIGHT, sni=False)).sentences()
    assert sentence == f"bind server certificates {'f' * 16}… and {'e' * 16}… with CA {CA} to listener {LB}"
