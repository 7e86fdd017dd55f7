"""A stand-in for `CloudApi` that answers from a function and keeps what was sent."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from mtls_operator.adapters.tencent.api import CloudApi, Endpoint, Keys
from mtls_operator.adapters.tencent.pacing import Pacer
from mtls_operator.api.model import Json

Reply = Mapping[str, object]


class ScriptedApi(CloudApi):
    """Takes the place of the wire: throttling and the split of read and write stay real."""

    def __init__(self, answer: Callable[[str, Any], Reply], *, takes: float = 0.0, slow: str = "") -> None:
        super().__init__(Keys(secret_id="id", secret_key="key"), Endpoint(), Pacer())
        self._answer = answer
        self._takes = takes
        self._slow = slow
        self.sent: list[tuple[str, Any, float]] = []

    async def _send(self, service: str, region: str, action: str, params: Json) -> Reply:
        del service, region
        self.sent.append((action, params, asyncio.get_running_loop().time()))
        if action == self._slow:
            # Answered from the state at its arrival, and long under way.
            reply = self._answer(action, params)
            await asyncio.sleep(10 * self._takes)
            return reply
        await asyncio.sleep(self._takes)
        return self._answer(action, params)

    @property
    def actions(self) -> list[str]:
        return [action for action, _, _ in self.sent]
