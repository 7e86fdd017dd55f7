"""Take a listener out of the cloud again, in the reverse order of its making.

Called by the MutualTLSListener reconciler when the object is being deleted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.outcome import Waiting
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.ports import LoadBalancers, Recorder
    from mtls_operator.reconcilers.inventory import Inventory
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.permitted import PermittedBalancers

_FIRST_PASSES: Final = timedelta(seconds=1)


class Teardown:
    """Removes a listener and what was uploaded for it."""

    def __init__(
        self,
        *,
        permitted: PermittedBalancers,
        balancers: LoadBalancers,
        inventory: Inventory,
        observer: Observer,
        recorder: Recorder,
    ) -> None:
        self._permitted = permitted
        self._balancers = balancers
        self._inventory = inventory
        self._observer = observer
        self._recorder = recorder

    async def remove(self, resource: MutualTLSListener) -> Waiting | None:
        """Delete the listener, then its certificates; None when nothing of it is left.

        A load balancer that is gone has taken the listener along. A certificate that others use stays,
        and does not hold the object up: an event says so.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        balancer = await self._permitted.find(resource)
        if balancer is not None:
            listener = await self._observer.find(resource, balancer)
            if listener is not None:
                await self._balancers.delete_listener(balancer, listener.id)
        if not self._inventory.knows_all_claims():
            message = "its certificates go when each MutualTLSListener has been looked at since the start"
            return Waiting(reason=Reason.DELETING, message=message, after=_FIRST_PASSES)
        kept = await self._inventory.take_out(resource)
        if kept:
            await self._recorder.normal(resource, Reason.CERTIFICATE_KEPT, "; ".join(map(str, kept)))
        return None
