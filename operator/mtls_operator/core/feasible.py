"""Whether a plan can be carried out to its end, asked before its first write.

Pure. Called by the MutualTLSListener reconciler, also when it only plans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.backends import require_services
from mtls_operator.core.cloud_quota import require_room

if TYPE_CHECKING:
    from mtls_operator.core.actions import Plan
    from mtls_operator.core.desired import DesiredListener, ObservedListener


def require_feasible(plan: Plan, desired: DesiredListener, observed: ObservedListener) -> None:
    """Refuse a plan that would stop half-way.

    Raises:
        SpecError: the account's quota has no room for it.
        NotReady: a Service of a new listener is missing.
    """
    require_room(plan, observed)
    if observed.listener is None:
        require_services(desired)
