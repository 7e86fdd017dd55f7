"""Say what somebody changed in the cloud when it is put right: each finding once, however often it is met.

What was said is kept in memory until the listener is in order again: a repair that fails is tried again,
and a target that should go is drained before it is unbound. Called by `reconcilers.rounds`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.drift_text import summary
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.drift import Judgement
    from mtls_operator.ports import Recorder


class DriftEvents:
    """Records what was found."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._said: dict[ObjectRef, frozenset[str]] = {}

    async def say(self, listener: MutualTLSListener, judged: Judgement) -> None:
        """Record what is found and was not said yet."""
        said = self._said.get(listener.ref, frozenset())
        news = [sentence for sentence in judged.found if sentence not in said]
        if not news:
            return
        self._said[listener.ref] = said | set(news)
        message = f"changed in the cloud and put right, as driftPolicy says: {summary(news)}"
        await self._recorder.warning(listener, Reason.DRIFT_FOUND, message)

    def forget(self, ref: ObjectRef) -> None:
        """Drop what was said of an object that is in order again, or gone."""
        self._said.pop(ref, None)
