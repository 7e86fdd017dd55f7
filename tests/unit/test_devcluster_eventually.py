from collections.abc import Iterator

import pytest
from eventually import eventually, eventually_async


def counting() -> Iterator[int]:
    yield from range(100)


def test_the_first_good_observation_is_returned() -> None:
    numbers = counting()
    assert eventually(lambda: next(numbers), until=lambda number: number == 3) == 3


def test_an_exception_means_not_yet() -> None:
    numbers = counting()
    assert eventually(lambda: 6 // next(numbers)) == 6


def test_an_exception_that_is_not_expected_ends_the_wait() -> None:
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 // 0, retry_on=OSError)


def test_the_failure_says_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match=r"the listener is there not so within 0 s; at last it was \[\]"):
        eventually(list, within=0, what="the listener is there")
    with pytest.raises(AssertionError, match="it raised ZeroDivisionError"):
        eventually(lambda: 1 // 0, within=0)


async def test_an_awaited_observation_works_alike() -> None:
    numbers = counting()

    async def observe() -> int:
        return 6 // next(numbers)

    assert await eventually_async(observe, until=lambda number: number == 2) == 2
    with pytest.raises(AssertionError, match="at last it was 1"):
        await eventually_async(observe, until=lambda number: number < 0, within=0)
