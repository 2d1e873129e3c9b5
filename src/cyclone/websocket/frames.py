"""Frames of RFC 6455: what their first bytes say, close codes.  Pure functions."""

from __future__ import annotations

import struct
from typing import Final

from .masking import mask

__all__ = [
    "BINARY",
    "BINARY_HEADS",
    "CLOSE",
    "CONTINUATION",
    "MAX_CONTROL",
    "PING",
    "PONG",
    "TEXT",
    "TEXT_HEADS",
    "ViolationError",
    "close_payload",
    "encode_frame",
    "is_close_code",
    "parse_close",
]

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

#: Bytes that a control frame may hold (RFC 6455 section 5.5).
MAX_CONTROL: Final = 125

#: The codes that RFC 6455 section 7.4.1 and IANA's registry let a close frame bear, below 3000.
_REGISTERED = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def _short_heads(first: int) -> tuple[bytes, ...]:
    return tuple(bytes((first, length)) for length in range(126))


#: The two bytes before a short payload that is not masked, by its length.
TEXT_HEADS: Final = _short_heads(0x81)
BINARY_HEADS: Final = _short_heads(0x82)


class ViolationError(Exception):
    """The peer has broken a rule of the protocol, or a limit.

    Attributes:
        code: the close code that tells it so (RFC 6455 section 7.4.1).
        reason: what it has done; ASCII, short enough for a close frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


def encode_frame(first: int, payload: bytes, key: bytes | None = None) -> bytes:
    """A frame.

    Args:
        first: its first byte: FIN, the reserved bits and the opcode.
        key: the mask of a frame of a client, None for a frame of a server.
    """
    size = len(payload)
    if key is None:
        if size < 126:
            return bytes((first, size)) + payload
        return _long_head(first, size, 0) + payload
    if size < 126:
        return bytes((first, 0x80 | size)) + key + mask(payload, key)
    return _long_head(first, size, 0x80) + key + mask(payload, key)


def _long_head(first: int, size: int, masked: int) -> bytes:
    if size < 65536:
        return struct.pack("!BBH", first, masked | 126, size)
    return struct.pack("!BBQ", first, masked | 127, size)


def is_close_code(code: int) -> bool:
    """Whether a close frame may bear `code` (RFC 6455 section 7.4)."""
    return code in _REGISTERED or 3000 <= code <= 4999


def close_payload(code: int | None, reason: str | None) -> bytes:
    """The payload of a close frame.

    Args:
        code: None for no code; 1000 then stands before a `reason`.

    Raises:
        ValueError: a close frame must not bear `code`, or `reason` has more than 123 bytes.
    """
    if code is None:
        if not reason:
            return b""
        code = 1000
    if not is_close_code(code):
        raise ValueError(f"a close frame must not bear the code {code}")
    payload = struct.pack("!H", code) + (reason or "").encode("utf-8")
    if len(payload) > MAX_CONTROL:
        raise ValueError("the reason of a close frame has at most 123 bytes")
    return payload


def parse_close(payload: bytes) -> tuple[int | None, str]:
    """Code and reason of a close frame; None where it bears no code.

    Raises:
        ViolationError: it is malformed.
    """
    if not payload:
        return None, ""
    if len(payload) == 1:
        raise ViolationError(1002, "close frame of one byte")
    code = int.from_bytes(payload[:2], "big")
    if not is_close_code(code):
        raise ViolationError(1002, "invalid close code")
    try:
        return code, payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise ViolationError(1007, "close reason is not UTF-8") from None
