"""What the status of an object says that is being deleted and cannot go yet.

Pure. Called by the reconcilers of authorities and listeners.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.duration import render_duration
from mtls_operator.core.outcome import STUCK_RETRY, Stuck, Waiting
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from datetime import timedelta

    from mtls_operator.api.resource import Resource
    from mtls_operator.errors import AccessDenied


def draining(drain_period: timedelta, wait: timedelta) -> Waiting:
    """Return the outcome while a listener's targets get no new requests and finish those they have.

    Args:
        drain_period: how long they do so in all.
        wait: how much of it is left.
    """
    message = (
        f"its targets have weight 0 for {render_duration(drain_period)}, to finish what they have; "
        "then it is deleted"
    )
    return Waiting(reason=Reason.DELETING, message=message, after=wait)


def without_access(resource: Resource, error: AccessDenied, left: str) -> Stuck:
    """Return the outcome when our credentials do not allow what a deletion needs, with the ways out.

    Args:
        resource: the object that is being deleted.
        error: what the cloud said.
        left: what stays if the object goes now.
    """
    message = (
        f"{error}. Restore the operator's credentials or their policy, and the deletion goes on by itself; "
        f"or set spec.deletionPolicy of {resource.kind} {resource.ref} to Retain, which lets it go and "
        f"leaves {left} behind."
    )
    return Stuck(reason=Reason.CLOUD_ACCESS_DENIED, message=message, after=STUCK_RETRY)
