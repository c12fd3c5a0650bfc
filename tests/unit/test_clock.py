"""clock: RFC 3339 in UTC and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.clock import format_time, parse_time, utc_now
from attestflow.errors import ConfigurationError, MalformedStatement


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))
def test_what_is_written_is_read_back_to_the_second(moment: datetime) -> None:
    assert parse_time(format_time(moment)) == moment.replace(microsecond=0)


def test_other_zones_are_written_in_utc() -> None:
    assert format_time(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:00:00Z"


def test_fractions_are_read() -> None:
    assert parse_time("2026-01-01T00:00:00.5Z") == datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)
    assert parse_time("2026-01-01T00:00:00.123456789Z").microsecond == 123456


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00z",
        "2026-01-01t00:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00+02:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "２026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        20260101,
        None,
        True,
    ],
)
def test_what_is_not_a_time_in_utc_is_refused_with_its_place(text: object) -> None:
    with pytest.raises(MalformedStatement, match="expires: "):
        parse_time(text, "expires")
    with pytest.raises(ConfigurationError):
        parse_time(text, error=ConfigurationError)


def test_a_hostile_text_is_shown_escaped_and_cut() -> None:
    with pytest.raises(MalformedStatement) as caught:
        parse_time("\x1b[2J\u202e" + "x" * 1000)
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


def test_a_naive_time_is_not_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 1, 1))


def test_now_is_aware() -> None:
    assert utc_now().tzinfo is UTC
