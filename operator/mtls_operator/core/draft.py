"""What a plan is made for: an object itself, or a draft with another one's place in the cloud.

Pure. A draft is an object that `kubectl mtls plan` makes for a moment; its manifest is compared with the
cloud's listener of the object that it names. Called by `reconcilers.planning`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.listener_status import ListenerStatus
from mtls_operator.api.resource import INVALID_SPEC
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from mtls_operator.api.listener import ListenerSpec, MutualTLSListener


def stand_in(draft: MutualTLSListener, named: MutualTLSListener | None) -> MutualTLSListener:
    """Return the draft's manifest in the place of the object that it names.

    Args:
        draft: the draft.
        named: the object of that name, None when there is none yet.

    Raises:
        SpecError: with reason InvalidSpec, when the object cannot be given this manifest.
    """
    if named is None:
        metadata = draft.metadata.model_copy(update={"name": draft.metadata.plans_for})
        return draft.model_copy(update={"metadata": metadata, "status": ListenerStatus()})
    fixed = tuple(_changed_for_good(named.spec, draft.spec))
    if fixed:
        raise SpecError(
            INVALID_SPEC,
            f"{', '.join(fixed)} of {named.kind} {named.ref} cannot be changed: make another listener.",
        )
    return draft.model_copy(update={"metadata": named.metadata, "status": named.status})


def _changed_for_good(before: ListenerSpec, after: ListenerSpec) -> list[str]:
    """Return the fields that the API server would refuse to change."""
    pairs = {
        "loadBalancer": before.load_balancer == after.load_balancer,
        "port": before.port == after.port,
        "sni": before.sni == after.sni,
    }
    return [name for name, same in pairs.items() if not same]
