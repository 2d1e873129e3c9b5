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

__all__ = ["progress"]

#: Where Linux's struct tcp_info has tcpi_bytes_acked, a u64.
_BYTES_ACKED = 120


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
        if fcntl is None:
            return None
        answer = fcntl.ioctl(handle.fileno(), termios.TIOCOUTQ, bytes(4))
    except (AttributeError, OSError, ValueError, struct.error):
        return None
    waiting: int = struct.unpack("i", answer)[0]
    return waiting
