"""Whatever happens during rotations: no current certificate is refused, and every rotation ends.

Each example is a list of things that people, time and bad luck do to a small world; what is promised
is checked after every single write, to the cluster or to the cloud.
"""

import asyncio
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any

from builders import FAST_KEY, authority_manifest, client_cert_manifest, listener_manifest, node
from cryptography import x509
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import BALANCER, World

from mtls_operator.api.meta import PAUSED_ANNOTATION, RENEW_ANNOTATION, ROTATE_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.lineage import Lineage, read_lineage
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import load_chain, signed_by
from mtls_operator.pki.keys import public_key_der
from mtls_operator.pki.profiles import Usage
from mtls_operator.pki.verify import verify_leaf

CA, CERT, LISTENER = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT, Kind.MUTUAL_TLS_LISTENER
KEY_SECRET = ObjectRef("edge", "clients-ca-key")
CERTS = ("orders", "payments", "web")
LISTENERS = {"api": 443, "shop": 8443}
QUICK = {"minimumSoak": "1h", "overlap": "10h"}
Chain = tuple[x509.Certificate, ...]

Target = tuple[Kind, str]
Step = tuple[str, Any, tuple[int, Fault] | None]
"""What happens, to what, and which of the writes that follow fails in which way."""

PAUSABLE: list[Target] = [(CA, "clients"), (CERT, "payments"), (LISTENER, "api")]
FAULTS = st.none() | st.tuples(st.integers(0, 12), st.sampled_from(Fault))
WAITS = [timedelta(minutes=1), timedelta(hours=2), timedelta(hours=11), timedelta(days=5), timedelta(days=20)]


def steps(what: str, *details: Any) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(what), st.sampled_from(details), FAULTS)


