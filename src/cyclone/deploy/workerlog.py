"""The log of a worker: by way of its supervisor, or straight to the terminal.

Under ``twistd`` the log belongs to the supervisor: its file, its rotation, its observer. A worker
sends each event as a line of JSON, and the supervisor has it logged as an event of its own, with
the time and level it had, and the worker's number in ``log_system``. Under ``cyclone run`` workers
write to the standard output they have inherited.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogBeginner,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from zope.interface import provider

from cyclone.log import current_request_id

__all__ = ["Pipe", "begin_forwarding", "event_fields", "log_forwarded"]


#: What access lines and the lines of a request have besides.
_PARTS = (
    *("http_status", "http_method", "http_uri", "http_remote_ip", "http_seconds", "request_id"),
)


class Pipe:
    """The way to the supervisor: lines of JSON, from whichever thread.

    It waits for the supervisor to read, as a log waits for its disk.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, kind: str, **fields: object) -> bool:
        """Send a message; False when nobody is there to read it."""
        data = memoryview(json.dumps({"type": kind, **fields}).encode() + b"\n")
        try:
            with self._lock:
                while data:
                    data = data[os.write(self._descriptor, data) :]
        except OSError:
            return False
        return True


def begin_forwarding(pipe: Pipe) -> None:
    """Log by `pipe`; what the program prints becomes events, as under ``twistd``."""

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        fields = event_fields(event)
        text = _whole(fields)
        if text and not pipe.send("log", **fields):
            os.write(2, f"{text}\n".encode())

    globalLogBeginner.beginLoggingTo([observe])


def event_fields(event: LogEvent) -> dict[str, Any]:
    """What is sent of an event: text, numbers and names."""
    failure: Failure | None = event.get("log_failure")
    level = event.get("log_level", LogLevel.info)
    return {
        "level": level.name,
        "namespace": str(event.get("log_namespace") or "-"),
        "system": str(event.get("log_system") or ""),
        "time": event.get("log_time"),
        "text": _writable(formatEvent(event)),
        "traceback": "" if failure is None else _writable(failure.getTraceback().rstrip("\n")),
        "parts": {
            "request_id": current_request_id(),
            **{name: event[name] for name in _PARTS if name in event},
        },
    }


def _writable(text: str) -> str:
    """What is no text, such as the names of files in another encoding, no log could write."""
    return text.encode("utf-8", "backslashreplace").decode()


def _whole(fields: Mapping[str, Any]) -> str:
    """An event for people."""
    parts = (str(fields.get(name) or "") for name in ("text", "traceback"))
    return "\n".join(part for part in parts if part)


def log_forwarded(number: int, fields: Mapping[str, Any]) -> None:
    """Log what worker `number` has sent."""
    try:
        level = LogLevel.levelWithName(str(fields.get("level")))
    except Exception:  # twisted.logger.InvalidLogLevelError: a name that is none
        level = LogLevel.info
    namespace = str(fields.get("namespace"))
    system = str(fields.get("system") or "") or f"{namespace}#{level.name}"
    event: LogEvent = {
        "log_format": "{log_text}",
        "log_text": _whole(fields),
        "log_level": level,
        "log_namespace": namespace,
        "log_system": f"worker {number} {system}",
        "log_time": time.time(),
        "worker_id": number,
    }
    if fields.get("traceback"):  # apart, for programs
        event["worker_text"] = str(fields.get("text") or "")
        event["worker_traceback"] = str(fields["traceback"])
    parts = fields.get("parts")
    if isinstance(parts, dict):
        event.update({name: parts[name] for name in _PARTS if name in parts})
    if isinstance(fields.get("time"), float):
        event["log_time"] = fields["time"]
    globalLogPublisher(event)
