"""Dates as HTTP writes them (RFC 9110 section 5.6.7)."""

from __future__ import annotations

import re
import time
from calendar import timegm
from datetime import UTC, datetime, timedelta

__all__ = ["format_timestamp", "http_date_now", "parse_http_date"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name: number for number, name in enumerate(_MONTHS, 1)}

_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMATS = [
    re.compile(pattern.replace("MONTH", f"(?P<month>{'|'.join(_MONTHS)})").replace("TIME", _TIME))
    for pattern in (
        # IMF-fixdate, the obsolete RFC 850 format, and what asctime() writes.
        f"(?:{'|'.join(_DAYS)}), (?P<day>[0-9]{{2}}) MONTH (?P<year>[0-9]{{4}}) TIME GMT",
        r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
        r"(?P<day>[0-9]{2})-MONTH-(?P<year>[0-9]{2}) TIME GMT",
        f"(?:{'|'.join(_DAYS)}) MONTH (?P<day>[0-9]{{2}}| [0-9]) TIME (?P<year>[0-9]{{4}})",
    )
]


def format_timestamp(
    ts: int | float | tuple[int, ...] | time.struct_time | datetime,
) -> str:
    """Return a point in time as an HTTP date.

    Args:
        ts: seconds since the epoch as from `time.time`, a time tuple in UTC as from `time.gmtime`,
            or a datetime, in UTC if it has no time zone.

    Raises:
        TypeError: `ts` is something else.
        ValueError: it is out of range.

    >>> format_timestamp(1359312200)
    'Sun, 27 Jan 2013 18:43:20 GMT'
    """
    if isinstance(ts, int | float):
        seconds: float = ts
    elif isinstance(ts, datetime):
        seconds = timegm(ts.utctimetuple())
    elif isinstance(ts, tuple):
        seconds = timegm(ts)
    else:
        raise TypeError(f"a timestamp is a number, a time tuple or a datetime, not {type(ts)}")
    try:
        year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
    except (OverflowError, OSError):
        year = 0
    if not 1 <= year <= 9999:
        raise ValueError("an HTTP date has a year of four digits")
    return (
        f"{_DAYS[weekday]}, {day:02d} {_MONTHS[month - 1]} {year:04d}"
        f" {hour:02d}:{minute:02d}:{second:02d} GMT"
    )


_now = (-1, "")


def http_date_now(seconds: float) -> str:
    """Return `seconds` since the epoch as an HTTP date; the last one is remembered."""
    global _now
    now = int(seconds)
    remembered, text = _now
    if now != remembered:
        text = format_timestamp(now)
        _now = (now, text)
    return text


def parse_http_date(value: str, *, this_year: int | None = None) -> datetime | None:
    """Return the point in time that an HTTP date stands for, in UTC; None for what is no date.

    All three formats of RFC 9110 are accepted.  That the day of the week is right is not checked.

    Args:
        value: of a field such as If-Modified-Since.
        this_year: the current one.  Years of two digits that seem to be more than 50 years ahead of
            it are past.  Default: that of the system clock.
    """
    for pattern in _FORMATS:
        match = pattern.fullmatch(value)
        if match is not None:
            break
    else:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _full_year(year, this_year if this_year is not None else time.gmtime().tm_year)
    second = int(match["second"])
    leap = second == 60  # which no datetime has
    try:
        date = datetime(
            year,
            _MONTH_NUMBER[match["month"]],
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            second - leap,
            tzinfo=UTC,
        )
        return date + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        return None


def _full_year(year: int, this_year: int) -> int:
    # The one of the years 1900 + year, 2000 + year... that is less than 50 years past or up to 50
    # years ahead.
    first = this_year - 49
    return first + (year - first) % 100
