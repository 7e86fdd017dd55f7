"""A second server certificate of the other key algorithm comes, is repaired, renewed, and goes, in place."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import (
    FAST_KEY,
    Manifest,
    authority_manifest,
    domain_manifest,
    listener_manifest,
    node,
    slots_with_secrets,
)
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import RENEW_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.cloud import CertId, CertificateKind, Listener, TlsBinding
from mtls_operator.core.leaf import read_leaf

LISTENER = Kind.MUTUAL_TLS_LISTENER
FIRST, SECOND = ObjectRef("edge", "api-server"), ObjectRef("edge", "api-server-rsa")
DOMAINS = (domain_manifest("a.example"), domain_manifest("b.example"))
SNI = pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])


def manifest(*, pair: bool, sni: bool = False, annotations: Manifest | None = None) -> Manifest:
    issue: Manifest = {"privateKey": FAST_KEY, **({"additional": "RSA"} if pair else {})}
    tls = {"caRef": {"name": "clients"}, "serverCertificate": {"issue": issue}}
    return listener_manifest("api", *DOMAINS, sni=sni, tls=tls, annotations=annotations)


async def settled(*, pair: bool = True, sni: bool = False) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    world.apply(authority_manifest(), manifest(pair=pair, sni=sni))
    await world.settle()
    return world


def ours(world: World) -> Listener:
    (listener,) = world.balancers.on(BALANCER)
    return listener


def bindings(world: World) -> list[TlsBinding]:
    known = ours(world)
    found = [rule.tls for rule in known.rules] if known.sni else [known.tls]
    return [tls for tls in found if tls is not None]


def uploaded(world: World) -> dict[str, CertId]:
    """Return the uploads of server certificates by fingerprint."""
    certificates = [upload.certificate for upload in world.store.uploads.values()]
    return {c.fingerprint: c.id for c in certificates if c.kind is CertificateKind.SERVER}


def stored(world: World) -> list[str]:
    """Return the fingerprints of all certificates that the listener's Secrets hold, slot by slot."""
    (listener,) = world.view.listeners()
    found = [read_leaf(world.kube.secrets[slot.secret]) for slot in slots_with_secrets(listener)]
    return [leaf.facts.fingerprint_sha256 for leaf in found if leaf is not None]


def never_open(world: World) -> None:
    """Have every effect from here on checked: each binding there is requires client certificates."""

    def closed(what: str) -> None:
        assert all(tls.mutual and tls.required and tls.ca_certificate_id for tls in bindings(world)), what

    world.faults.watchers.append(closed)


@SNI
async def test_both_are_issued_uploaded_and_bound_the_primary_one_first(sni: bool) -> None:  # noqa: FBT001
    world = await settled(sni=sni)
    ids = [uploaded(world)[fingerprint] for fingerprint in stored(world)]
    pairs = list(zip(ids[::2], ids[1::2], strict=True))
    assert [tls.server for tls in bindings(world)] == pairs
    algorithms = [
        leaf.facts.key.algorithm
        for slot in slots_with_secrets(next(iter(world.view.listeners())))
        if (leaf := read_leaf(world.kube.secrets[slot.secret])) and leaf.facts.key
    ]
    assert algorithms == ["ECDSA", "RSA"] * len(pairs)
    status = world.status(LISTENER, "api")["domains"][0]
    assert (status["certificateId"], status["additionalCertificateId"]) == pairs[0]


@SNI
async def test_a_second_pass_over_a_pair_writes_nothing(sni: bool) -> None:  # noqa: FBT001
    world = await settled(sni=sni)
    before = world.written()
    await world.settle()
    assert world.written() == before


@SNI
async def test_a_single_certificate_becomes_a_pair_and_one_again_in_place(sni: bool) -> None:  # noqa: FBT001
    world = await settled(pair=False, sni=sni)
    single = [tls.server for tls in bindings(world)]
    known, served = ours(world).id, [rule.targets for rule in ours(world).rules]
    never_open(world)
    world.apply(manifest(pair=True, sni=sni))
    await world.settle()
    assert [len(tls.server) for tls in bindings(world)] == [2] * len(single)
    assert [tls.server[:1] for tls in bindings(world)] == single
    before = len(world.faults.cloud_writes)
    world.apply(manifest(pair=False, sni=sni))
    await world.settle()
    assert [tls.server for tls in bindings(world)] == single
    assert {CertId(one) for (one,) in single} == set(uploaded(world).values())
    kinds = [write.split()[0] for write in world.faults.cloud_writes[before:]]
    assert kinds == ["bind"] * len(single) + ["DeleteCertificate"] * len(single)
    assert (ours(world).id, [rule.targets for rule in ours(world).rules]) == (known, served)


EDITS: list[tuple[str, dict[str, Any]]] = [
    ("without the second", {"further_certificate_ids": ()}),
    ("with another second", {"further_certificate_ids": (CertId("cert-stranger"),)}),
    ("with another first", {"certificate_id": CertId("cert-stranger")}),
]


@pytest.mark.parametrize("edit", [row[1] for row in EDITS], ids=[row[0] for row in EDITS])
async def test_a_pair_that_somebody_changed_is_put_right(edit: dict[str, Any]) -> None:
    world = await settled()
    (right,) = bindings(world)
    world.balancers.edit(ours(world).id, lambda known: replace(known, tls=replace(right, **edit)))
    await world.settle()
    assert bindings(world) == [right]


async def test_each_of_a_pair_is_issued_anew_by_itself() -> None:
    world = await settled()
    first, second = world.kube.secrets[FIRST], world.kube.secrets[SECOND]
    world.kube.put_secret(replace(second, data={**second.data, "tls.crt": b"damaged"}))
    await world.settle()
    assert world.kube.secrets[FIRST] == first
    (bound,) = bindings(world)
    assert list(bound.server) == [uploaded(world)[fingerprint] for fingerprint in stored(world)]
    assert len(uploaded(world)) == 2


async def test_a_pair_is_renewed_in_one_change() -> None:
    world = await settled()
    (before,) = bindings(world)
    writes = len(world.faults.cloud_writes)
    world.apply(manifest(pair=True, annotations={RENEW_ANNOTATION: "1"}))
    await world.settle()
    kinds = [write.split()[0] for write in world.faults.cloud_writes[writes:]]
    assert kinds == ["UploadCertificate"] * 2 + ["bind"] + ["DeleteCertificate"] * 2
    assert not set(before.server) & set(uploaded(world).values())


async def test_a_renewal_by_time_takes_both() -> None:
    world = await settled()
    (before,) = bindings(world)
    world.clock.advance(timedelta(days=61))
    await world.settle()
    assert not set(bindings(world)[0].server) & set(before.server)


async def test_a_second_certificates_secret_of_somebody_else_is_left_alone() -> None:
    world = await settled(pair=False)
    theirs = replace(world.kube.secrets[FIRST], ref=SECOND, owner=None, data={})
    world.kube.put_secret(theirs)
    before = world.kube.secrets[SECOND]
    world.apply(manifest(pair=True))
    await world.settle()
    assert world.kube.secrets[SECOND] == before
    ready = world.condition(LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["reason"] == "SecretNameTaken"
    del world.kube.secrets[SECOND]
    await world.settle()
    assert len(bindings(world)[0].server) == 2
