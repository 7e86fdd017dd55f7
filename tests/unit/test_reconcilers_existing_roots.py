"""A root that somebody else made, from its first check to its successor's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, authority_manifest, client_cert_manifest, listener_manifest, node
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.pki.inspect import chain_to_pem, load_chain, signed_by
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key, key_from_pem, key_to_pem
from mtls_operator.pki.names import Subject
from mtls_operator.pki.roots import issue_root

CA, CERT, LISTENER = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT, Kind.MUTUAL_TLS_LISTENER
CORP, CORP_2 = ObjectRef("edge", "corp"), ObjectRef("edge", "corp-2")
YEAR = timedelta(days=365)
QUICK = {"minimumSoak": "1h", "overlap": "10h"}


def new_key() -> PrivateKey:
    return generate_key(KeySpec(KeyAlgorithm.ECDSA, 256))


def root(
    ref: ObjectRef = CORP, *, key: PrivateKey | None = None, years: int = 10, age: timedelta = timedelta()
) -> Secret:
    """Return a Secret as a person makes it, of type kubernetes.io/tls."""
    own = key or new_key()
    made = issue_root(
        subject=Subject("Corporate Root", ("Corp",)), key=own, duration=years * YEAR, now=NOW - age
    )
    return tls(ref, made, own)


def tls(ref: ObjectRef, certificate: x509.Certificate, key: PrivateKey) -> Secret:
    data = {"tls.crt": chain_to_pem((certificate,)), "tls.key": key_to_pem(key)}
    return Secret(ref=ref, type="kubernetes.io/tls", data=data)


def version_1() -> Secret:
    """Return a certificate that does not say that it is a CA, as the plainest OpenSSL command makes it."""
    key, name = new_key(), Subject("Plain").to_x509()
    builder = x509.CertificateBuilder(subject_name=name, issuer_name=name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + YEAR)
    return tls(CORP, builder.sign(key, hashes.SHA256()), key)


def manifest(**source: str) -> dict[str, Any]:
    refs = {name: {"name": value} for name, value in source.items()}
    return authority_manifest(source=refs, rotation=QUICK)


def taking_up(secret: Secret | None) -> World:
    world = World()
    world.view.held_nodes = [node(1)]
    if secret is not None:
        world.kube.put_secret(secret)
    world.apply(manifest(secretRef="corp"), client_cert_manifest(), listener_manifest())
    return world


async def ready() -> World:
    world = taking_up(root())
    await world.settle()
    assert reason(world) == "Succeeded"
    return world


def reason(world: World, type_: str = "Ready") -> str:
    condition = world.condition(CA, "clients", type_)
    return str(condition["reason"]) if condition is not None else ""


def message(world: World, type_: str = "Ready") -> str:
    condition = world.condition(CA, "clients", type_)
    return str(condition["message"]) if condition is not None else ""


def leaf(world: World, name: str = "payments") -> x509.Certificate:
    return load_chain(world.kube.secrets[ObjectRef("edge", name)].data["tls.crt"])[0]


def certificate(secret: Secret) -> x509.Certificate:
    return load_chain(secret.data["tls.crt"])[0]


def admitted(world: World) -> list[x509.Certificate]:
    (listener,) = world.balancers.on(BALANCER)
    assert listener.tls is not None
    uploads = {u.certificate.id: u.chain for u in world.store.uploads.values()}
    return list(load_chain(uploads[listener.tls.ca_certificate_id or next(iter(uploads))]))


def keys_in(world: World, key: PrivateKey) -> list[ObjectRef]:
    """Return the Secrets in which a private key is, in whatever member of the data."""
    wanted = key_to_pem(key)
    return [ref for ref, found in world.kube.secrets.items() if any(wanted in v for v in found.data.values())]


async def test_a_good_root_signs_and_is_admitted_and_its_key_is_never_copied() -> None:
    world = await ready()
    source = world.kube.secrets[CORP]
    assert signed_by(leaf(world), certificate(source))
    assert signed_by(leaf(world, "api-server"), certificate(source))
    assert admitted(world) == [certificate(source)]
    assert keys_in(world, key_from_pem(source.data["tls.key"])) == [CORP]
    assert set(world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data) == {"g1.crt", "g1.json"}
    assert all("PRIVATE KEY" not in str(c.data) for c in world.kube.config_maps.values())
    written = world.written()
    await world.settle()
    assert world.written() == written


async def test_it_says_that_everything_that_the_root_ever_signed_is_admitted() -> None:
    world = await ready()
    condition = world.condition(CA, "clients", "TrustsForeignIssuance")
    assert condition is not None
    assert condition["status"] == "True"
    assert "every certificate that it ever signed is admitted" in condition["message"]
    own = World()
    own.apply(authority_manifest())
    await own.settle()
    assert own.condition(CA, "clients", "TrustsForeignIssuance") is None


INVALID: list[tuple[str, Callable[[], Secret | None], str]] = [
    ("no Secret", lambda: None, "does not exist"),
    ("no certificate", lambda: replace(root(), data={"tls.key": b""}), "does not hold a usable root"),
    (
        "another root's key",
        lambda: tls(CORP, certificate(root()), new_key()),
        "belongs to another certificate",
    ),
    ("version 1", version_1, "basicConstraints"),
    ("ended", lambda: root(years=1, age=2 * YEAR), "it expired at"),
    ("not valid yet", lambda: root(age=-YEAR), "it is not valid before"),
]


@pytest.mark.parametrize(("bad", "said"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_what_is_wrong_with_a_root_is_said_and_mended_without_further_ado(
    bad: Callable[[], Secret | None], said: str
) -> None:
    world = taking_up(bad())
    await world.settle()
    assert reason(world) == "SourceInvalid"
    assert said in message(world)
    assert ObjectRef("edge", "payments") not in world.kube.secrets
    assert ObjectRef("edge", "clients-ca-key") not in world.kube.secrets
    world.kube.put_secret(root())
    await world.settle()
    assert reason(world) == "Succeeded"
    assert signed_by(leaf(world), certificate(world.kube.secrets[CORP]))


@pytest.mark.parametrize("same_key", [False, True], ids=["another key", "the same key"])
async def test_another_root_in_the_secret_is_a_swap_and_changes_nothing(same_key: bool) -> None:  # noqa: FBT001 - a column of the table
    world = await ready()
    before, was, old = world.kube.secrets[CORP], leaf(world), admitted(world)
    world.kube.put_secret(root(key=key_from_pem(before.data["tls.key"]) if same_key else None))
    await world.settle()
    assert reason(world) == "SourceSwapped"
    assert "name that one in spec.source.nextSecretRef" in message(world)
    assert leaf(world) == was
    assert admitted(world) == old
    world.kube.put_secret(before)
    await world.settle()
    assert reason(world) == "Succeeded"


async def test_a_source_that_is_gone_can_be_restored() -> None:
    world = await ready()
    before = world.kube.secrets.pop(CORP)
    await world.settle()
    assert reason(world) == "SourceInvalid"
    assert "restore it from a backup" in message(world)
    world.kube.put_secret(before)
    await world.settle()
    assert reason(world) == "Succeeded"


SWAPS = [
    ("another Secret", manifest(secretRef="corp-2")),
    ("made by the operator", authority_manifest()),
]


@pytest.mark.parametrize("changed", [row[1] for row in SWAPS], ids=[row[0] for row in SWAPS])
async def test_another_source_in_the_manifest_is_a_swap(changed: dict[str, Any]) -> None:
    world = await ready()
    world.kube.put_secret(root(CORP_2))
    old = admitted(world)
    world.kube.apply(changed)
    await world.settle()
    assert reason(world) == "SourceSwapped"
    assert admitted(world) == old
    world.kube.apply(manifest(secretRef="corp"))
    await world.settle()
    assert reason(world) == "Succeeded"


async def test_a_root_of_the_operators_is_not_swapped_for_an_existing_one() -> None:
    world = World()
    world.apply(authority_manifest())
    await world.settle()
    world.kube.put_secret(root())
    world.kube.apply(manifest(secretRef="corp"))
    await world.settle()
    assert reason(world) == "SourceSwapped"
    assert "another kind of root needs another CertificateAuthority" in message(world)


async def rotated(world: World) -> None:
    world.kube.put_secret(root(CORP_2))
    world.kube.apply(manifest(secretRef="corp", nextSecretRef="corp-2"))
    await world.settle(5)
    assert world.status(CA, "clients")["rotation"]["phase"] == "Soak"
    assert world.status(CA, "clients")["rotation"]["strategy"] == "Bundle"


async def test_a_successor_is_bundled_until_the_switch_and_then_alone() -> None:
    world = await ready()
    old = leaf(world)
    await rotated(world)
    one, two = certificate(world.kube.secrets[CORP]), certificate(world.kube.secrets[CORP_2])
    assert admitted(world) == [one, two]
    assert signed_by(leaf(world), two)
    assert signed_by(old, one)
    world.clock.advance(timedelta(hours=11))
    await world.settle(5)
    assert world.status(CA, "clients")["rotation"]["phase"] == "Stable"
    assert admitted(world) == [two]
    assert signed_by(leaf(world, "api-server"), two)
    for ref in (CORP, CORP_2):
        assert keys_in(world, key_from_pem(world.kube.secrets[ref].data["tls.key"])) == [ref]


async def test_moving_the_manifest_on_after_the_rotation_writes_a_status_at_most() -> None:
    world = await ready()
    await rotated(world)
    world.clock.advance(timedelta(hours=11))
    await world.settle(5)
    written, old = len(world.faults.writes), (leaf(world), admitted(world))
    world.kube.apply(manifest(secretRef="corp-2"))
    await world.settle(5)
    assert set(world.faults.writes[written:]) <= {"apply status CertificateAuthority edge/clients"}
    assert (leaf(world), admitted(world)) == old
    assert reason(world) == "Succeeded"


async def test_a_bad_successor_is_named_and_the_root_goes_on() -> None:
    world = await ready()
    world.kube.put_secret(root(CORP_2, years=1, age=2 * YEAR))
    world.kube.apply(manifest(secretRef="corp", nextSecretRef="corp-2"))
    await world.settle()
    assert reason(world) == "Succeeded"
    assert reason(world, "RotationComplete") == "RotationNotPossible"
    assert "it expired at" in message(world, "RotationComplete")
    world.kube.put_secret(root(CORP_2))
    await world.settle(5)
    assert world.status(CA, "clients")["rotation"]["phase"] == "Soak"


async def test_a_rotation_that_is_asked_for_without_a_successor_says_what_is_needed() -> None:
    world = await ready()
    body = world.kube.objects[CA, ObjectRef("edge", "clients")]
    body["metadata"]["annotations"]["mtls.clb-operator.dev/rotate"] = "now"
    await world.settle()
    assert reason(world, "RotationComplete") == "RotationNotPossible"
    assert "name that in spec.source.nextSecretRef" in message(world, "RotationComplete")


async def test_a_root_that_has_ended_is_replaced_at_once_by_its_successor() -> None:
    world = taking_up(root(years=1))
    await world.settle()
    world.clock.advance(YEAR)
    await world.settle()
    assert reason(world) == "CAExpired"
    world.kube.put_secret(root(CORP_2))
    world.kube.apply(manifest(secretRef="corp", nextSecretRef="corp-2"))
    await world.settle(5)
    assert world.status(CA, "clients")["rotation"]["phase"] == "Stable"
    assert admitted(world) == [certificate(world.kube.secrets[CORP_2])]
    assert reason(world) == "Succeeded"
    ready = world.condition(LISTENER, "api", "Ready")
    assert ready is not None
    assert ready["status"] == "True"


async def test_the_predecessors_secret_may_go_once_nothing_of_it_is_left() -> None:
    world = await ready()
    await rotated(world)
    world.clock.advance(timedelta(hours=11))
    await world.settle(5)
    del world.kube.secrets[CORP]
    await world.settle()
    assert reason(world) == "Succeeded"
    world.clock.advance(timedelta(days=5))  # its list is half through, and some of what it signed is valid
    await world.settle()
    assert reason(world) == "SourceInvalid"
    assert "the revocation list of the earlier root 1 cannot be signed anew" in message(world)
    world.apply(client_cert_manifest("orders"))
    await world.settle()
    assert signed_by(leaf(world, "orders"), certificate(world.kube.secrets[CORP_2]))
    world.clock.advance(timedelta(days=91))
    await world.settle()
    assert reason(world) == "Succeeded"
    lists = world.kube.config_maps[ObjectRef("edge", "clients-ca")].data
    newest = x509.load_pem_x509_crl(lists["g2.crl"].encode())
    assert newest.next_update_utc is not None
    assert newest.next_update_utc > world.clock.now()
