"""Dates, numbers and lists by the rules of each language (Unicode CLDR), where Babel is installed.

The only module that knows Babel (extra ``locale``). Everything here returns None where Babel or its
knowledge of the language is missing: the caller has another way.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

try:
    import babel
    from babel import dates, lists, numbers
except ImportError:  # pragma: no cover - the extra is installed where the tests run
    babel = None  # type: ignore[assignment]

__all__ = ["Rules", "rules_of"]

_WEEKDAY_FIELD = re.compile(r"[Ec]+")


@lru_cache(maxsize=256)
def rules_of(code: str) -> Rules | None:
    """The rules of a language, None if they are not known.

    English is left to the messages of Tornado, which are English.
    """
    if babel is None or code.partition("_")[0] == "en":
        return None
    try:
        return Rules(babel.Locale.parse(code))
    except (babel.UnknownLocaleError, ValueError):
        return None


class Rules:
    """The rules of one language; see `rules_of`."""

    def __init__(self, locale: Any) -> None:
        self._locale = locale
        # What `formats` calls the parts of a date, by its messages.
        self._dates: dict[str, Callable[[datetime.datetime], str]] = {
            "%(time)s": self._time,
            "%(weekday)s": self._weekday,
            "%(weekday)s at %(time)s": self._with_time(self._weekday),
            "%(month_name)s %(day)s": self._skeleton("MMMMd"),
            "%(month_name)s %(day)s at %(time)s": self._with_time(self._skeleton("MMMMd")),
            "%(month_name)s %(day)s, %(year)s": self._long,
            "%(month_name)s %(day)s, %(year)s at %(time)s": self._with_time(self._long),
            "%(weekday)s, %(month_name)s %(day)s": self._skeleton("MMMMEd"),
            "yesterday": self._yesterday,
            "yesterday at %(time)s": self._with_time(self._yesterday),
        }

    def date(self, message: str, local: datetime.datetime) -> str:
        """What one of the messages of `formats` means, in this language."""
        return self._dates[message](local)

    def since(self, seconds: float) -> str:
        """How long something is ago."""
        delta = datetime.timedelta(seconds=-seconds)
        return dates.format_timedelta(
            delta, threshold=50 / 60, add_direction=True, locale=self._locale
        )

    def joined(self, parts: Sequence[str]) -> str:
        """A list with the language's "and"."""
        return lists.format_list(list(parts), locale=self._locale)

    def number(self, value: int) -> str:
        """A number with the language's separators."""
        return numbers.format_decimal(value, locale=self._locale)

    def rtl(self) -> bool:
        """Whether it is written from right to left."""
        return bool(self._locale.text_direction == "rtl")

    def _time(self, local: datetime.datetime) -> str:
        return dates.format_time(local.time(), "short", locale=self._locale)

    def _weekday(self, local: datetime.datetime) -> str:
        return dates.format_date(local, "EEEE", locale=self._locale)

    def _long(self, local: datetime.datetime) -> str:
        return dates.format_date(local, "long", locale=self._locale)

    def _yesterday(self, local: datetime.datetime) -> str:
        return self.since(24 * 3600)

    def _skeleton(self, skeleton: str) -> Callable[[datetime.datetime], str]:
        """The language's pattern for some fields, weekdays and months being written out."""
        known = self._locale.datetime_skeletons
        matched = dates.match_skeleton(skeleton, known)
        if matched is None:
            return self._long
        pattern = _WEEKDAY_FIELD.sub("EEEE", known[matched].pattern)
        return lambda local: dates.format_date(local, pattern, locale=self._locale)

    def _with_time(
        self, date: Callable[[datetime.datetime], str]
    ) -> Callable[[datetime.datetime], str]:
        pattern = str(dates.get_datetime_format("long", locale=self._locale)).replace("'", "")

        def write(local: datetime.datetime) -> str:
            return pattern.replace("{0}", self._time(local)).replace("{1}", date(local))

        return write
