"""Values of options from text."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.options import Error
from cyclone.options.values import (
    parse_bool,
    parse_datetime,
    parse_list,
    parse_timedelta,
    parse_value,
)


@pytest.mark.parametrize(
    "text",
    [
        "Sun Apr 28 05:16:00 2013",
        "2013-04-28 05:16:00",
        "2013-04-28 05:16",
        "2013-04-28T05:16",
        "20130428 05:16:00",
        "20130428 05:16",
    ],
)
def test_datetimes(text: str) -> None:
    assert parse_datetime(text) == datetime.datetime(2013, 4, 28, 5, 16)


def test_days_and_times() -> None:
    assert parse_datetime("2013-04-28") == parse_datetime("20130428")
    assert parse_datetime("05:16").time() == parse_datetime("05:16:00").time()


@pytest.mark.parametrize("text", ["", "tomorrow", "2013-13-01", "28.4.2013"])
def test_what_is_no_datetime(text: str) -> None:
    with pytest.raises(Error, match="Unrecognized date/time format"):
        parse_datetime(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45", 45),
        ("45s", 45),
        ("1.5h", 5400),
        ("1h 30min", 5400),
        (" 2 m 1 sec ", 121),
        ("-1m", -60),
        ("+.5d", 43200),
        ("1e3ms", 1),
        ("1000000us", 1),
        ("1w", 604800),
        ("2hours", 7200),
        ("", 0),
    ],
)
def test_timedeltas(text: str, seconds: float) -> None:
    assert parse_timedelta(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["x", "1x", "1 2 y", "--1", "1h,", "nan", "1e400", "9" * 400])
def test_what_is_no_timedelta(text: str) -> None:
    with pytest.raises(Error):
        parse_timedelta(text)


def test_class_3_durations() -> None:
    # Nothing is read twice: each of these fails only at its end.
    for text in (
        "1" * 100_000 + "!",
        " " * 100_000 + "!",
        "1h" * 20_000 + "!",
        "1" + "a" * 100_000,
    ):
        with pytest.raises(Error):
            parse_timedelta(text)


@given(st.timedeltas(min_value=datetime.timedelta(0), max_value=datetime.timedelta(days=10_000)))
def test_timedeltas_of_any_size(delta: datetime.timedelta) -> None:
    text = f"{delta.days}d {delta.seconds}s {delta.microseconds}us"
    assert parse_timedelta(text) == delta


@given(st.text())
def test_any_text(text: str) -> None:
    for kind in (datetime.timedelta, datetime.datetime, int, float, bool, str):
        try:
            value = parse_value(kind, text)
        except Error:
            continue
        assert isinstance(value, kind)


def test_bools() -> None:
    assert [parse_bool(text) for text in ("false", "F", "0")] == [False] * 3
    assert [parse_bool(text) for text in ("true", "yes", "1", "")] == [True] * 4


class Even:
    def __init__(self, text: str) -> None:
        self.value = int(text)
        if self.value % 2:
            raise ValueError("odd")


def test_classes_of_ones_own() -> None:
    assert parse_value(Even, "4").value == 4
    with pytest.raises(Error, match="'3' is no Even: odd"):
        parse_value(Even, "3")


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (int, "1,3,5:7", [1, 3, 5, 6, 7]),
        (int, "5:", [5]),
        (int, "5:4", []),
        (str, "a:b,c", ["a:b", "c"]),
        (bool, "true,0", [True, False]),
        (float, "1,2.5", [1.0, 2.5]),
    ],
)
def test_lists(kind: type, text: str, values: list[Any]) -> None:
    assert parse_list(kind, text) == values


@pytest.mark.parametrize("text", ["1,x", ":", "1:x", ""])
def test_bad_lists(text: str) -> None:
    with pytest.raises(Error):
        parse_list(int, text)
