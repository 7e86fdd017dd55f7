"""The work queue on a clock of its own: bursts, exclusion, delays."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from unit.fakes.virtual_time import run_virtually

from mtls_operator.reconcilers.queue import KeyedQueue

Queue = KeyedQueue[str]


async def taken_until(queue: Queue, seconds: float, *, work: float = 0.0) -> list[tuple[str, float]]:
    """Work off the queue with one worker and return each key with the time when it was taken."""
    loop, found = asyncio.get_running_loop(), list[tuple[str, float]]()
    start = loop.time()
    while True:
        try:
            async with asyncio.timeout(start + seconds - loop.time()):
                key = await queue.take()
        except TimeoutError:
            return found
        found.append((key, round(loop.time() - start, 3)))
        await asyncio.sleep(work)
        await queue.done(key)


def played(*adds: tuple[str, float]) -> list[tuple[str, float]]:
    async def play() -> list[tuple[str, float]]:
        queue = Queue()
        for key, delay in adds:
            await queue.add(key, delay)
        return await taken_until(queue, 100)

    return run_virtually(play())


ROWS: list[tuple[str, list[tuple[str, float]], list[tuple[str, float]]]] = [
    ("a burst is one pass", [("a", 0), ("a", 0), ("a", 0)], [("a", 0)]),
    ("keys come in the order of their times", [("a", 2), ("b", 1), ("c", 0)], [("c", 0), ("b", 1), ("a", 2)]),
    ("keys of one time come in the order of adding", [("b", 0), ("a", 0)], [("b", 0), ("a", 0)]),
    ("an earlier time wins", [("a", 9), ("a", 3)], [("a", 3)]),
    ("a later time does not put off", [("a", 3), ("a", 9)], [("a", 3)]),
    ("a negative delay is now", [("a", -5)], [("a", 0)]),
    ("a key that was put forward comes once", [("a", 9), ("a", 3), ("a", 1), ("b", 5)], [("a", 1), ("b", 5)]),
]


@pytest.mark.parametrize(("adds", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_is_taken_and_when(adds: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert played(*adds) == expected


def test_a_key_that_is_added_while_it_is_worked_on_comes_back_once() -> None:
    async def play() -> list[tuple[str, float]]:
        queue = Queue()
        await queue.add("a")
        worker = asyncio.create_task(taken_until(queue, 100, work=5))
        await asyncio.sleep(1)
        await queue.add("a")
        await queue.add("a", 2)
        return await worker

    assert run_virtually(play()) == [("a", 0), ("a", 5)]


def test_a_key_that_is_added_for_later_while_it_is_worked_on_comes_then() -> None:
    async def play() -> list[tuple[str, float]]:
        queue = Queue()
        await queue.add("a")
        worker = asyncio.create_task(taken_until(queue, 100, work=5))
        await asyncio.sleep(1)
        await queue.add("a", 9)
        return await worker

    assert run_virtually(play()) == [("a", 0), ("a", 10)]


def test_a_waiting_worker_is_woken_by_an_earlier_key() -> None:
    async def play() -> list[tuple[str, float]]:
        queue = Queue()
        await queue.add("late", 50)
        worker = asyncio.create_task(taken_until(queue, 100))
        await asyncio.sleep(1)
        await queue.add("now")
        return await worker

    assert run_virtually(play()) == [("now", 1), ("late", 50)]


async def _with_workers(count: int, feed: Callable[[Queue], Awaitable[None]]) -> tuple[list[str], int, int]:
    """Return what was worked off, the most workers at once, and the most at once on one key."""
    queue, working, log = Queue(), list[str](), list[str]()
    most, most_same = 0, 0

    async def work() -> None:
        nonlocal most, most_same
        while True:
            key = await queue.take()
            working.append(key)
            most, most_same = max(most, len(working)), max(most_same, working.count(key))
            await asyncio.sleep(1)
            working.remove(key)
            log.append(key)
            await queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(count)]
    await feed(queue)
    await asyncio.sleep(60)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return log, most, most_same


def test_one_key_is_never_worked_on_twice_at_once_while_others_are() -> None:
    async def feed(queue: Queue) -> None:
        for n in range(40):
            await queue.add(f"key-{n % 3}")
            await asyncio.sleep(0.25)

    log, most, most_same = run_virtually(_with_workers(4, feed))
    assert (most, most_same) == (3, 1)
    assert set(log) == {"key-0", "key-1", "key-2"}
    assert len(log) > 20


def test_every_idle_worker_gets_a_key_of_a_burst() -> None:
    async def feed(queue: Queue) -> None:
        await asyncio.sleep(1)
        for n in range(4):
            await queue.add(f"key-{n}")

    log, most, _ = run_virtually(_with_workers(4, feed))
    assert most == 4
    assert len(log) == 4


def test_delayed_keys_reach_as_many_workers_as_there_are() -> None:
    async def feed(queue: Queue) -> None:
        for n in range(4):
            await queue.add(f"key-{n}", 10)

    log, most, _ = run_virtually(_with_workers(4, feed))
    assert (len(log), most) == (4, 4)


def test_the_length_counts_what_waits() -> None:
    async def play() -> tuple[int, int]:
        queue = Queue()
        await queue.add("a")
        await queue.add("b", 5)
        before = len(queue)
        await queue.take()
        return before, len(queue)

    assert run_virtually(play()) == (2, 1)
