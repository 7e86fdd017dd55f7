"""What a pass over a listener that is as desired says: status, conditions, and when to look again.

Called by the MutualTLSListener reconciler.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.conditions import BACKENDS_HEALTHY, CERTIFICATES_SYNCED, PROGRAMMED, Aspect
from mtls_operator.core.listener_status import backends_aspect, domain_statuses, healthy_text
from mtls_operator.core.outcome import STUCK_RETRY, Done, Stuck, Waiting
from mtls_operator.core.reasons import Reason
from mtls_operator.reconcilers.passes import Result

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.cloud import Listener, LoadBalancer
    from mtls_operator.core.desired import DesiredListener
    from mtls_operator.core.outcome import Outcome
    from mtls_operator.core.verified import Verified
    from mtls_operator.ports import Clock, LoadBalancers
    from mtls_operator.reconcilers.observe import Observer
    from mtls_operator.reconcilers.server_certs import Bindings
    from mtls_operator.reconcilers.verification import Verifies

_HEALTH_POLL: Final = timedelta(seconds=2)
_SLOWEST_HEALTH_POLL: Final = timedelta(minutes=2)
_SHORTEST_WAIT: Final = timedelta(seconds=1)
_AWAITED: Final = frozenset(
    {Reason.NO_ELIGIBLE_NODE, Reason.SERVICE_NOT_FOUND, Reason.SERVICE_HAS_NO_NODE_PORT}
)
"""Why a listener is not ready though everything that can be done is done: their end wakes it up."""


class ListenerReport:
    """Reports on listeners."""

    def __init__(
        self, balancers: LoadBalancers, observer: Observer, verification: Verifies, clock: Clock
    ) -> None:
        self._balancers = balancers
        self._observer = observer
        self._verification = verification
        self._clock = clock

    async def result(
        self,
        resource: MutualTLSListener,
        balancer: LoadBalancer,
        desired: DesiredListener,
        bindings: Bindings,
        listener: Listener,
    ) -> Result:
        """Return what the pass found; asks for the health of the targets.

        Raises:
            CloudError: the cloud could not be asked.
        """
        health = await self._balancers.health(balancer, listener.id)
        domains = domain_statuses(desired, listener, health)
        backends = backends_aspect(desired, domains)
        verified = await self._verification.consult(resource, balancer, bindings)
        status = resource.status.model_copy(
            update={
                "listener_id": listener.id,
                "create_time": listener.create_time,
                "addresses": balancer.addresses,
                "not_after": bindings.not_after,
                "healthy": healthy_text(domains),
                "domains": domains,
                "verification": verified.status,
            }
        )
        aspects = (
            Aspect(CERTIFICATES_SYNCED, holds=True, reason=Reason.SUCCEEDED),
            Aspect(PROGRAMMED, holds=True, reason=Reason.SUCCEEDED, message=f"listener {listener.id}"),
            backends,
            verified.aspect,
        )
        after = self._next_look(resource, bindings, backends, desired)
        outcome = _open_door(verified, after) or self._outcome(resource, backends, after)
        return Result(status=status, outcome=outcome, aspects=aspects)

    def _outcome(self, resource: MutualTLSListener, backends: Aspect, after: timedelta) -> Outcome:
        if backends.reason in _AWAITED:
            return Waiting(reason=backends.reason, message=backends.message, after=after)
        port = resource.spec.port
        message = f"port {port} admits clients with a certificate of the authority, and nobody else"
        return Done(message=message, after=after)

    def _next_look(
        self,
        resource: MutualTLSListener,
        bindings: Bindings,
        backends: Aspect,
        desired: DesiredListener,
    ) -> timedelta:
        """Return how long until something is due of which no event tells."""
        now, health_wait = self._clock.now(), self._health_wait(resource)
        due = [bindings.renewal]
        if not backends.holds:
            # The end of what is awaited is an event; health alone has to be asked for.
            due.append(now + (_SLOWEST_HEALTH_POLL if backends.reason in _AWAITED else health_wait))
        if desired.reselect_at is not None:
            due.append(desired.reselect_at)
        for since in self._observer.draining_since(resource.ref):
            end = since + desired.drain_period
            # Who has drained for long and is bound still waits for a successor to be found healthy.
            due.append(end if now - end < _HEALTH_POLL else now + health_wait)
        return max(min(due) - now, _SHORTEST_WAIT)

    def _health_wait(self, resource: MutualTLSListener) -> timedelta:
        """Return when to ask for the targets' health again: soon at first, seldom when it stays bad."""
        known = resource.status.condition(BACKENDS_HEALTHY)
        elapsed = self._clock.now() - known.last_transition_time if known is not None else timedelta()
        return min(max(elapsed / 2, _HEALTH_POLL), _SLOWEST_HEALTH_POLL)


def _open_door(verified: Verified, after: timedelta) -> Outcome | None:
    """Return the outcome when somebody without a good certificate gets in, whatever else is well."""
    if not verified.is_open:
        return None
    after = min(after, STUCK_RETRY)
    return Stuck(reason=verified.aspect.reason, message=verified.aspect.message, after=after)
