"""How much the cloud account may have, and whether a plan fits.

Pure. The limits are read from the cloud: documented defaults differ from account to account. Checked
before the first write of a plan, but never before an open door is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.core import actions
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from mtls_operator.core.actions import Plan
    from mtls_operator.core.desired import ObservedListener

NO_LIMIT: Final = 1 << 31
"""More than any load balancer has: for a limit that the cloud does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The limits of an account in a region.

    Attributes:
        listeners: of a load balancer.
        rules: of a listener.
        targets: of a rule; one that is being drained counts.
    """

    listeners: int = NO_LIMIT
    rules: int = NO_LIMIT
    targets: int = NO_LIMIT


NO_QUOTAS: Final = Quotas()
"""Nothing is known of any limit."""


def require_room(plan: Plan, observed: ObservedListener) -> None:
    """Refuse a plan that would stop half-way for want of room.

    A listener's surplus rules go after the new ones have come, so that no request finds nothing: both
    have to fit for a while.

    Raises:
        SpecError: with reason CloudQuotaExceeded.
    """
    for action in plan.actions:
        if isinstance(action, actions.CreateListener):
            _require_listener(observed)
        if isinstance(action, actions.CreateRules):
            _require_rules(len(action.rules), observed)


def _require_listener(observed: ObservedListener) -> None:
    if observed.neighbours >= observed.quotas.listeners:
        raise SpecError(
            Reason.CLOUD_QUOTA_EXCEEDED,
            f"the account may have {observed.quotas.listeners} listeners on a load balancer, and this one "
            f"has {observed.neighbours} already. Delete one, ask the cloud for a higher quota, or use "
            "another load balancer; nothing was changed.",
        )


def _require_rules(new: int, observed: ObservedListener) -> None:
    present = len(observed.listener.rules) if observed.listener is not None else 0
    limit = observed.quotas.rules
    if present + new <= limit:
        return
    beside = f" beside the {present} that the listener has" if present else ""
    raise SpecError(
        Reason.CLOUD_QUOTA_EXCEEDED,
        f"the account may have {limit} forwarding rules (paths of domains) in a listener, and the manifest "
        f"asks for {new} new ones{beside}. Ask the cloud for a higher quota, or take routes out of the "
        "manifest first and add others then; nothing was changed.",
    )