STEPS = st.one_of(
    steps("rotate", "again-", "again-", "evict-", "evict-;soak=2h"),
    steps("wait", *WAITS),
    steps("wait", *WAITS),
    steps("ask", *CERTS),
    steps("drop", *CERTS),
    steps("renew", *CERTS),
    steps("pause", *PAUSABLE),
    steps("resume", *PAUSABLE),
    steps("restart", None),
)
YEARLY = {
    "caRef": {"name": "clients"},
    "serverCertificate": {
        "issue": {"privateKey": FAST_KEY, "duration": "8760h"},
    },
}
PROFILE = settings(
    deadline=None,
    max_examples=6,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@lru_cache(maxsize=4096)
def verifies(chain: Chain, roots: Chain, now: datetime, usage: Usage) -> bool:
    try:
        verify_leaf(chain, roots, now, usage)
    except PkiError:
        return False
    return True


@lru_cache
def parsed(pem: bytes | str) -> Chain:
    return load_chain(pem)


class Watched:
    """A world, and what has to hold in it at every moment."""

    def __init__(self, strategy: str, **spec: Any) -> None:
        self.world = World()
        self.strategy = strategy
        self.tokens = count(1)
        self.issued: list[Chain] = []
        self.handed_out: list[Chain] = []
        self.left_behind: set[str] = set()
        self._lineage: tuple[str, Lineage] | None = None
        self.world.view.held_nodes = [node(1)]
        self.world.apply(
            authority_manifest(rotation={**QUICK, "strategy": strategy}, **spec),
            *(listener_manifest(name, port=port) for name, port in LISTENERS.items()),
            self.request("payments"),
        )
        self.world.faults.watchers.append(self.look)

    def request(self, name: str) -> dict[str, Any]:
        return client_cert_manifest(name, duration="1080h", renewBefore="600h")

    # What is there.

    def lineage(self) -> Lineage:
        secret = self.world.kube.secrets[KEY_SECRET]
        if self._lineage is None or self._lineage[0] != secret.resource_version:
            self._lineage = (secret.resource_version, read_lineage(secret))
        return self._lineage[1]

    def secrets(self) -> dict[str, tuple[Chain, Chain]]:
        """Return the chain and the ca.crt of each client certificate that somebody still asks for."""
        asked = {ref for kind, ref in self.world.kube.objects if kind is CERT}
        return {
            ref.name: (parsed(found.data["tls.crt"]), parsed(found.data["ca.crt"]))
            for ref, found in self.world.kube.secrets.items()
            if ref in asked
        }

    def bound(self) -> list[tuple[Chain, Chain]]:
        """Return what each listener shows, and what it trusts."""
        chains = {u.certificate.id: parsed(u.chain) for u in self.world.store.uploads.values()}
        bindings = [one.tls for one in self.world.balancers.on(BALANCER) if one.tls is not None]
        return [
            (chains[tls.certificate_id], chains[tls.ca_certificate_id])
            for tls in bindings
            if tls.certificate_id is not None and tls.ca_certificate_id is not None
        ]

    def is_valid(self, certificate: x509.Certificate) -> bool:
        return self.world.clock.now() < certificate.not_valid_after_utc

    def is_evicting(self) -> bool:
        """Tell whether holders of what is old are being shut out on purpose."""
        record = self.lineage().newest.record
        return record.evicting and record.finished_at is None

    # What is promised.

    def look(self, write: str) -> None:
        secrets = self.secrets()
        if "secret edge/" in write:
            self.remember(secrets)
        for served, admitted in self.bound():
            self.nobody_current_is_refused(secrets, admitted, write)
            self.the_server_is_believed(secrets, served, write)

    def remember(self, secrets: dict[str, tuple[Chain, Chain]]) -> None:
        for chain, roots in secrets.values():
            if chain not in self.issued:
                self.issued.append(chain)
                assert any(
                    signed_by(chain[0], root) and chain[0].not_valid_after_utc <= root.not_valid_after_utc
                    for root in roots
                ), "a leaf outlives its issuer"
            if roots not in self.handed_out:
                self.handed_out.append(roots)

    def nobody_current_is_refused(
        self, secrets: dict[str, tuple[Chain, Chain]], admitted: Chain, write: str
    ) -> None:
        if self.is_evicting():
            return
        if not any(map(self.is_valid, admitted)):
            return
        for name, (chain, _) in secrets.items():
            if name not in self.left_behind and self.is_valid(chain[0]):
                assert verifies(chain, admitted, self.world.clock.now(), Usage.CLIENT), (write, name)

    def the_server_is_believed(
        self, secrets: dict[str, tuple[Chain, Chain]], served: Chain, write: str
    ) -> None:
        """By Bundle it takes today's ca.crt, since nothing leads from one root to the other."""
        if self.strategy == "Bundle" and self.is_evicting():
            return
        today = [roots for name, (_, roots) in secrets.items() if name not in self.left_behind]
        for roots in today if self.strategy == "Bundle" else self.handed_out:
            valid = tuple(filter(self.is_valid, roots))
            if valid and self.is_valid(served[0]):
                assert verifies(served, valid, self.world.clock.now(), Usage.SERVER), write

    def the_old_is_refused(self) -> None:
        """To be asked when all is still."""
        if self.phase() != "Stable" or self.paused():
            return
        self.issued = [chain for chain in self.issued if self.is_valid(chain[0])]
        newest = public_key_der(self.lineage().newest.certificate.public_key())
        for _, admitted in self.bound():
            assert [public_key_der(root.public_key()) for root in admitted] == [newest]
            for chain in self.issued:
                if not signed_by(chain[0], self.lineage().newest.certificate):
                    assert not verifies(chain, admitted, self.world.clock.now(), Usage.CLIENT)

    def phase(self) -> str:
        return str(self.world.status(CA, "clients")["rotation"]["phase"])

    # What happens.

    def annotate(self, target: Target, key: str, value: str) -> None:
        kind, name = target
        body = self.world.kube.objects.get((kind, ObjectRef("edge", name)))
        if body is not None:
            body["metadata"].setdefault("annotations", {})[key] = value

    def rotate(self, token: str) -> None:
        self.annotate((CA, "clients"), ROTATE_ANNOTATION, f"{token[:6]}{next(self.tokens)}{token[6:]}")

    def ask(self, name: str) -> None:
        self.world.apply(self.request(name))

    def drop(self, name: str) -> None:
        if (CERT, ObjectRef("edge", name)) in self.world.kube.objects:
            self.world.kube.delete(CERT, ObjectRef("edge", name))

    def renew(self, name: str) -> None:
        self.annotate((CERT, name), RENEW_ANNOTATION, str(next(self.tokens)))

    def pause(self, target: Target) -> None:
        self.annotate(target, PAUSED_ANNOTATION, "true")
        self.left_behind |= {target[1]} if target[0] is CERT else set()

    def resume(self, target: Target) -> None:
        self.annotate(target, PAUSED_ANNOTATION, "false")

    def paused(self) -> list[str]:
        return [
            ref.name
            for (_, ref), body in self.world.kube.objects.items()
            if body["metadata"].get("annotations", {}).get(PAUSED_ANNOTATION) == "true"
        ]

    async def settle(self) -> None:
        """Pass on, starting anew after a crash, until nothing is written any more."""
        written = -1
        while written != self.world.written():
            written = self.world.written()
            try:
                await self.world.pass_over_all()
            except Crash:
                self.world.restart()
        self.world.faults.clear()
        self.left_behind &= set(self.paused())
        self.the_old_is_refused()

    async def take(self, step: Step) -> None:
        """Do one thing and let the operator see to it, with whatever fails on the way."""
        what, detail, fails = step
        if fails is not None:
            self.world.faults.plan(*fails)
        if what == "wait":
            self.world.clock.advance(detail)
        elif what == "restart":
            self.world.restart()
        else:
            getattr(self, what)(detail)
        await self.settle()

    async def end(self) -> None:
        """Nothing is paused and time passes: then every rotation is over, the queued one, too."""
        for target in PAUSABLE:
            self.resume(target)
        for _ in range(5):
            await self.settle()
            self.world.clock.advance(timedelta(hours=11))
        await self.settle()
        assert self.phase() == "Stable"
        for name in LISTENERS:
            condition = self.world.condition(LISTENER, name, "Ready")
            assert condition is not None
            assert condition["status"] == "True", condition


@PROFILE
@given(
    st.sampled_from(["CrossSign", "CrossSign", "SameKey", "Bundle"]), st.lists(STEPS, min_size=4, max_size=9)
)
def test_rotations_refuse_nobody_too_early_and_end(strategy: str, taken: list[Step]) -> None:
    async def play() -> None:
        watched = Watched(strategy, duration="4800h", renewBefore="960h")
        await watched.settle()
        for step in taken:
            await watched.take(step)
        await watched.end()

    asyncio.run(play())


async def test_an_authority_of_ten_years_lives_through_its_rotations_and_renewals() -> None:
    watched = Watched("CrossSign", clientCertPolicy={"maxDuration": "8760h"})
    watched.world.apply(
        client_cert_manifest("payments", duration="8760h", renewBefore="4800h"),
        listener_manifest("api", tls=YEARLY),
        listener_manifest("shop", tls=YEARLY, port=8443),
    )
    end = watched.world.clock.now() + timedelta(days=17 * 365)
    serials = set()
    while watched.world.clock.now() < end:
        await watched.settle()
        serials |= {chain[0].serial_number for chain, _ in watched.secrets().values()}
        watched.world.clock.advance(timedelta(days=100))
    await watched.end()
    assert [g.number for g in watched.lineage().generations] == [2, 3]
    assert len(serials) > 17
