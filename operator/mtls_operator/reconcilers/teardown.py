"""Take a listener out of the cloud again, in the reverse order of its making.

Called by the MutualTLSListener reconciler when the object is being deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.ownership import upload_owner
from mtls_operator.reconcilers.uploads import delete_uploads

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.outcome import Waiting
    from mtls_operator.ports import CertificateStore, LoadBalancers
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.permitted import PermittedBalancers


class Teardown:
    """Removes a listener and what was uploaded for it."""

    def __init__(
        self,
        *,
        permitted: PermittedBalancers,
        balancers: LoadBalancers,
        store: CertificateStore,
        observer: Observer,
        cluster: str,
    ) -> None:
        self._permitted = permitted
        self._balancers = balancers
        self._store = store
        self._observer = observer
        self._cluster = cluster

    async def remove(self, resource: MutualTLSListener) -> Waiting | None:
        """Delete the listener, then its certificates; None when nothing is left.

        A load balancer that is gone has taken the listener along.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        balancer = await self._permitted.find(resource)
        if balancer is not None:
            listener = await self._observer.find(resource, balancer)
            if listener is not None:
                await self._balancers.delete_listener(balancer, listener.id)
        return await delete_uploads(self._store, upload_owner(resource, self._cluster))
