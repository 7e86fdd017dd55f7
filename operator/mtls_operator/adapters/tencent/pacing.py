"""Keep below the cloud's rates, so that nobody else of the account is throttled because of us.

The documented rates (214/33789, 400/41665) are per action, account and region: 20 calls a second,
10 for some of the certificate service. Used by `adapters.tencent.api`.
"""

from __future__ import annotations

import asyncio
from typing import Final

DEFAULT_RATE: Final = 20.0
SLOWER: Final = {"UploadCertificate": 10.0, "DescribeCertificate": 10.0, "DescribeCertificates": 10.0}


class Pacer:
    """Spaces the calls of each action in each region evenly."""

    def __init__(self, share: float = 1.0) -> None:
        """Take this share of the documented rates, between 0 and 1."""
        self._share = share
        self._free_at: dict[tuple[str, str], float] = {}

    async def wait(self, action: str, region: str) -> None:
        """Return when the next call of the action may be sent."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at.get((action, region), now))
        self._free_at[action, region] = start + 1 / (SLOWER.get(action, DEFAULT_RATE) * self._share)
        if start > now:
            await asyncio.sleep(start - now)
