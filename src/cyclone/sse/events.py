"""Events as they go over the wire (WHATWG HTML, section 9.2.6).  Pure."""

from __future__ import annotations

import re
from typing import Any

from cyclone.escape import json_encode
from cyclone.http1 import chunk_of

__all__ = ["HEARTBEAT", "Event", "Message", "encode_comment", "encode_event"]

#: What `SSEHandler.sendEvent` takes.
Message = str | bytes | dict[str, Any]

#: A comment without text; clients throw it away.
HEARTBEAT = b":\n\n"

_LINE_END = re.compile(rb"\r\n|\r|\n")


def encode_event(
    message: Message,
    event: str | bytes | None = None,
    eid: str | bytes | int | None = None,
    retry: int | None = None,
) -> bytes:
    """The lines of an event, the empty one at its end included.

    Args:
        message: the data, of as many lines as it likes; a dict is sent as JSON.
        event: its type, None for ``message``.
        eid: its id, which clients send as Last-Event-ID when they come back; "" takes back the one
            that they have.
        retry: milliseconds to wait before they come back.

    Raises:
        TypeError: an argument is none of these.
        ValueError: `event` or `eid` holds what would end the line (CR, LF) or has no meaning (NUL),
            or `retry` is negative.
    """
    lines = []
    if event is not None:
        lines.append(b"event: " + _field("event", event))
    if eid is not None:
        lines.append(b"id: " + _field("eid", str(eid) if type(eid) is int else eid))
    if retry is not None:
        if not isinstance(retry, int) or isinstance(retry, bool):
            raise TypeError(f"retry is a whole number of milliseconds, not {retry!r}")
        if retry < 0:
            raise ValueError(f"retry is 0 milliseconds or more, not {retry}")
        lines.append(b"retry: %d" % retry)
    data = _data(message)
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    lines.append(b"data: %b\n\n" % data)
    return b"\n".join(lines)


def encode_comment(text: str) -> bytes:
    """The lines of a comment, which clients throw away."""
    lines = _LINE_END.split(text.encode("utf-8"))
    return b"\n".join([b": " + line for line in lines]) + b"\n\n"


class Event:
    """An event that goes to many, or is kept: encoded once.  The arguments are `encode_event`'s.

    Attributes:
        id: its id as clients know it, None for none.
        encoded: its lines.
        chunk: the same as a chunk (RFC 9112 section 7.1).
    """

    __slots__ = ("chunk", "encoded", "id")

    def __init__(
        self,
        message: Message,
        event: str | bytes | None = None,
        eid: str | bytes | int | None = None,
        retry: int | None = None,
    ) -> None:
        self.encoded = encode_event(message, event, eid, retry)
        self.chunk = chunk_of(self.encoded)
        self.id = eid.decode("utf-8") if isinstance(eid, bytes) else _text(eid)


def _text(eid: str | int | None) -> str | None:
    return None if eid is None else str(eid)


def _data(message: Any) -> bytes:
    if isinstance(message, dict):
        message = json_encode(message)
    if isinstance(message, str):
        return message.encode("utf-8")
    if isinstance(message, bytes):
        return message
    raise TypeError(f"the message of an event is str, bytes or dict, not {type(message).__name__}")


def _field(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        value = value.encode("utf-8")
    elif not isinstance(value, bytes):
        raise TypeError(f"{name} of an event is str or bytes, not {type(value).__name__}")
    if b"\n" in value or b"\r" in value or b"\0" in value:
        raise ValueError(f"{name} of an event must not hold CR, LF or NUL: {value!r}")
    encoded: bytes = value
    return encoded
