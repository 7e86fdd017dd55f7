"""Whatever happens to a client certificate, the parts of its Secret agree with each other.

Each example plays a life at random: manifests, renewals, rotations, damage by hand, deletions, lost
writes and crashes. Every Secret that the operator writes on the way is opened as a client would.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from builders import authority_manifest, client_cert_manifest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import World
from unit.signing_requests import csr, new_key

from mtls_operator.api.meta import RENEW_ANNOTATION, ROTATE_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.pki.inspect import load_chain
from mtls_operator.pki.keys import key_from_pem, key_to_pem, same_key
from mtls_operator.pki.pkcs12 import opens_pkcs12
from mtls_operator.pki.profiles import Usage
from mtls_operator.pki.verify import verify_leaf

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
CLIENTS, PAYMENTS, PASSWORD = (ObjectRef("edge", name) for name in ("clients", "payments", "pw"))
REQUESTED = new_key()
STRANGE_KEY = key_to_pem(new_key())
Act = Callable[[World], None]

SPECS: Sequence[dict[str, Any]] = (
    {},
    {"dnsNames": ["a.acme.example"]},
    {"privateKey": {"size": 384}},
    {"privateKey": {"rotationPolicy": "Never"}},
    {"duration": "240h"},
    {"pkcs12": {"enabled": False}},
    {"pkcs12": {"friendlyName": "Payments", "profile": "Legacy"}},
    {"pkcs12": {"passwordSecretRef": {"name": "pw"}}},
    {"secretTemplate": {"labels": {"team": "a"}}},
    {"request": csr(REQUESTED)},
)


def applied(spec: dict[str, Any], token: str) -> Act:
    annotations = {RENEW_ANNOTATION: token} if token else {}
    return lambda world: world.apply(client_cert_manifest(annotations=annotations, **spec))


def later(days: int) -> Act:
    return lambda world: world.clock.advance(timedelta(days=days))


def damaged(part: str, value: bytes | None) -> Act:
    def damage(world: World) -> None:
        secret = world.kube.secrets.get(PAYMENTS)
        if secret is not None:
            kept = {name: content for name, content in secret.data.items() if name != part}
            world.kube.put_secret(replace(secret, data=kept if value is None else {**kept, part: value}))

    return damage


def rotated(token: str) -> Act:
    def rotate(world: World) -> None:
        world.kube.objects[CA, CLIENTS]["metadata"]["annotations"][ROTATE_ANNOTATION] = token

    return rotate


def secret_deleted(world: World) -> None:
    world.kube.secrets.pop(PAYMENTS, None)


def object_deleted(world: World) -> None:
    if (CERT, PAYMENTS) in world.kube.objects:
        world.kube.delete(CERT, PAYMENTS)


def password_changed(world: World) -> None:
    number = len(world.faults.writes)
    world.kube.put_secret(Secret(ref=PASSWORD, type="Opaque", data={"password": b"horse %d" % number}))


def restarted(world: World) -> None:
    world.restart()


TOKENS = ("", "1", "2")
PARTS = ("tls.crt", "tls.key", "ca.crt", "client.p12", "client.p12-password")
DAMAGES = [damaged(part, value) for part in PARTS for value in (None, b"damaged", STRANGE_KEY)]
ACTS = (
    *DAMAGES,
    *DAMAGES,
    *(applied(spec, token) for spec in SPECS for token in TOKENS),
    *(later(days) for days in (1, 9, 40, 70, 400)),
    *(rotated(token) for token in TOKENS),
    *(secret_deleted, object_deleted, password_changed, restarted),
)
"""As often as each should come: damage is what most of the checks are about."""
DISTURBANCES = [(number, fault) for number in range(4) for fault in Fault]
FAULTS = st.sampled_from([*DISTURBANCES, *[None] * len(DISTURBANCES)])
LIVES = st.lists(st.tuples(st.sampled_from(ACTS), FAULTS), min_size=4, max_size=12)


def check(world: World, secret: Secret) -> None:
    """Open the Secret as a client and its server would."""
    chain, roots = load_chain(secret.data["tls.crt"]), load_chain(secret.data["ca.crt"])
    verify_leaf(chain, roots, world.clock.now(), Usage.CLIENT)
    if secret.type == "Opaque":
        assert same_key(chain[0], REQUESTED)
        assert set(secret.data) == {"tls.crt", "ca.crt"}
        return
    assert same_key(chain[0], key_from_pem(secret.data["tls.key"]))
    assert ("client.p12" in secret.data) == ("client.p12-password" in secret.data)
    if "client.p12" in secret.data:
        contents = opens_pkcs12(secret.data["client.p12"], secret.data["client.p12-password"].decode())
        assert contents is not None
        assert contents.certificate == chain[0]
        assert same_key(chain[0], contents.key)
        assert contents.chain[: len(chain) - 1] == chain[1:]
        assert set(contents.chain[len(chain) - 1 :]) <= set(roots)
        sent = (contents.certificate, *contents.chain)
        verify_leaf(sent, contents.chain[-1:], world.clock.now(), Usage.CLIENT)


def watch(world: World) -> list[str]:
    """Check each Secret that the operator writes; return what is written."""
    seen: list[str] = []

    def written(what: str) -> None:
        if what in {f"create secret {PAYMENTS}", f"update secret {PAYMENTS}"}:
            seen.append(what)
            check(world, world.kube.secrets[PAYMENTS])

    world.faults.watchers.append(written)
    return seen


def is_ready(world: World) -> bool:
    ready = world.condition(CERT, "payments", "Ready") if (CERT, PAYMENTS) in world.kube.objects else None
    return ready is not None and ready["status"] == "True"


async def play(world: World, life: Sequence[tuple[Act, tuple[int, Fault] | None]]) -> None:
    for act, fault in life:
        act(world)
        if fault is not None:
            world.faults.plan(*fault)
        for _ in range(2):
            try:
                await world.pass_over_all()
            except Crash:
                world.restart()
        world.faults.clear()
        if fault is None and is_ready(world):
            check(world, world.kube.secrets[PAYMENTS])


@settings(
    deadline=None,
    max_examples=25,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(life=LIVES)
def test_the_parts_of_a_secret_agree_at_each_write_and_in_the_end(
    life: Sequence[tuple[Act, tuple[int, Fault] | None]],
) -> None:
    world = World()
    policy = {"allowedDNSNames": ["*.acme.example"]}
    world.apply(authority_manifest(clientCertPolicy=policy), client_cert_manifest())
    password_changed(world)
    seen = watch(world)
    asyncio.run(play(world, life))

    # Time passes over every remembered wait; a Secret of the other mode is let go by a person.
    world.clock.advance(timedelta(minutes=6))
    manifest = world.kube.objects.get((CERT, PAYMENTS))
    wanted = "Opaque" if manifest is not None and "request" in manifest["spec"] else "kubernetes.io/tls"
    stored = world.kube.secrets.get(PAYMENTS)
    if stored is not None and stored.type != wanted:
        del world.kube.secrets[PAYMENTS]
    asyncio.run(world.settle(4))

    if manifest is None:
        assert PAYMENTS not in world.kube.secrets
        return
    assert seen
    check(world, world.kube.secrets[PAYMENTS])
    assert world.kube.secrets[PAYMENTS].type == wanted
    written = world.written()
    asyncio.run(world.settle(2))
    assert world.written() == written
