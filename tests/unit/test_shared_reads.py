"""Reads are shared, and none is older than the question that it answers."""

import asyncio

import pytest

from mtls_operator.errors import KubeUnavailable
from mtls_operator.reconcilers.shared_reads import SharedReads


class Source:
    """Something whose value changes; a read takes until it is let go."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.gate = asyncio.Event()

    async def read(self, key: str) -> int:
        self.reads += 1
        seen = self.value
        await self.gate.wait()
        if key == "broken":
            raise KubeUnavailable("no answer")
        return seen


async def _all_waiting() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_during_a_read_share_the_next_one_and_see_what_changed_before_they_asked() -> (
    None
):
    source = Source()
    shared: SharedReads[str, int] = SharedReads(source.read)
    first = asyncio.create_task(shared.get("a"))
    await _all_waiting()
    source.value = 1
    later = [asyncio.create_task(shared.get("a")) for _ in range(20)]
    await _all_waiting()
    source.gate.set()
    assert await first == 0
    assert await asyncio.gather(*later) == [1] * 20
    assert source.reads == 2


async def test_keys_do_not_wait_for_each_other() -> None:
    source = Source()
    shared: SharedReads[str, int] = SharedReads(source.read)
    asked = [asyncio.create_task(shared.get(key)) for key in ("a", "b")]
    await _all_waiting()
    assert source.reads == 2
    source.gate.set()
    assert await asyncio.gather(*asked) == [0, 0]


async def test_a_failure_reaches_all_who_shared_it_and_nobody_after() -> None:
    source = Source()
    source.gate.set()
    shared: SharedReads[str, int] = SharedReads(source.read)
    answers = await asyncio.gather(*(shared.get("broken") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [KubeUnavailable] * 3
    with pytest.raises(KubeUnavailable):
        await shared.get("broken")
    assert await shared.get("a") == 0


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    shared: SharedReads[str, int] = SharedReads(source.read)
    leaving, staying = (asyncio.create_task(shared.get("a")) for _ in range(2))
    await _all_waiting()
    leaving.cancel()
    source.gate.set()
    assert await staying == 0
