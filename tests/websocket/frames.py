"""What the tests of WebSockets share: frames made by hand, and what a session makes of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from cyclone.websocket.session import Session

KEY = b"\x37\xfa\x21\x3d"


def xor(data: bytes, key: bytes) -> bytes:
    """The mask of RFC 6455 section 5.3, byte by byte as it is written there."""
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(data))


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes | None = KEY,
    size: int | None = None,
) -> bytes:
    """A frame; `size` is what it announces, 0 to 2**64-1, if that is not its size."""
    length = len(payload) if size is None else size
    masked = 0x80 if key is not None else 0
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    if length < 126:
        head += bytes([masked | length])
    elif length < 65536:
        head += struct.pack("!BH", masked | 126, length)
    else:
        head += struct.pack("!BQ", masked | 127, length)
    return head + (payload if key is None else key + xor(payload, key))


def events(session: Session, pieces: Iterable[bytes]) -> list[Any]:
    """What a session says to these pieces."""
    found: list[Any] = []
    for piece in pieces:
        session.feed(piece)
        while (event := session.next()) is not None:
            found.append(event)
    return found


def quick_events(session: Session, pieces: Iterable[bytes]) -> list[Any]:
    """As `events`, with each piece offered as one whole message first, as a connection does."""
    found: list[Any] = []
    for piece in pieces:
        message = session.whole(piece)
        found += events(session, [piece]) if message is None else [message]
    return found


def bytewise(data: bytes) -> list[bytes]:
    """`data` cut into single bytes."""
    return [data[i : i + 1] for i in range(len(data))]
