"""Put the parts of a MutualTLSListener's pass together.

Called by the composition root, and by tests with ports in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.reconcilers.adoption import Adoption
from mtls_operator.reconcilers.desires import Desires
from mtls_operator.reconcilers.drift_events import DriftEvents
from mtls_operator.reconcilers.execute import Executor
from mtls_operator.reconcilers.foresight import Foresight
from mtls_operator.reconcilers.listener import ListenerBehaviour
from mtls_operator.reconcilers.listener_report import ListenerReport
from mtls_operator.reconcilers.observe import Observer
from mtls_operator.reconcilers.others_certs import CertificatesOfOthers
from mtls_operator.reconcilers.permitted import PermittedBalancers
from mtls_operator.reconcilers.planning import Planning
from mtls_operator.reconcilers.rounds import Rounds
from mtls_operator.reconcilers.server_certs import ServerCertificates
from mtls_operator.reconcilers.server_secrets import ServerSecrets
from mtls_operator.reconcilers.teardown import Teardown

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtls_operator.core.balancer_access import BalancerAccess
    from mtls_operator.ports import CertificateStore, Clock, Kube, LoadBalancers, Recorder, View, Wake
    from mtls_operator.reconcilers.inventory import Inventory
    from mtls_operator.reconcilers.issuing import Issuing
    from mtls_operator.reconcilers.signers import Signers
    from mtls_operator.reconcilers.verification import Verifies


def assemble_listeners(
    *,
    kube: Kube,
    view: View,
    balancers: LoadBalancers,
    store: CertificateStore,
    inventory: Inventory,
    signers: Signers,
    issuing: Issuing,
    wake: Wake,
    verification: Verifies,
    access: BalancerAccess,
    allow_always: bool,
    regions: Collection[str],
    recorder: Recorder,
    clock: Clock,
    cluster: str,
) -> ListenerBehaviour:
    """Return the behaviour of listeners over these ports.

    `allow_always` is the configuration's consent to adoptionPolicy Always.
    """
    others = CertificatesOfOthers(kube, store, clock)
    certificates = ServerCertificates(
        kube=kube, signers=signers, issuing=issuing, others=others, clock=clock, wake=wake
    )
    desires = Desires(view, balancers, clock, cluster=cluster)
    permitted = PermittedBalancers(balancers, access, regions)
    adoption = Adoption(
        store=store,
        view=view,
        signers=signers,
        recorder=recorder,
        clock=clock,
        cluster=cluster,
        allow_always=allow_always,
    )
    observer = Observer(balancers, inventory, view, adoption, clock, cluster=cluster)
    executor = Executor(balancers, inventory)
    report = ListenerReport(balancers, observer, verification, clock)
    return ListenerBehaviour(
        kube=kube,
        store=store,
        inventory=inventory,
        permitted=permitted,
        certificates=certificates,
        desires=desires,
        observer=observer,
        executor=executor,
        rounds=Rounds(
            observer=observer,
            executor=executor,
            adoption=adoption,
            events=DriftEvents(recorder),
            inventory=inventory,
            clock=clock,
            cluster=cluster,
        ),
        secrets=ServerSecrets(kube),
        planning=Planning(
            kube=kube,
            store=store,
            permitted=permitted,
            foresight=Foresight(certificates, others, signers, clock),
            desires=desires,
            observer=Observer(balancers, inventory, view, adoption, clock, cluster=cluster),
            report=report,
            clock=clock,
        ),
        report=report,
        verification=verification,
        teardown=Teardown(
            permitted=permitted,
            inventory=inventory,
            observer=observer,
            executor=executor,
            recorder=recorder,
            clock=clock,
        ),
    )
