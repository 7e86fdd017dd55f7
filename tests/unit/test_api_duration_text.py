"""Durations are read and written as Go and cert-manager do."""

from datetime import timedelta

import pytest

from mtls_operator.api.duration import parse_duration, render_duration

READ = {
    "2160h": timedelta(hours=2160),
    "1h30m": timedelta(hours=1, minutes=30),
    "90m": timedelta(hours=1, minutes=30),
    "2160h0m0s": timedelta(hours=2160),
    "0s": timedelta(0),
    "1m500ms": timedelta(minutes=1, milliseconds=500),
    "86400s": timedelta(days=1),
}


@pytest.mark.parametrize(("text", "value"), READ.items(), ids=READ.keys())
def test_a_duration_is_read(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "1 day", "1d", "PT1S", "30", "-1h", "1.5h", "30m1h", "1h\n", "h", "1H", "12345678h", "\u0661h"],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: .* such as 2160h, 1h30m or 30s"):
        parse_duration(text)


WRITTEN = {
    timedelta(days=90): "2160h",
    timedelta(seconds=30): "30s",
    timedelta(hours=1, minutes=30): "1h30m",
    timedelta(hours=1, seconds=1): "1h1s",
    timedelta(milliseconds=1500): "1s500ms",
    timedelta(0): "0s",
    timedelta(microseconds=1999): "1ms",
}


@pytest.mark.parametrize(("value", "text"), WRITTEN.items(), ids=WRITTEN.values())
def test_a_duration_is_written_in_its_shortest_form(value: timedelta, text: str) -> None:
    assert render_duration(value) == text


def test_the_longest_duration_that_the_schema_takes_can_be_written_and_read() -> None:
    longest = parse_duration("999999h999999m99999999s")
    assert parse_duration(render_duration(longest)) == longest


def test_a_negative_duration_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="negative"):
        render_duration(timedelta(seconds=-1))
