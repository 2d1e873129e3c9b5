"""A message that goes to many: encoded once, compressed once for each way to compress."""

from __future__ import annotations

from typing import Any

from cyclone.escape import json_encode
from cyclone.http1 import Outbox

from .deflate import Deflate, compress_alone
from .frames import encode_frame
from .session import Session

__all__ = ["PreparedMessage", "as_message"]


def as_message(message: Any) -> str:
    """What is no text and no bytes as a message.

    Raises:
        TypeError: it can be none.
    """
    if isinstance(message, dict):
        return json_encode(message)
    raise TypeError(f"a message is str, bytes or dict, not {type(message).__name__}")


class PreparedMessage:
    """A message for the clients of a server.

    Args:
        message: text or bytes; a dict is sent as JSON.
        binary: a binary message; text must be text or UTF-8.

    Attributes:
        data: the message as bytes.
        frame: as it goes out where nothing is compressed.
        short: the frame is written in one piece, see `http1.Outbox`.

    Raises:
        TypeError: `message` is none of these.
    """

    __slots__ = ("_compressed", "_first", "binary", "data", "frame", "short")

    def __init__(self, message: str | bytes | dict[str, Any], binary: bool = False) -> None:
        if not isinstance(message, (str, bytes)):
            message = as_message(message)
        self.data = message.encode("utf-8") if isinstance(message, str) else message
        self.binary = binary
        self._first = 0x82 if binary else 0x81
        self.frame = encode_frame(self._first, self.data)
        self.short = len(self.frame) <= Outbox.SLICE
        self._compressed: dict[tuple[int, int, int], bytes] = {}

    def frame_for(self, session: Session) -> bytes:
        """The frame as the peer of a server's session can read it."""
        deflate = session.deflate
        if deflate is None or len(self.data) < deflate.options.threshold:
            return self.frame
        deflate.sent_alone()
        return self._compressed_for(deflate)

    def _compressed_for(self, deflate: Deflate) -> bytes:
        options, bits = deflate.options, deflate.window_bits
        key = (bits, options.compression_level, options.mem_level)
        frame = self._compressed.get(key)
        if frame is None:
            payload = compress_alone(self.data, options, bits)
            frame = self._compressed[key] = encode_frame(self._first | 0x40, payload)
        return frame
