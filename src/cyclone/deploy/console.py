"""What ``cyclone run`` shows: one line for each log event, coloured on a terminal."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    globalLogBeginner,
)
from twisted.python.failure import Failure

from cyclone.log import current_request_id, json_observer, printable, printable_lines

__all__ = ["begin_console", "console_observer", "format_event", "wants_colour"]

#: Level to its letter and its ANSI colour, Tornado's: blue, green, yellow, red, magenta.
_LOOKS: Mapping[Any, tuple[str, int]] = {
    LogLevel.debug: ("D", 34),
    LogLevel.info: ("I", 32),
    LogLevel.warn: ("W", 33),
    LogLevel.error: ("E", 31),
    LogLevel.critical: ("C", 35),
}
_QUIET = (LogLevel.debug, LogLevel.info)


def wants_colour(out: TextIO) -> bool:
    """Whether `out` is a terminal that shows colours and nobody asked for none.

    The environment variable NO_COLOR, if it is not empty, asks for none (https://no-color.org).
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return out.isatty()


def format_event(event: LogEvent, colour: bool = False, label: str = "") -> str | None:
    """An event as ``[I 261123 12:00:00 access] 200 GET / (127.0.0.1) 0.41ms``.

    The id of a request, where there are such, stands behind the source.

    Further lines are indented, so that none looks like an event of its own, and control characters
    are escaped. None, nothing to show, for what Twisted says of itself below the level warning.

    Args:
        label: stands before the source, such as the number of a worker: ``#2 access``.
    """
    level = event.get("log_level", LogLevel.info)
    namespace = str(event.get("log_namespace") or "-")
    if namespace.startswith("twisted.") and level in _QUIET:
        return None
    text = _text(event)
    if not text:
        return None
    request_id = event.get("request_id") or current_request_id()
    if request_id:
        source = f"{namespace.removeprefix('cyclone.')} {request_id}"
    else:
        source = str(event.get("log_system") or namespace.removeprefix("cyclone."))
    letter, number = _LOOKS.get(level, ("I", 32))
    stamp = time.strftime("%y%m%d %H:%M:%S", time.localtime(event.get("log_time")))
    prefix = f"[{letter} {stamp} {label}{printable(source)}]"
    if colour:
        prefix = f"\x1b[{number}m{prefix}\x1b[0m"
    body = printable_lines(text).replace("\n", "\n    ")
    return f"{prefix} {body}\n"


def _text(event: LogEvent) -> str:
    text = eventAsText(event, includeTraceback=False, includeTimestamp=False, includeSystem=False)
    failure: Failure | None = event.get("log_failure")
    if failure is None:
        return text
    return f"{text}\n{_traceback(failure)}".strip("\n")


def _traceback(failure: Failure) -> str:
    """Python's traceback, which names causes, unlike Twisted's; Twisted's if there is no other."""
    value = failure.value
    if value is not None and value.__traceback__ is not None:
        return "".join(traceback.format_exception(value)).rstrip("\n")
    return failure.getTraceback().rstrip("\n")


def console_observer(out: TextIO, colour: bool, label: str = "") -> FileLogObserver:
    """An observer that writes events to `out`, whatever the encoding of that can express."""
    encoding = out.encoding or "utf-8"

    def formatted(event: LogEvent) -> str | None:
        line = format_event(event, colour, label)
        return line and line.encode(encoding, "backslashreplace").decode(encoding)

    return FileLogObserver(out, formatted)


def begin_console(out: TextIO, label: str = "", log_format: str = "text") -> None:
    """Begin logging to `out`.

    What the program itself prints stays as it is; beside lines of JSON it becomes events.

    Args:
        label: see `format_event`.
        log_format: ``text`` for people, ``json`` for programs.
    """
    observer: Any = json_observer(out)
    if log_format != "json":
        observer = console_observer(out, wants_colour(out), label)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=log_format == "json")
