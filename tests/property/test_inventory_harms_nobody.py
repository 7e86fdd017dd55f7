"""Whatever listeners, people and crashes do to shared certificates, none in use goes and none is left."""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

from builders import Manifest, authority_manifest, domain_manifest, listener_manifest, node
from foreign_pki import authority, server
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from unit.fakes.cloud import bound
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import BALANCER, ORPHAN_GRACE, World

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CloudCertificate,
    Listener,
    ListenerId,
    LoadBalancerId,
    MutualBinding,
)
from mtls_operator.core.inventory import is_copy
from mtls_operator.errors import OperatorError
from mtls_operator.pki.inspect import chain_fingerprint

LISTENER = Kind.MUTUAL_TLS_LISTENER
ROOT = authority()
CERTIFICATES = [server("api.acme.example", by=ROOT) for _ in range(3)]
FINGERPRINTS = [chain_fingerprint((pair.certificate,)) for pair in CERTIFICATES]
PORTS = {"api": 443, "shop": 9443, "wiki": 10443}
SECRETS = ("first", "second")
THEIRS = ListenerId("lbl-theirs")
ELSEWHERE = LoadBalancerId("lb-elsewhere")
ANOTHERS = CertId("cert-0-another-clusters")

NAME, SECRET = st.sampled_from(sorted(PORTS)), st.sampled_from(SECRETS)
NAMES = st.lists(NAME, unique=True, min_size=1)


def manifest(name: str, secret: str) -> Manifest:
    tls = {"caRef": {"name": "clients"}, "serverCertificate": {"secretRef": {"name": secret}}}
    return listener_manifest(name, domain_manifest(), port=PORTS[name], tls=tls, drainPeriod="0s")


