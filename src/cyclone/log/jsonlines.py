"""The log as lines of JSON: one object for each event, for programs that collect logs.

>>> import io
>>> from twisted.logger import LogLevel
>>> out = io.StringIO()
>>> json_observer(out)({"log_time": 0.25, "log_level": LogLevel.info, "log_namespace": "a",
...                     "log_format": "hello {who}", "who": "line\\nbreak"})
>>> print(out.getvalue(), end="")  # doctest: +ELLIPSIS
{"time": "1970-01-01T00:00:00.250000Z", "level": "info", "logger": "a", "message": "hello l...}
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import ILogObserver, LogLevel, eventAsText
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from cyclone.util import worker_id

from .requestid import current_request_id

__all__ = ["json_line", "json_observer"]

#: What an event may hold beside its text, and the names it gets.
_FIELDS = {
    "http_status": "status",
    "http_method": "method",
    "http_uri": "uri",
    "http_remote_ip": "remote_ip",
    "http_seconds": "seconds",
}
#: Of one text: who asks for a URL of a megabyte does not write it into the log.
_LONGEST = 16384


def json_line(event: Mapping[str, Any]) -> str:
    """An event as a JSON object (RFC 8259) in one line, ended by a line feed.

    The members are ``time`` (UTC, ISO 8601), ``level``, ``logger`` (the namespace), ``message``,
    and where there are such things ``request_id``, ``worker`` (its number), ``exception`` (the
    traceback), and of a finished request ``status``, ``method``, ``uri``, ``remote_ip`` and
    ``seconds``.  All is ASCII: whatever a peer has sent, it neither ends the line nor the text it
    stands in.  Texts end after 16384 characters.
    """
    level = event.get("log_level", LogLevel.info)
    fields: dict[str, Any] = {
        "time": _time(event.get("log_time")),
        "level": str(getattr(level, "name", level)),
        "logger": str(event.get("log_namespace") or "-"),
        "message": _cut(event.get("worker_text") or _text(event)),
    }
    request_id = event.get("request_id") or current_request_id()
    if request_id:
        fields["request_id"] = str(request_id)
    worker = event.get("worker_id") or worker_id()
    if worker:
        fields["worker"] = worker
    for key, name in _FIELDS.items():
        if key in event:
            value = event[key]
            fields[name] = value if isinstance(value, (int, float)) else _cut(str(value))
    failure = event.get("log_failure")
    if failure is not None:
        fields["exception"] = _cut(_traceback(failure))
    elif "worker_traceback" in event:
        fields["exception"] = _cut(event["worker_traceback"])
    try:
        return json.dumps(fields, allow_nan=False) + "\n"
    except ValueError:  # a number that JSON does not have
        return json.dumps({name: str(value) for name, value in fields.items()}) + "\n"


def json_observer(out: TextIO | None = None) -> Callable[[Mapping[str, Any]], None]:
    """An observer of `twisted.logger` that writes `json_line` of each event to `out`.

    ``twistd --logger=cyclone.log.json_observer`` and ``cyclone run --log-format=json`` use it.

    Args:
        out: what to write to; None for the standard output of the process as it is now.
    """
    stream = sys.stdout if out is None else out

    def observe(event: Mapping[str, Any]) -> None:
        stream.write(json_line(event))
        stream.flush()

    directlyProvides(observe, ILogObserver)
    return observe


def _time(seconds: Any) -> str:
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(event: Mapping[str, Any]) -> str:
    return eventAsText(
        dict(event), includeTraceback=False, includeTimestamp=False, includeSystem=False
    )


def _traceback(failure: Failure) -> str:
    value = failure.value
    if value is not None and value.__traceback__ is not None:
        return "".join(traceback.format_exception(value)).rstrip("\n")
    return failure.getTraceback().rstrip("\n")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
