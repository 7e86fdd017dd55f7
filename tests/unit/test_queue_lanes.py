"""What is urgent is taken first, nobody waits for ever, and a group does not take all workers."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from unit.fakes.virtual_time import run_virtually

from mtls_operator.core.lanes import Lane
from mtls_operator.reconcilers.queue import KeyedQueue

Queue = KeyedQueue[str]
Adds = list[tuple[str, float, Lane]]
CHANGE, CONSEQUENCE, RESYNC = Lane.CHANGE, Lane.CONSEQUENCE, Lane.RESYNC


async def _take_all(queue: Queue) -> list[str]:
    """Return the keys in the order in which one worker takes them, who needs no time for each."""
    taken = []
    while len(queue):
        taken.append(await queue.take())
        await queue.done(taken[-1])
    return taken


ROWS: list[tuple[str, Adds, list[str]]] = [
    (
        "lanes go before the order of adding",
        [("sweep", 0, RESYNC), ("node", 0, CONSEQUENCE), ("edit", 0, CHANGE)],
        ["edit", "node", "sweep"],
    ),
    (
        "within a lane the first comes first",
        [("b", 0, CHANGE), ("a", 0, CHANGE), ("c", 0, CHANGE)],
        ["b", "a", "c"],
    ),
    (
        "a lane decides among what is due and nothing else",
        [("edit", 5, CHANGE), ("sweep", 0, RESYNC)],
        ["sweep", "edit"],
    ),
    (
        "the more urgent lane wins when it comes later",
        [("x", 0, RESYNC), ("other", 0, CONSEQUENCE), ("x", 9, CHANGE)],
        ["x", "other"],
    ),
    (
        "the more urgent lane wins when it came before",
        [("x", 0, CHANGE), ("other", 0, CONSEQUENCE), ("x", 0, RESYNC)],
        ["x", "other"],
    ),
    (
        "the earliest time wins with the lane of the other",
        [("x", 9, CHANGE), ("x", 0, RESYNC), ("other", 0, CONSEQUENCE)],
        ["x", "other"],
    ),
]


@pytest.mark.parametrize(("adds", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_order_of_lanes(adds: Adds, expected: list[str]) -> None:
    async def play() -> list[str]:
        queue = Queue()
        for key, delay, lane in adds:
            await queue.add(key, delay, lane)
        return await _take_all(queue)

    assert run_virtually(play()) == expected


def test_the_lane_of_a_key_at_work_is_the_one_it_was_taken_in() -> None:
    async def play() -> tuple[Lane, Lane]:
        queue = Queue()
        await queue.add("x", lane=RESYNC)
        await queue.take()
        await queue.add("x", lane=CHANGE)
        first = queue.lane_of("x")
        await queue.done("x")
        await queue.take()
        return first, queue.lane_of("x")

    assert run_virtually(play()) == (RESYNC, CHANGE)


async def _with_a_steady_stream(urgent: int, patient: int) -> tuple[list[str], float]:
    """Take from a lane that never runs dry and one with a backlog, a key a second."""
    queue, taken = Queue(), list[str]()
    for number in range(patient):
        await queue.add(f"sweep-{number}", lane=RESYNC)
    for number in range(urgent):
        await queue.add(f"edit-{number}", lane=CHANGE)
        taken.append(await queue.take())
        await asyncio.sleep(1)
        await queue.done(taken[-1])
    return taken, asyncio.get_running_loop().time()


def test_what_is_due_for_long_has_its_turn_though_the_urgent_never_ends() -> None:
    taken, _ = run_virtually(_with_a_steady_stream(urgent=100, patient=10))
    assert [key for key in taken if key.startswith("sweep")] == [f"sweep-{n}" for n in range(10)]


def test_a_backlog_that_is_due_for_long_takes_no_more_than_a_quarter_from_the_urgent() -> None:
    taken, _ = run_virtually(_with_a_steady_stream(urgent=100, patient=1000))
    assert 70 <= sum(key.startswith("edit") for key in taken) <= 80


async def _at_once(feed: Callable[[Queue], Awaitable[None]], *, workers: int) -> tuple[list[str], int]:
    """Return what was worked off, and the most keys of the group `lb-1` that were at work at once."""
    queue: Queue = KeyedQueue(lambda key: key.partition("/")[0] if "/" in key else None, most_of_a_group=2)
    working, log, most = set[str](), list[str](), 0

    async def work() -> None:
        nonlocal most
        while True:
            key = await queue.take()
            working.add(key)
            most = max(most, sum(one.startswith("lb-1/") for one in working))
            await asyncio.sleep(1)
            working.remove(key)
            log.append(key)
            await queue.done(key)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await feed(queue)
    await asyncio.sleep(60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return log, most


def test_a_busy_group_leaves_workers_to_others_and_is_worked_off_all_the_same() -> None:
    async def feed(queue: Queue) -> None:
        for number in range(10):
            await queue.add(f"lb-1/{number}")
        await queue.add("lb-2/0")
        await queue.add("alone")

    log, most = run_virtually(_at_once(feed, workers=4))
    assert most == 2
    assert set(log[:4]) == {"lb-1/0", "lb-1/1", "lb-2/0", "alone"}
    assert sorted(log) == sorted(["alone", "lb-2/0", *(f"lb-1/{n}" for n in range(10))])


def test_the_urgent_of_a_busy_group_goes_before_those_that_wait_for_it_already() -> None:
    async def feed(queue: Queue) -> None:
        for number in range(6):
            await queue.add(f"lb-1/{number}", lane=RESYNC)
        await asyncio.sleep(0.5)
        await queue.add("lb-1/5", lane=CHANGE)

    log, most = run_virtually(_at_once(feed, workers=4))
    assert most == 2
    assert set(log[:2]) == {"lb-1/0", "lb-1/1"}
    assert "lb-1/5" in log[2:4]
    assert len(log) == 6


def test_a_resync_looks_at_a_group_together_and_an_urgent_key_goes_between_them() -> None:
    async def play() -> list[str]:
        queue: Queue = KeyedQueue(lambda key: key.partition("/")[0])
        for number in range(3):
            for balancer in ("lb-1", "lb-2"):
                await queue.add(f"{balancer}/{number}", lane=RESYNC)
        taken = [await queue.take()]
        await queue.add("lb-2/1", lane=CHANGE)
        await queue.done(taken[0])
        return taken + await _take_all(queue)

    assert run_virtually(play()) == ["lb-1/0", "lb-2/1", "lb-1/1", "lb-1/2", "lb-2/0", "lb-2/2"]


def test_keys_that_change_their_group_while_they_wait_for_it_leave_nobody_behind() -> None:
    """A listener is made anew for another load balancer under the same name."""
    moved: dict[str, str] = {}

    async def play() -> list[str]:
        queue: Queue = KeyedQueue(lambda key: moved.get(key, "lb-1"), most_of_a_group=1)
        for key in ("a", "b", "c"):
            await queue.add(key)
        first = await queue.take()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await queue.take()
        moved["b"] = "lb-2"
        await queue.done(first)
        return [first, await queue.take(), await queue.take()]

    assert run_virtually(play()) == ["a", "b", "c"]
