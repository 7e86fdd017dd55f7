"""The renewal time lies inside the lifetime, whatever was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mtls_operator.pki.renewal import renewal_time

STARTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 (made aware on the next line)
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)
LIFETIMES = st.integers(1, 30 * 365 * 86400).map(lambda seconds: timedelta(seconds=seconds))


@given(start=STARTS, lifetime=LIFETIMES, renew_before=st.timedeltas(), seed=st.text())
def test_renewal_is_inside_the_lifetime_in_whole_seconds(
    start: datetime, lifetime: timedelta, renew_before: timedelta, seed: str
) -> None:
    due = renewal_time(start, start + lifetime, renew_before, seed)
    assert start <= due < start + lifetime
    assert due.microsecond == 0
