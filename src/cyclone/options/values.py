"""Values of options from text; pure, and in linear time."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

__all__ = ["Error", "parse_bool", "parse_datetime", "parse_list", "parse_timedelta", "parse_value"]


class Error(ValueError):
    """An option is unknown, defined twice, or has a value that it cannot have.

    Tornado's is no ValueError, but values that are no numbers raise one there.
    """


_DATETIME_FORMATS = (
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d %H:%M",
    "%Y-%m-%d",
    "%Y%m%d",
    "%H:%M:%S",
    "%H:%M",
)


def parse_datetime(text: str) -> datetime.datetime:
    """A naive datetime: ``2013-04-28 05:16``, ``20130428``, ``05:16`` and other ways.

    Raises:
        Error: it is written in none of them.
    """
    for pattern in _DATETIME_FORMATS:
        try:
            return datetime.datetime.strptime(text, pattern)
        except ValueError:
            continue
    raise Error(f"Unrecognized date/time format: {text!r}")


_UNITS = {
    "": "seconds",
    "w": "weeks",
    "d": "days",
    "h": "hours",
    "m": "minutes",
    "min": "minutes",
    "s": "seconds",
    "sec": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "weeks": "weeks",
    "days": "days",
    "hours": "hours",
    "minutes": "minutes",
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "microseconds": "microseconds",
}
_AMOUNT = re.compile(r"\s*+([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*")
_UNIT = re.compile(r"([a-zA-Z]*)\s*")


def parse_timedelta(text: str) -> datetime.timedelta:
    """A duration: ``45`` seconds, ``1.5h``, ``1h 30min``.

    Raises:
        Error: it is none, or too long for a timedelta.
    """
    total = datetime.timedelta()
    position = 0
    while position < len(text):
        amount = _AMOUNT.match(text, position)
        unit = _UNIT.match(text, amount.end()) if amount is not None else None
        if amount is None or unit is None or unit[1] not in _UNITS:
            raise Error(f"Unrecognized duration: {text!r}")
        try:
            total += datetime.timedelta(**{_UNITS[unit[1]]: float(amount[1])})
        except OverflowError:
            raise Error(f"Too long a duration: {text!r}") from None
        position = unit.end()
    return total


def parse_bool(text: str) -> bool:
    """Anything but ``false``, ``f`` and ``0`` is true."""
    return text.lower() not in ("false", "0", "f")


_CONVERTERS: dict[type, Callable[[str], Any]] = {
    datetime.datetime: parse_datetime,
    datetime.timedelta: parse_timedelta,
    bool: parse_bool,
}


def parse_value(kind: type, text: str) -> Any:
    """The value of type `kind` that `text` means.

    Raises:
        Error: it means none.
    """
    convert: Callable[[str], Any] = _CONVERTERS.get(kind, kind)
    try:
        return convert(text)
    except Error:
        raise
    except (ValueError, ArithmeticError) as error:
        raise Error(f"{text!r} is no {kind.__name__}: {error}") from error


def parse_list(kind: type, text: str) -> list[Any]:
    """The values between commas; ``2:5`` stands for 2, 3, 4, 5 where whole numbers are wanted.

    Raises:
        Error: one of them is none.
    """
    values: list[Any] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        if colon and issubclass(kind, int) and kind is not bool:
            values.extend(range(parse_value(kind, first), parse_value(kind, last or first) + 1))
        else:
            values.append(parse_value(kind, part))
    return values
