"""What is said of a ClientCert that is revoked.

Pure. Called by the ClientCert reconciler. The sentences promise no more than there is: CLB checks no
revocation list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.model import render_time
from mtls_operator.core.conditions import REVOKED, Aspect
from mtls_operator.core.outcome import Stuck
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.ledger import Entry


def describe_revocation(
    authority: ObjectRef, reason: str, entries: Iterable[Entry], now: datetime
) -> tuple[Stuck, Aspect]:
    """Return how the pass ended, and the condition Revoked.

    Args:
        authority: who signed.
        reason: in the words of RFC 5280.
        entries: everything that was ever issued for the object.
        now: the time.
    """
    unexpired = [entry for entry in entries if now < entry.not_after]
    since = min((entry.revoked.at for entry in unexpired if entry.revoked is not None), default=None)
    text = f"revoked for {reason}: nothing is issued for it any more. "
    if since is None:
        text += "No certificate of it is valid."
    else:
        end = max(entry.not_after for entry in unexpired)
        text += (
            f"{_count(len(unexpired))} on the revocation list of CertificateAuthority {authority} since "
            f"{render_time(since)}. CLB checks no list: it still accepts the certificate until it ends, at "
            f"{render_time(end)}. Two ways out: short durations, so that this is soon; or an eviction, after "
            f"which the listeners trust another root: kubectl mtls rotate ca {authority} --evict"
        )
    return (
        Stuck(reason=Reason.REVOKED, message=text),
        Aspect(REVOKED, holds=True, reason=Reason.REVOKED, message=text),
    )


def _count(number: int) -> str:
    return "1 certificate is" if number == 1 else f"{number} certificates are"
