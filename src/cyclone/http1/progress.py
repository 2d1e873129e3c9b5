"""Whether a peer takes what is sent to it, as far as the system can tell."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

try:
    import fcntl
    import termios
except ImportError:  # no such question on this platform
    fcntl = termios = None  # type: ignore[assignment]

__all__ = ["progress", "unanswered", "waiting"]

#: Where Linux's struct tcp_info has tcpi_bytes_acked, a u64.
_BYTES_ACKED = 120
#: And tcpi_probes, a u8 (questions whether there is room again, without an answer so far), and
#: tcpi_unacked, a u32 (segments on their way).
_PROBES, _UNACKED = 3, 24


def progress(transport: Any) -> int | None:
    """A number that changes when the peer's side takes something of what has been sent.

    A transport says only when it is empty again.  A slow peer may take minutes for the megabytes
    that the system buffers, and all the while it is reading.

    Returns:
        bytes that a TCP peer has acknowledged, else bytes in the socket's send queue, None where
        neither can be told.
    """
    # TLS: the socket is that of the transport below.
    below = getattr(transport, "transport", transport)
    try:
        handle = below.getHandle()
        if sys.platform == "linux" and handle.family != socket.AF_UNIX:
            answer = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
            acknowledged: int = struct.unpack_from("=Q", answer, _BYTES_ACKED)[0]
            return acknowledged
    except (AttributeError, OSError, ValueError, struct.error):
        return None
    return waiting(transport)


def waiting(transport: Any) -> int | None:
    """Bytes in the socket's send queue, None where that cannot be told."""
    below = getattr(transport, "transport", transport)
    if fcntl is None:
        return None
    try:
        answer = fcntl.ioctl(below.getHandle().fileno(), termios.TIOCOUTQ, bytes(4))
        count: int = struct.unpack("i", answer)[0]
    except (AttributeError, OSError, ValueError, struct.error):
        return None
    return count


def unanswered(transport: Any) -> bool:
    """Whether the peer's system has not answered what was sent last.

    A program that does not read has its system say so, which is an answer.

    Returns:
        True also where that cannot be told.
    """
    below = getattr(transport, "transport", transport)
    try:
        handle = below.getHandle()
        if handle.family == socket.AF_UNIX:
            return False  # the other end of those does not vanish
        if sys.platform == "linux":
            answer = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED + 4)
            unacknowledged: int = struct.unpack_from("=I", answer, _UNACKED)[0]
            return unacknowledged > 0 or answer[_PROBES] > 1
    except (AttributeError, OSError, ValueError, struct.error, IndexError):
        pass
    return True
