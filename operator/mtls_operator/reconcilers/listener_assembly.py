"""Put the parts of a MutualTLSListener's pass together.

Called by the composition root, and by tests with ports in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.reconcilers.execute import Executor
from mtls_operator.reconcilers.listener import ListenerBehaviour
from mtls_operator.reconcilers.listener_report import ListenerReport
from mtls_operator.reconcilers.observe import Observer
from mtls_operator.reconcilers.permitted import PermittedBalancers
from mtls_operator.reconcilers.rounds import Rounds
from mtls_operator.reconcilers.teardown import Teardown

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtls_operator.core.balancer_access import BalancerAccess
    from mtls_operator.ports import CertificateStore, Clock, Kube, LoadBalancers, View
    from mtls_operator.reconcilers.server_certs import ServerCertificates


def assemble_listeners(
    *,
    kube: Kube,
    view: View,
    balancers: LoadBalancers,
    store: CertificateStore,
    certificates: ServerCertificates,
    access: BalancerAccess,
    regions: Collection[str],
    clock: Clock,
    cluster: str,
) -> ListenerBehaviour:
    """Return the behaviour of listeners over these ports."""
    permitted = PermittedBalancers(balancers, access, regions)
    observer = Observer(balancers, store, clock, cluster=cluster)
    executor = Executor(balancers, store)
    return ListenerBehaviour(
        kube=kube,
        view=view,
        store=store,
        permitted=permitted,
        certificates=certificates,
        observer=observer,
        executor=executor,
        rounds=Rounds(observer, executor, clock, cluster=cluster),
        report=ListenerReport(balancers, observer, clock),
        teardown=Teardown(
            permitted=permitted,
            store=store,
            observer=observer,
            executor=executor,
            clock=clock,
            cluster=cluster,
        ),
        clock=clock,
        cluster=cluster,
    )
