"""A certificate is renewed ahead of its end, at the same time in every pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mtls_operator.pki.renewal import renewal_time

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=90)
MONTH = timedelta(days=30)


def test_it_is_renew_before_ahead_of_the_end_and_at_most_a_tenth_earlier() -> None:
    times = [renewal_time(START, END, MONTH, f"uid-{n}") for n in range(200)]
    assert max(times) <= END - MONTH
    assert min(times) >= END - MONTH - MONTH / 10
    # Spread, not bunched: the whole tenth is used.
    assert max(times) - min(times) > timedelta(days=2.5)


def test_the_same_object_has_the_same_time() -> None:
    assert renewal_time(START, END, MONTH, "uid") == renewal_time(START, END, MONTH, "uid")


@pytest.mark.parametrize("renew_before", [timedelta(days=90), timedelta(days=900), timedelta(0), -MONTH])
def test_a_renew_before_that_cannot_be_is_a_third_of_the_lifetime(renew_before: timedelta) -> None:
    assert renewal_time(START, END, renew_before, "uid") == renewal_time(START, END, MONTH, "uid")


def test_nearly_the_whole_lifetime_still_renews_after_the_start() -> None:
    for n in range(50):
        assert renewal_time(START, END, timedelta(days=89, hours=23), f"uid-{n}") > START
