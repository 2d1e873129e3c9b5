"""The bytes of a response: status line, fields, framing.  Pure: no connection, no I/O."""

from __future__ import annotations

import enum
import re
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus

__all__ = [
    "Framing",
    "FramingError",
    "body_allowed",
    "chunk",
    "date_now",
    "encode_fields",
    "framing_for",
    "refusal",
    "status_line",
]

SERVER = "cyclone"


class FramingError(Exception):
    """A handler wrote a body that contradicts its header, or wrote where no response is open."""


class Framing(enum.Enum):
    """How the end of a response body is told (RFC 9112 section 6)."""

    NONE = "no body"  # HEAD, 1xx, 204, 304
    SIZED = "Content-Length"
    CHUNKED = "Transfer-Encoding: chunked"
    CLOSE = "end of the connection"


_REASONS = {status.value: status.phrase for status in HTTPStatus}
_REASONS.update({413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"})
_status_lines: dict[int, bytes] = {
    code: f"HTTP/1.1 {code} {phrase}\r\n".encode("ascii") for code, phrase in _REASONS.items()
}


OK = _status_lines[200]

#: RFC 9112 section 4: a reason phrase has tabs, and no other control characters.
_NO_REASON = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def status_line(status: int, reason: str | None) -> bytes:
    """The status line.  `reason` None means the standard phrase.

    Always HTTP/1.1: a server answers with its own version (RFC 9110 section 2.5).

    Raises:
        ValueError: the status is no number of three digits, or the phrase holds control
            characters.
    """
    if reason is None or reason == _REASONS.get(status):
        line = _status_lines.get(status)
        if line is not None:
            return line
        reason = "Unknown"
    if not 100 <= status <= 999 or _NO_REASON.search(reason):
        raise ValueError(f"cannot stand in a status line: {status!r} {reason!r}")
    return f"HTTP/1.1 {status} {reason}\r\n".encode("latin-1")


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Header fields as they go out, without the empty line.

    Raises:
        ValueError: a name or value holds CR, LF or NUL; what user code sets is checked when it is
            set, this is the last gate.
    """
    lines = [f"{name}: {value}\r\n" for name, value in fields]
    text = "".join(lines)
    if not len(lines) == text.count("\n") == text.count("\r") or "\0" in text:
        raise ValueError("a header field holds CR, LF or NUL")
    return text.encode("latin-1")


def body_allowed(status: int) -> bool:
    """RFC 9112 section 6.3: 1xx, 204 and 304 end at their header section."""
    return status >= 200 and status not in (204, 304)


def framing_for(method: str, version: str, status: int, sized: bool) -> Framing:
    """How the body of a response to `method` is framed.

    Args:
        sized: whether the response has Content-Length.
    """
    if method == "HEAD" or not body_allowed(status):
        return Framing.NONE
    if sized:
        return Framing.SIZED
    if version == "HTTP/1.0":
        return Framing.CLOSE  # RFC 9112 section 7.1: no chunks for a 1.0 peer
    return Framing.CHUNKED


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked coding.  `data` must not be empty: that would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE_FIELD = b"Connection: close\r\n"
#: In the letters of old peers; names of options know no case (RFC 9110 section 7.6.1).
KEEP_ALIVE_FIELD = b"Connection: Keep-Alive\r\n"


class _DateCache:
    """Date is the same for a second; formatting it costs as much as parsing a small request."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True)
        return self._text


#: The current time as an IMF-fixdate (RFC 9110 section 5.6.7).
date_now = _DateCache(time.time)


def refusal(status: int, message: str) -> bytes:
    """A whole error response for a request that no handler saw.  The connection ends with it."""
    line = status_line(status, None)
    body = b"%b: %b\n" % (line[9:-2], message.encode("ascii"))
    return (
        b"%bServer: %b\r\nDate: %b\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%b"
        % (line, SERVER.encode(), date_now().encode(), len(body), body)
    )
