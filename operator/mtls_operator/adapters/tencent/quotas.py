"""What the account may have in each region: one call, remembered for some minutes.

Quotas change when somebody asks the cloud for more, so seldom that a pass need not ask.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mtls_operator.adapters.tencent import shapes

if TYPE_CHECKING:
    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.core.cloud_quota import Quotas

_REMEMBERED_SECONDS: Final = 600.0


class CloudQuotas:
    """Reads quotas."""

    def __init__(self, api: CloudApi) -> None:
        self._api = api
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._known: dict[str, tuple[float, Quotas]] = {}

    async def get(self, region: str) -> Quotas:
        """Return the limits of a region; who asks while they are read waits for the same answer."""
        async with self._locks[region]:
            now = asyncio.get_running_loop().time()
            due, known = self._known.get(region, (now, None))
            if known is None or due <= now:
                reply = await self._api.read("clb", region, "DescribeQuota", {})
                known = shapes.read_quotas(reply)
                self._known[region] = (now + _REMEMBERED_SECONDS, known)
            return known