class Inventory(RuleBasedStateMachine):
    """Three listeners, two Secrets, three certificates, one process that may die at any write."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.view.held_nodes = [node(1)]
        self.world.apply(authority_manifest())
        self.world.store.before_delete.append(self.may_go)
        self.holds: dict[str, int] = {}
        self.changed: set[str] = set()
        """Listeners that got another wish since their last pass."""
        self.seen: set[str] = set()
        """Listeners that have had a pass since the process began."""

    @initialize()
    def begin(self) -> None:
        for secret in SECRETS:
            self.put(secret, 0)
        for name in ("api", "shop"):
            self.world.apply(manifest(name, "first"))
        self.run(self.world.settle(2))
        mine = next(u for u in self.world.store.uploads.values() if u.chain and u.key)
        theirs = replace(
            mine.certificate, id=ANOTHERS, owner=replace(mine.certificate.owner, cluster="another")
        )
        self.world.store.uploads[ANOTHERS] = replace(mine, certificate=theirs)
        self.after_a_pass(("api", "shop"))

    # What must never happen.

    def may_go(self, certificate: CloudCertificate) -> None:
        """Complain about a deletion of what somebody uses or wants."""
        assert certificate.owner.cluster == "cluster-1"
        assert self.world.balancers.users_of(certificate.id) == []
        if certificate.kind is CertificateKind.CA or is_copy(certificate, self.uploads()):
            return
        for name, wanted in self.wishes().items():
            unknown = name in self.changed and name in self.seen
            assert unknown or certificate.fingerprint != FINGERPRINTS[wanted], f"{name} wants it"

    def wishes(self) -> dict[str, int]:
        """Return the certificate that each live listener's manifest asks for."""
        return {
            listener.metadata.name: self.holds[secret.name]
            for listener in self.world.view.listeners()
            if not listener.metadata.is_deleting
            if (secret := listener.server_secret_for(None)) is not None
        }

    def uploads(self) -> list[CloudCertificate]:
        return [u.certificate for u in self.world.store.uploads.values() if u.certificate.id != ANOTHERS]

    # What the operator does.

    def run(self, what: Coroutine[Any, Any, object]) -> None:
        try:
            with contextlib.suppress(OperatorError):
                asyncio.run(_together(what))
        except* Crash:
            self.restart()

    def after_a_pass(self, names: tuple[str, ...]) -> None:
        self.changed -= set(names)
        self.seen |= set(names)

    @rule(names=NAMES, pauses=st.integers(0, 4))
    def pass_at_once(self, names: list[str], pauses: int) -> None:
        self.world.store.pauses = pauses
        before = self.world.inventory
        self.run(asyncio.sleep(0) if not names else self._passes(names))
        self.world.store.pauses = 0
        if self.world.inventory is before:
            self.after_a_pass(tuple(names))

    async def _passes(self, names: list[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self._pass(name))

    async def _pass(self, name: str) -> None:
        with contextlib.suppress(OperatorError):
            await self.world.reconcile(LISTENER, name)

    @rule()
    def pass_over_all(self) -> None:
        before = self.world.inventory
        self.run(self.world.pass_over_all())
        if self.world.inventory is before:
            self.after_a_pass(tuple(PORTS))

    @rule()
    def restart(self) -> None:
        self.world.restart()
        self.seen.clear()

    @rule(minutes=st.integers(1, 70))
    def sweep(self, minutes: int) -> None:
        self.run(self.world.collector.sweep())
        self.world.clock.advance(timedelta(minutes=minutes))

    @rule(number=st.integers(0, 4), fault=st.sampled_from(Fault))
    def let_a_write_fail(self, number: int, fault: Fault) -> None:
        self.world.faults.plan(number, fault)

    # What people do.

    def put(self, secret: str, certificate: int) -> None:
        self.world.kube.put_secret(CERTIFICATES[certificate].secret(secret))
        self.holds[secret] = certificate

    @rule(secret=SECRET, certificate=st.integers(0, 2))
    def renew(self, secret: str, certificate: int) -> None:
        self.put(secret, certificate)
        self.changed |= set(PORTS)

    @rule(name=NAME, secret=SECRET)
    def apply(self, name: str, secret: str) -> None:
        body = self.world.kube.objects.get((LISTENER, ObjectRef("edge", name)))
        if body is None or "deletionTimestamp" not in body["metadata"]:
            self.world.apply(manifest(name, secret))
            self.changed.add(name)

    @rule(name=NAME)
    def delete(self, name: str) -> None:
        if (LISTENER, ObjectRef("edge", name)) in self.world.kube.objects:
            self.world.kube.delete(LISTENER, ObjectRef("edge", name))

    @rule(data=st.data())
    def bind_elsewhere(self, data: st.DataObject) -> None:
        ids = sorted(u.id for u in self.uploads() if u.kind is CertificateKind.SERVER)
        if ids:
            binding = MutualBinding(server=(data.draw(st.sampled_from(ids)),), ca=CertId("cert-theirs"))
            made = Listener(
                id=THEIRS,
                name="theirs",
                protocol="HTTPS",
                port=443,
                sni=False,
                tls=bound(binding),
                create_time="t",
            )
            self.world.balancers.put(ELSEWHERE, made)

    @rule()
    def unbind_elsewhere(self) -> None:
        self.world.balancers.state.pop(THEIRS, None)

    # What must be true in the end.

    def teardown(self) -> None:
        if not self.holds:
            return
        self.world.faults.clear()
        self.unbind_elsewhere()
        self.run(self.world.settle(3))
        self.after_a_pass(tuple(PORTS))
        shown = {known.port: known.tls.server for known in self.world.balancers.on(BALANCER) if known.tls}
        fingerprints = {upload.id: upload.fingerprint for upload in self.uploads()}
        for name, wanted in self.wishes().items():
            assert [fingerprints[one] for one in shown[PORTS[name]]] == [FINGERPRINTS[wanted]]
        self.sweep_long()
        assert {fingerprints[one] for ids in shown.values() for one in ids} == {
            u.fingerprint for u in self.uploads() if u.kind is CertificateKind.SERVER
        }
        for name in PORTS:
            self.delete(name)
        self.run(self.world.settle(2))
        self.sweep_long()
        assert [u for u in self.uploads() if u.kind is CertificateKind.SERVER] == []
        assert ANOTHERS in self.world.store.uploads

    def sweep_long(self) -> None:
        for _ in range(2):
            self.sweep(int(ORPHAN_GRACE / timedelta(minutes=1)))


async def _together(what: Coroutine[Any, Any, object]) -> None:
    """Let a crash in one of several passes end them all, as it does."""
    async with asyncio.TaskGroup() as group:
        group.create_task(what)


Inventory.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestInventory = Inventory.TestCase
