"""Messages, their ids, and how they are written for others to read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

__all__ = [
    "START",
    "Message",
    "Position",
    "Receipt",
    "Status",
    "as_data",
    "as_position",
    "decode",
    "decode_numbered",
    "encode",
    "position_of",
]

#: An id as numbers that can be compared: milliseconds and a count.
Position = tuple[int, int]

#: Before all messages.
START: Position = (0, 0)

_ID = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?\Z", re.ASCII)

_BINARY, _TEXT, _NUMBERED = b"\x00", b"\x01", b"\x02"


@dataclass(frozen=True, slots=True)
class Message:
    """A message, as it arrives.

    Attributes:
        channel: the channel it came through.
        data: text or bytes, as it was published.
        id: its id, if the engine has a history, else None.
        replayed: whether it is from the history.
    """

    channel: str
    data: str | bytes
    id: str | None = None
    replayed: bool = False


class Receipt(NamedTuple):
    """What is known of a message that was published.

    Attributes:
        receivers: how many subscriptions (in memory) or processes (over Redis) it went to.
        id: its id, if the engine has a history, else None.
    """

    receivers: int
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Whether messages arrive.

    Attributes:
        state: ``idle``, before anything was asked for; ``connecting``, for the first time;
            ``open``; ``gap``, while the connection is lost; ``closed``.
        lost: in a ``gap``, whether messages that others publish meanwhile will not come later;
            when ``open``, whether some may have been lost in the gap that has just ended.
    """

    state: Literal["idle", "connecting", "open", "gap", "closed"]
    lost: bool = False


def as_data(message: Any) -> str | bytes:
    """What is sent for a message: text and bytes as they are, dicts and lists as JSON.

    Raises:
        TypeError: it is something else.
        ValueError: it is text that UTF-8 cannot hold, which no client could be sent.
    """
    if isinstance(message, bytes):
        return message
    if isinstance(message, str):
        if not message.isascii():
            _check_text(message)
        return message
    if isinstance(message, (bytearray, memoryview)):
        return bytes(message)
    if isinstance(message, (dict, list)):
        return json.dumps(message)
    raise TypeError(
        f"a message is str, bytes, or a dict or list for JSON, not {type(message).__name__}"
    )


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"a message must be text that UTF-8 can hold: {error}") from None


def encode(data: str | bytes) -> bytes:
    """A message for other processes: text is UTF-8, so that other programs can read and send it."""
    if isinstance(data, bytes):
        return _BINARY + data
    encoded = data.encode()
    return _TEXT + encoded if encoded[:1] in (_BINARY, _TEXT, _NUMBERED) else encoded


def decode(data: bytes) -> str | bytes:
    """A message of another process; what is not UTF-8 is taken for bytes."""
    kind = data[:1]
    if kind == _BINARY:
        return data[1:]
    if kind == _TEXT:
        data = data[1:]
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def decode_numbered(data: bytes) -> tuple[str | None, bytes]:
    """The id of a message, if it has one, and the rest, which is still to be decoded."""
    if data[:1] != _NUMBERED:
        return None, data
    number, _, rest = data[1:].partition(b" ")
    return number.decode("ascii", "replace"), rest


def as_position(text: str | None) -> Position | None:
    """An id as numbers, None if it is none."""
    found = None if text is None else _ID.match(text)
    if found is None:
        return None
    position = int(found[1]), int(found[2] or 0)
    return position if max(position) < 1 << 64 else None


def position_of(message: Message) -> Position:
    """The id of a message as numbers."""
    return as_position(message.id) or START
