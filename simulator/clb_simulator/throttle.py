"""Requests per second: one token bucket per account, region and action.

Pure but for its own memory; the time is an argument. Called by the HTTP front once a request is
authenticated. The rates are the documented ones (20 per second, 10 for uploads).
"""

from dataclasses import dataclass
from datetime import datetime

from clb_simulator.errors import ApiError


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: datetime


class Throttle:
    """Refuses what exceeds the rate of an action."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], _Bucket] = {}

    def admit(self, key: tuple[str, ...], *, rate: int, code: str, now: datetime) -> None:
        """Take a token from the bucket of `key`, which holds `rate` and refills in one second.

        Raises:
            ApiError: `code`, when the bucket is empty.
        """
        bucket = self._buckets.setdefault(key, _Bucket(tokens=rate, filled_at=now))
        elapsed = max(0.0, (now - bucket.filled_at).total_seconds())
        bucket.tokens = min(float(rate), bucket.tokens + elapsed * rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            raise ApiError(
                code,
                f"Your current request times equals to `{rate + 1}` in a second, which exceeds the frequency "
                f"limit `{rate}` for a second. Please reduce the frequency of calls.",
            )
        bucket.tokens -= 1
