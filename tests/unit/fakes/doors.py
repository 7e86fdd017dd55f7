"""The Prober port over a listener's doors in memory, which look at certificates as a load balancer does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from unit.fakes.cluster import FakeClock
from unit.fakes.world import BALANCER, World

from mtls_operator.api.listener_status import VerificationResult
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.trials import Credentials
from mtls_operator.core.verification import Alerted, Answered, Observation, Silent
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import fingerprint_of, load_chain
from mtls_operator.pki.profiles import Usage
from mtls_operator.pki.verify import verify_leaf
from mtls_operator.probing.prober import Knock
from mtls_operator.probing.rounds import Trials
from mtls_operator.reconcilers.issuing import Issuing
from mtls_operator.reconcilers.probes import Probes
from mtls_operator.reconcilers.verification import Verification, Verifies

SECONDS = 0.1


class FakeDoors:
    """Doors that can be left open, and addresses that swallow everything.

    Attributes:
        roots: whom they admit.
        shown: the server certificate.
        are_open: whether they let everybody in.
        silent: why nobody answers; empty while somebody does.
        servers: who answers, in turn.
        knocks: every request.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.roots: Sequence[x509.Certificate] = ()
        self.shown = ""
        self.are_open = False
        self.silent = ""
        self.servers = ["rs-1", "rs-2"]
        self.knocks: list[Knock] = []

    async def knock(self, knock: Knock) -> Observation:
        self.knocks.append(knock)
        await asyncio.sleep(SECONDS)
        if self.silent:
            return Silent(why=self.silent)
        if not self.are_open and not self._is_good(knock.credentials):
            return Alerted(alert="handshake failure", certificate=self.shown)
        server = self.servers[len(self.knocks) % len(self.servers)]
        return Answered(status=200, headers={"x-real-server": server}, body=server, certificate=self.shown)

    def _is_good(self, credentials: Credentials | None) -> bool:
        if credentials is None:
            return False
        try:
            verify_leaf(load_chain(credentials.chain), self.roots, self._clock.now(), Usage.CLIENT)
        except PkiError:
            return False
        return True


@dataclass
class FakeGauges:
    """The Gauges port."""

    verification: dict[ObjectRef, VerificationResult] = field(default_factory=dict)

    def set_verification(self, listener: ObjectRef, result: VerificationResult) -> None:
        self.verification[listener] = result

    def forget_verification(self, listener: ObjectRef) -> None:
        self.verification.pop(listener, None)


class DoorWorld(World):
    """A world whose listeners have doors."""

    def __init__(self) -> None:
        self.gauges = FakeGauges()
        self.doors: FakeDoors | None = None
        super().__init__()

    def verification(self, issuing: Issuing) -> Verifies:
        self.doors = self.doors or FakeDoors(self.clock)
        self.verifier = Verification(
            trials=Trials(self.doors),
            probes=Probes(self.signers, issuing, self.clock),
            wake=self.woken_up,
            recorder=self.recorder,
            gauges=self.gauges,
            clock=self.clock,
        )
        return self.verifier

    @property
    def door(self) -> FakeDoors:
        assert self.doors is not None
        return self.doors

    def hang_doors(self, name: str = "api") -> None:
        """Make the doors those of a listener: its certificate, and the roots of the authority `clients`."""
        roots = self.kube.config_maps[ObjectRef("edge", "clients-ca")].data["ca.crt"]
        self.door.roots = load_chain(roots)
        served = self.kube.secrets[ObjectRef("edge", f"{name}-server")].data["tls.crt"]
        self.door.shown = fingerprint_of(load_chain(served)[0])

    def admitted_roots(self) -> Sequence[x509.Certificate]:
        """Return what the load balancer verifies clients with: the upload that is bound."""
        (listener,) = self.balancers.on(BALANCER)
        assert listener.tls is not None
        ca = listener.tls.ca_certificate_id
        assert ca is not None
        return load_chain(self.store.uploads[ca].chain)

    def ready(self) -> str:
        condition = self.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Ready")
        assert condition is not None
        return str(condition["reason"])

    def verified(self) -> tuple[str, str]:
        condition = self.condition(Kind.MUTUAL_TLS_LISTENER, "api", "Verified")
        assert condition is not None
        return condition["status"], condition["reason"]
