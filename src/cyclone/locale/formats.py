"""Dates, numbers and lists by messages that a catalog can translate; pure.

The messages are Tornado's, so its catalogs and those of cyclone 1.x fit.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Protocol

__all__ = [
    "MONTHS",
    "WEEKDAYS",
    "DateWords",
    "Translate",
    "date_message",
    "grouped",
    "joined",
    "localized",
    "since",
]

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: Those who count hours to twelve in writing, and what they write for the halves of the day.
_TWELVE_HOURS = {
    "en": ("{time} am", "{time} pm"),
    "en_US": ("{time} am", "{time} pm"),
    "zh_CN": ("上午{time}", "下午{time}"),
}

#: The messages of a date by how long it is ago: (short, with the time).
_LONG_AGO = ("%(month_name)s %(day)s, %(year)s", "%(month_name)s %(day)s, %(year)s at %(time)s")
_THIS_YEAR = ("%(month_name)s %(day)s", "%(month_name)s %(day)s at %(time)s")
_THIS_WEEK = ("%(weekday)s", "%(weekday)s at %(time)s")
_YESTERDAY = ("yesterday", "yesterday at %(time)s")
_TODAY = ("%(time)s", "%(time)s")


class Translate(Protocol):
    """`Locale.translate`."""

    def __call__(
        self, message: str, plural_message: str | None = None, count: int | None = None
    ) -> str: ...


def localized(date: datetime.datetime, gmt_offset: float) -> datetime.datetime:
    """The wall clock of someone who is `gmt_offset` minutes west of Greenwich."""
    return date - datetime.timedelta(minutes=gmt_offset)


def since(seconds: int, translate: Translate) -> str:
    """How long something is ago, below a day."""
    if seconds < 50:
        text = translate("1 second ago", "%(seconds)d seconds ago", seconds)
        return text % {"seconds": seconds}
    if seconds < 50 * 60:
        minutes = round(seconds / 60)
        return translate("1 minute ago", "%(minutes)d minutes ago", minutes) % {"minutes": minutes}
    hours = round(seconds / 3600)
    return translate("1 hour ago", "%(hours)d hours ago", hours) % {"hours": hours}


class DateWords:
    """Dates in the words of one catalog.

    Args:
        code: of the locale.
        translate: of the locale.
    """

    def __init__(self, code: str, translate: Translate) -> None:
        self.months = [translate(name) for name in MONTHS]
        self.weekdays = [translate(name) for name in WEEKDAYS]
        self._halves = _TWELVE_HOURS.get(code)
        self._translate = translate

    def time(self, local: datetime.datetime) -> str:
        """The time of day."""
        if self._halves is None:
            return f"{local.hour}:{local.minute:02d}"
        text = f"{local.hour % 12 or 12}:{local.minute:02d}"
        return self._halves[local.hour >= 12].format(time=text)

    def write(self, message: str, local: datetime.datetime) -> str:
        """Fill one of the messages."""
        return self._translate(message) % {
            "month_name": self.months[local.month - 1],
            "weekday": self.weekdays[local.weekday()],
            "day": str(local.day),
            "year": str(local.year),
            "time": self.time(local),
        }


def date_message(
    ago: datetime.timedelta,
    local: datetime.datetime,
    local_now: datetime.datetime,
    *,
    relative: bool,
    shorter: bool,
    full: bool,
) -> str:
    """Which message suits a date in the past, to be filled by `DateWords.write`."""
    messages = _LONG_AGO
    if not full:
        yesterday = local_now - datetime.timedelta(hours=24)
        if ago.days == 0:
            messages = _TODAY
        elif ago.days == 1 and relative and local.day == yesterday.day:
            messages = _YESTERDAY
        elif ago.days < 5:
            messages = _THIS_WEEK
        elif ago.days < 334:  # eleven months: the same month of last year would be unclear
            messages = _THIS_YEAR
    return messages[not shorter]


def joined(parts: Sequence[str], code: str, translate: Translate) -> str:
    """``A, B and C``."""
    if len(parts) < 2:
        return "".join(parts)
    comma = " و " if code.startswith("fa") else ", "
    values = {"commas": comma.join(parts[:-1]), "last": parts[-1]}
    return translate("%(commas)s and %(last)s") % values


def grouped(value: int, code: str) -> str:
    """``1,000,000`` in English; elsewhere digits alone."""
    return f"{value:,}" if code in ("en", "en_US") else str(value)
