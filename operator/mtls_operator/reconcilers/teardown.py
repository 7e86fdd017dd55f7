"""Take a listener out of the cloud again, in the reverse order of its making.

Called by the MutualTLSListener reconciler when the object is being deleted. Level-triggered as all
passes are: it looks, does the next step of `core.teardown_plan`, and looks again.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.deletion import draining, without_access
from mtls_operator.core.outcome import Waiting
from mtls_operator.core.reasons import Reason
from mtls_operator.core.teardown_plan import plan_teardown
from mtls_operator.errors import AccessDenied, CloudNotFound

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.outcome import Stuck
    from mtls_operator.ports import Clock, Recorder
    from mtls_operator.reconcilers.execute import Executor
    from mtls_operator.reconcilers.inventory import Inventory
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.permitted import PermittedBalancers

_MOST_LOOKS: Final = 6
_LOOK_AGAIN: Final = timedelta(seconds=5)
_FIRST_PASSES: Final = timedelta(seconds=1)


class Teardown:
    """Removes a listener and what was uploaded for it."""

    def __init__(
        self,
        *,
        permitted: PermittedBalancers,
        inventory: Inventory,
        observer: Observer,
        executor: Executor,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._permitted = permitted
        self._inventory = inventory
        self._observer = observer
        self._executor = executor
        self._recorder = recorder
        self._clock = clock

    async def remove(self, resource: MutualTLSListener) -> Waiting | Stuck | None:
        """Drain and delete the listener, then delete its certificates; None when nothing of it is left.

        A certificate that others use stays, and does not hold the object up: an event says so.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        try:
            waiting = await self._remove_listener(resource)
            if waiting is not None:
                return waiting
            return await self._take_certificates_out(resource)
        except AccessDenied as error:
            return without_access(resource, error, _left_of(resource))

    async def _remove_listener(self, resource: MutualTLSListener) -> Waiting | None:
        for _ in range(_MOST_LOOKS):
            balancer = await self._permitted.find(resource)
            if balancer is None:
                # It has taken its listeners along.
                return None
            with contextlib.suppress(CloudNotFound):
                observed = await self._observer.observe_leaving(resource, balancer)
                teardown = plan_teardown(observed, resource.spec.drain_period, self._clock.now())
                if not teardown.steps:
                    return None
                if teardown.wait:
                    return draining(resource.spec.drain_period, teardown.wait)
                await self._executor.take_away(teardown.steps[0], balancer)
        message = "the cloud accepted the changes and still shows the listener"
        return Waiting(reason=Reason.DELETING, message=message, after=_LOOK_AGAIN)

    async def _take_certificates_out(self, resource: MutualTLSListener) -> Waiting | None:
        if not self._inventory.knows_all_claims():
            message = "its certificates go when each MutualTLSListener has been looked at since the start"
            return Waiting(reason=Reason.DELETING, message=message, after=_FIRST_PASSES)
        kept = await self._inventory.take_out(resource)
        if kept:
            await self._recorder.normal(resource, Reason.CERTIFICATE_KEPT, "; ".join(map(str, kept)))
        return None


def _left_of(resource: MutualTLSListener) -> str:
    status = resource.status
    if status.listener_id is None:
        return "whatever was made for it"
    certificates = sorted({d.certificate_id for d in status.domains if d.certificate_id is not None})
    listed = f" and certificate {', '.join(certificates)}" if certificates else ""
    return f"listener {status.listener_id} of load balancer {resource.spec.load_balancer.id}{listed}"
