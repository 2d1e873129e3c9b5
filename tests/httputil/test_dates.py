"""HTTP dates."""

from __future__ import annotations

import email.utils
import math
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import format_timestamp, http_date_now, parse_http_date

STAMP = 1359312200.503611
TEXT = "Sun, 27 Jan 2013 18:43:20 GMT"
MOMENT = datetime(2013, 1, 27, 18, 43, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        STAMP,
        int(STAMP),
        time.gmtime(STAMP),
        tuple(time.gmtime(STAMP)),
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.astimezone(timezone(timedelta(hours=-4))),
        MOMENT.replace(microsecond=999_999),
    ],
)
def test_format_takes_what_tells_the_time(value: Any) -> None:
    assert format_timestamp(value) == TEXT


@given(st.integers(-60_000_000_000, 250_000_000_000))
def test_format_agrees_with_email_and_parses_back(seconds: int) -> None:
    text = format_timestamp(seconds)
    assert text == email.utils.formatdate(seconds, usegmt=True)
    parsed = parse_http_date(text)
    assert parsed is not None
    assert parsed.timestamp() == seconds


@pytest.mark.parametrize("value", ["now", None, [1]])
def test_format_refuses_other_types(value: Any) -> None:
    with pytest.raises(TypeError, match="timestamp"):
        format_timestamp(value)


@pytest.mark.parametrize("value", [1e12, 1e30, -1e12, math.inf, math.nan])
def test_format_refuses_years_that_http_has_not(value: float) -> None:
    with pytest.raises(ValueError):
        format_timestamp(value)


def test_now_is_remembered_for_a_second() -> None:
    first = http_date_now(STAMP)
    assert first == TEXT
    assert http_date_now(STAMP + 0.4) is first
    assert http_date_now(STAMP + 1) == "Sun, 27 Jan 2013 18:43:21 GMT"
    assert http_date_now(STAMP) == TEXT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEXT, MOMENT),
        ("Sunday, 27-Jan-13 18:43:20 GMT", MOMENT),
        ("Sun Jan 27 18:43:20 2013", MOMENT),
        ("Sun Nov  6 08:49:37 1994", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Mon, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2017, 1, 1, tzinfo=UTC)),
        ("Thu, 29 Feb 2024 00:00:00 GMT", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_parse_takes_all_three_formats(text: str, expected: datetime) -> None:
    assert parse_http_date(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "now",
        "Sun, 27 Jan 2013 18:43:20",
        "Sun, 27 Jan 2013 18:43:20 UTC",
        "Sun, 27 Jan 2013 18:43:20 +0000",
        "sun, 27 jan 2013 18:43:20 gmt",
        "27 Jan 2013 18:43:20 GMT",
        " Sun, 27 Jan 2013 18:43:20 GMT",
        "Sun, 27 Jan 2013 18:43:20 GMT\n",
        "Sun, 7 Jan 2013 18:43:20 GMT",
        "Sun, 32 Jan 2013 18:43:20 GMT",
        "Sun, 30 Feb 2013 18:43:20 GMT",
        "Sun, 27 Jan 2013 24:43:20 GMT",
        "Sun, 27 Jan 2013 18:60:20 GMT",
        "Sun, 27 Jan 2013 18:43:61 GMT",
        "Sun, 27 Jan 0000 18:43:20 GMT",
        "Sun, 2\u0667 Jan 2013 18:43:20 GMT",
        "Sun, 27-Jan-13 18:43:20 GMT",
        "Sunday, 27-Jan-2013 18:43:20 GMT",
        "Sun Jan 6 18:43:20 2013",
        "Fri, 31 Dec 9999 23:59:60 GMT",
    ],
)
def test_parse_takes_nothing_else(text: str) -> None:
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    ("year", "this_year", "expected"),
    [
        ("94", 2026, 1994),
        ("26", 2026, 2026),
        ("76", 2026, 2076),
        ("77", 2026, 1977),
        ("00", 1999, 2000),
        ("99", 2000, 1999),
        ("50", 2000, 2050),
        ("51", 2000, 1951),
    ],
)
def test_years_of_two_digits(year: str, this_year: int, expected: int) -> None:
    parsed = parse_http_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", this_year=this_year)
    assert parsed is not None
    # RFC 9110 section 5.6.7: what seems more than 50 years ahead is past.
    assert parsed.year == expected


@given(st.text() | st.from_regex(r"(Sun|Mon), [0-9]{2} (Jan|Feb) [0-9]{4} [0-9:]{8} GMT"))
def test_parse_of_any_text(text: str) -> None:
    parsed = parse_http_date(text)
    assert parsed is None or parsed.tzinfo is UTC
