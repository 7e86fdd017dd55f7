"""When a certificate should be replaced.

Pure. Called by `core` for every certificate that the operator issues.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

JITTER: Final = 0.1
_ZERO: Final = timedelta(0)
_HASH_BYTES: Final = 8


def renewal_time(not_before: datetime, not_after: datetime, renew_before: timedelta, seed: str) -> datetime:
    """Return when to renew: `renew_before` ahead of the end, and up to a tenth of that earlier.

    Args:
        not_before: start of the lifetime.
        not_after: end of the lifetime, later than `not_before`.
        renew_before: how long before the end. What is not shorter than the lifetime, or not
            positive, is treated as a third of the lifetime, or the certificate would be renewed
            forever or never.
        seed: what stays the same for one object (its uid): thousands of objects made in the same
            minute renew at different times, and each at the same time in every pass.

    Returns:
        A time in [not_before, not_after) with whole seconds: status stores whole seconds, and a
        finer value would wake us just before the time that we then compare with.
    """
    lifetime = not_after - not_before
    ahead = renew_before if _ZERO < renew_before < lifetime else lifetime / 3
    # The span is also a tenth of what comes before the renewal, so that a renewBefore of nearly
    # the whole lifetime cannot jitter to a time before the certificate was made.
    span = JITTER * min(ahead, lifetime - ahead)
    due = not_after - ahead - _fraction(seed) * span
    return max(due.replace(microsecond=0), not_before)


def _fraction(seed: str) -> float:
    """Map a seed to a number in [0, 1), evenly and the same in every process."""
    digest = hashlib.sha256(seed.encode()).digest()[:_HASH_BYTES]
    return int.from_bytes(digest) / float(1 << (8 * _HASH_BYTES))
