"""The mask of frames from clients (RFC 6455 section 5.3): by a C routine where there is one.

The ``websockets`` library brings one, which takes a third of the time for short messages and less
for long ones.  Nothing of that library is used besides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

__all__ = ["mask", "mask_in_python"]

#: From this size on translating is faster than one large integer.
_LONG: Final = 512

Bytes = bytes | bytearray | memoryview


@cache
def _table(key: int) -> bytes:
    """What each byte becomes under one byte of a mask; all 256 tables take 64 KiB."""
    return bytes(byte ^ key for byte in range(256))


def mask_in_python(data: Bytes, key: bytes | bytearray) -> bytes:
    """As `mask`, where there is no C routine.

    Short data as one large integer, which takes the time of a few calls.  Long data by
    translating every fourth byte at a time, which is three times as fast there.
    """
    if len(key) != 4:
        raise ValueError("a mask has four bytes")
    size = len(data)
    if size < _LONG:
        keys = (key * ((size + 3) >> 2))[:size]
        number = int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")
        return number.to_bytes(size, "little")
    masked = bytearray(data)
    for lane in range(4):
        masked[lane::4] = masked[lane::4].translate(_table(key[lane]))
    return bytes(masked)


def _best() -> Callable[[Bytes, bytes | bytearray], bytes]:
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        return mask_in_python
    return apply_mask


#: XOR data with the four bytes of a key, again and again; ValueError if the key has not four.
mask: Final = _best()
