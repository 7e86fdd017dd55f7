"""A whole world for reconcilers: cluster and cloud in memory, and the operator over them."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from unit.fakes.certificates import FakeCertificateStore
from unit.fakes.cloud import FakeLoadBalancers
from unit.fakes.cluster import FakeClock, FakeKube, FakeRecorder, FakeView, Manifest
from unit.fakes.faults import Faults

from mtls_operator.api.meta import Key, Kind, ObjectRef
from mtls_operator.core.balancer_access import NAMESPACES_TAG, BalancerAccess
from mtls_operator.core.cloud import LoadBalancer, LoadBalancerId
from mtls_operator.core.cluster import Namespace
from mtls_operator.core.lanes import Lane
from mtls_operator.core.outcome import Outcome, Waiting
from mtls_operator.errors import OperatorError
from mtls_operator.reconcilers.admission import Admission
from mtls_operator.reconcilers.authority import AuthorityBehaviour
from mtls_operator.reconcilers.client_cert import ClientCertBehaviour
from mtls_operator.reconcilers.inventory import Inventory
from mtls_operator.reconcilers.issuing import Issuing
from mtls_operator.reconcilers.ledger import Ledger
from mtls_operator.reconcilers.listener_assembly import assemble_listeners
from mtls_operator.reconcilers.loop import MakesPasses
from mtls_operator.reconcilers.orphans import OrphanCollector
from mtls_operator.reconcilers.passes import Reconciler
from mtls_operator.reconcilers.publication import Publication
from mtls_operator.reconcilers.revocation import Revocation
from mtls_operator.reconcilers.root_uploads import RootUploads
from mtls_operator.reconcilers.roots import Roots
from mtls_operator.reconcilers.rotation import Rotation
from mtls_operator.reconcilers.signers import Signers
from mtls_operator.reconcilers.verification import NoVerification, Verifies

if TYPE_CHECKING:
    from mtls_operator.ports import CertificateStore, LoadBalancers

CLUSTER = "cluster-1"
REGION = "ap-guangzhou"
BALANCER = LoadBalancerId("lb-1a2b3c4d")
ORPHAN_GRACE = timedelta(hours=1)
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_ORDER = (Kind.CERTIFICATE_AUTHORITY, Kind.MUTUAL_TLS_LISTENER, Kind.CLIENT_CERT)


class World:
    """Cluster, cloud and operator."""

    def __init__(self, start: datetime = START) -> None:
        self.faults = Faults()
        self.woken: list[Key] = []
        self.domains: tuple[str, ...] = ()
        self.access = BalancerAccess()
        self.allow_always = False
        self._attempts: dict[Key, int] = {}
        self.clock = FakeClock(start)
        self.kube = FakeKube(self.faults, self.clock)
        self.view = FakeView(self.kube)
        self.recorder = FakeRecorder()
        self.balancers = FakeLoadBalancers(self.faults)
        self.store = FakeCertificateStore(self.faults, self.balancers, cluster=CLUSTER)
        self.kube.namespaces = {"edge": Namespace(name="edge", labels={})}
        self.balancers.balancers[BALANCER] = LoadBalancer(
            id=BALANCER, region=REGION, addresses=("192.0.2.1",), tags={NAMESPACES_TAG: "edge"}, ready=True
        )
        # What the operator is over: a test may put the adapters of the real cloud in their place.
        self.cloud: LoadBalancers = self.balancers
        self.uploads: CertificateStore = self.store
        self.reconcilers = self._operator()

    def restart(self) -> None:
        """Start the operator anew: what it held in memory is gone."""
        self._attempts.clear()
        self.reconcilers = self._operator()

    def _operator(self) -> dict[Kind, MakesPasses]:
        kube, view, clock, recorder = self.kube, self.view, self.clock, self.recorder
        self.inventory = Inventory(view, self.uploads)
        self.collector = OrphanCollector(view, self.uploads, self.inventory, clock, grace=ORPHAN_GRACE)
        self.signers = signers = Signers(kube, view, clock)
        self.ledger = Ledger(kube, clock)
        issuing = Issuing(self.ledger, clock, self.woken_up)
        roots, publication = Roots(kube, signers, clock), Publication(kube, signers, clock)
        uploads = RootUploads(view, self.uploads, signers, recorder, cluster=CLUSTER)
        authorities = AuthorityBehaviour(
            kube=kube,
            store=self.uploads,
            signers=signers,
            roots=roots,
            publication=publication,
            uploads=uploads,
            rotation=Rotation(
                kube=kube,
                view=view,
                signers=signers,
                roots=roots,
                publication=publication,
                uploads=uploads,
                recorder=recorder,
                clock=clock,
            ),
            ledger=self.ledger,
            clock=clock,
            cluster=CLUSTER,
        )
        listeners = assemble_listeners(
            kube=kube,
            view=view,
            balancers=self.cloud,
            store=self.uploads,
            inventory=self.inventory,
            signers=signers,
            access=self.access,
            allow_always=self.allow_always,
            issuing=issuing,
            wake=self.woken_up,
            verification=self.verification(issuing),
            regions=(REGION,),
            recorder=recorder,
            clock=clock,
            cluster=CLUSTER,
        )
        return {
            Kind.CERTIFICATE_AUTHORITY: Reconciler(authorities, kube, recorder, clock),
            Kind.CLIENT_CERT: Reconciler(
                ClientCertBehaviour(
                    kube=kube,
                    signers=signers,
                    issuing=issuing,
                    admission=Admission(kube, view, signers, domains=self.domains),
                    revocation=Revocation(kube, self.ledger, clock, self.woken_up),
                    clock=clock,
                ),
                kube,
                recorder,
                clock,
            ),
            Kind.MUTUAL_TLS_LISTENER: Reconciler(listeners, kube, recorder, clock),
        }

    async def woken_up(self, key: Key, delay: float = 0.0, lane: Lane = Lane.CONSEQUENCE) -> None:
        """What a reconciler asks of the queue: remembered, since passes are made by hand here."""
        del delay, lane
        self.woken.append(key)

    def verification(self, issuing: Issuing) -> Verifies:
        """Return who tries doors: nobody, for there are none in memory."""
        del issuing
        return NoVerification()

    def apply(self, *manifests: Manifest) -> None:
        for manifest in manifests:
            self.kube.apply(manifest)

    async def reconcile(self, kind: Kind, name: str, namespace: str = "edge") -> Outcome | None:
        return await self._pass(Key(kind, namespace, name))

    async def _pass(self, key: Key) -> Outcome | None:
        """Make one pass, and count failures as the loop does."""
        outcome = await self.reconcilers[key.kind].reconcile(key.ref, self._attempts.get(key, 0))
        if isinstance(outcome, Waiting) and outcome.failed:
            self._attempts[key] = self._attempts.get(key, 0) + 1
        else:
            self._attempts.pop(key, None)
        return outcome

    async def pass_over_all(self) -> None:
        """Make one pass over each object, authorities first."""
        keys = [Key(kind, ref.namespace, ref.name) for kind, ref in self.kube.objects]
        for kind in _ORDER:
            for key in [key for key in keys if key.kind is kind]:
                # A pass whose report fails is tried again later, as the loop does.
                with contextlib.suppress(OperatorError):
                    await self._pass(key)

    async def settle(self, passes: int = 3) -> None:
        for _ in range(passes):
            await self.pass_over_all()

    def written(self) -> int:
        """Return how many writes there were, events included."""
        return len(self.faults.writes) + len(self.recorder.events)

    def status(self, kind: Kind, name: str, namespace: str = "edge") -> Manifest:
        status: Manifest = self.kube.objects[kind, ObjectRef(namespace, name)].get("status", {})
        return status

    def condition(self, kind: Kind, name: str, type_: str) -> Manifest | None:
        conditions = self.status(kind, name).get("conditions", [])
        return next((c for c in conditions if c["type"] == type_), None)
