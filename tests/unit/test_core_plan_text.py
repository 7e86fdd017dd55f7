"""A plan in a status: whole while there is room, and never silently cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtls_operator.core.drift_text import summary
from mtls_operator.core.plan_text import MOST_SENTENCES, shown


def sentences(number: int) -> list[str]:
    return [f"change {n}" for n in range(number)]


@pytest.mark.parametrize("number", [0, 1, MOST_SENTENCES])
def test_a_plan_that_fits_is_shown_whole(number: int) -> None:
    assert list(shown(sentences(number))) == sentences(number)


def test_a_long_one_says_at_its_end_how_many_more_there_are() -> None:
    found = shown(sentences(MOST_SENTENCES + 5))
    assert found[:-1] == tuple(sentences(MOST_SENTENCES - 1))
    assert found[-1] == "and 6 more changes"


@given(st.lists(st.text(max_size=3000), max_size=300))
def test_it_always_fits_into_the_status(found: list[str]) -> None:
    assert len(shown(found)) <= MOST_SENTENCES
    assert all(len(sentence) <= 1000 for sentence in shown(found))


def test_findings_are_named_and_beyond_ten_counted() -> None:
    assert summary(["a", "b"]) == "a; b"
    assert summary(sentences(12)).endswith("change 9; and 2 more")
