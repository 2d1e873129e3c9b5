"""How much of what was sent a peer has not taken yet, as far as the system can tell."""

from __future__ import annotations

import struct
from typing import Any

try:
    import fcntl
    import termios
except ImportError:  # no such question on this platform
    fcntl = termios = None  # type: ignore[assignment]

__all__ = ["unacknowledged"]


def unacknowledged(transport: Any) -> int | None:
    """Bytes in the socket's send queue that the peer's side has not acknowledged.

    A transport says only when it is empty again.  A slow peer may take minutes for the megabytes
    that the system buffers, and all the while it is reading.

    Returns:
        None where it cannot be told.
    """
    if fcntl is None:
        return None
    # TLS: the socket is that of the transport below.
    below = getattr(transport, "transport", transport)
    try:
        handle = below.getHandle()
        answer = fcntl.ioctl(handle.fileno(), termios.TIOCOUTQ, bytes(4))
    except (AttributeError, OSError, ValueError):
        return None
    size: int = struct.unpack("i", answer)[0]
    return size
