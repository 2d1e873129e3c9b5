"""The framing of the Event Socket: header fields, an empty line, and a body if there is a length.

No I/O.  Both ends are here: `Reader` for what comes, `message` and `command` for what goes.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Message", "ProtocolError", "Reader", "command", "message"]

MOST_HEADER = 64 * 1024
MOST_BODY = 4 * 1024 * 1024


class ProtocolError(Exception):
    """The other end does not speak this protocol, or too much of it."""


class Message(NamedTuple):
    """Header fields by their names in lower case, the body, and the first line, as it came."""

    fields: dict[str, str]
    body: bytes
    line: str

    @property
    def kind(self) -> str:
        """Such as ``text/event-json``; empty for commands, which have none."""
        return self.fields.get("content-type", "")


class Reader:
    """Takes bytes as they come, and gives messages.

    Attributes:
        limits: most bytes of a header and of a body.
    """

    def __init__(self, most_header: int = MOST_HEADER, most_body: int = MOST_BODY) -> None:
        self.limits = (most_header, most_body)
        self._buffer = b""
        self._fields: dict[str, str] | None = None
        self._line = ""
        self._missing = 0

    def feed(self, data: bytes) -> list[Message]:
        """More bytes; the messages that are whole now.

        Raises:
            ProtocolError: they make no sense, or are too many.
        """
        self._buffer += data
        found = []
        while (complete := self._next()) is not None:
            found.append(complete)
        return found

    def _next(self) -> Message | None:
        if self._fields is None and not self._read_header():
            return None
        if self._fields is None or len(self._buffer) < self._missing:
            return None
        body, self._buffer = self._buffer[: self._missing], self._buffer[self._missing :]
        fields, self._fields = self._fields, None
        return Message(fields, body, self._line)

    def _read_header(self) -> bool:
        self._buffer = self._buffer.lstrip(b"\n")
        head, end, rest = self._buffer.partition(b"\n\n")
        if len(head) > self.limits[0]:
            raise ProtocolError(f"a header of more than {self.limits[0]} bytes")
        if not end:
            return False
        fields = {}
        lines = head.decode("utf-8", "replace").split("\n")
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        length = fields.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > self.limits[1]:
            raise ProtocolError(f"a body of {length[:20]!r} bytes")
        self._fields, self._line = fields, lines[0]
        self._missing, self._buffer = int(length), rest
        return True


def message(body: bytes = b"", **fields: str) -> bytes:
    """A message; ``content_type="x"`` is the field Content-Type."""
    lines = {name.replace("_", "-").title(): value for name, value in fields.items()}
    if body:
        lines["Content-Length"] = str(len(body))
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode() + b"\n" + body


def command(*words: str, **fields: str) -> bytes:
    """A command of these words; ``job_uuid="x"`` is the field Job-Uuid.

    Raises:
        ValueError: one of them would end it, and begin another.
    """
    line = " ".join(words)
    if not line.isprintable():
        raise ValueError(f"no command: {line!r}")
    return f"{line}\n".encode() + message(b"", **fields)
