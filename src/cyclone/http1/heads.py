"""Before a head is whole: what may stand before it, and what cannot become one.  Pure."""

from __future__ import annotations

from .limits import Limits
from .parser import check_request_line
from .refusal import BadRequest

__all__ = ["check_partial_head", "skip_empty_lines"]

#: Empty lines before a request line that are read over (RFC 9112 section 2.2 asks for one).
_MAX_EMPTY_LINES = 4


def skip_empty_lines(
    received: bytes | bytearray, start: int, skipped: int
) -> tuple[int, int, bool]:
    """Read over empty lines at `start`, where a request line is due.

    Args:
        skipped: how many have been read over already before this request.

    Returns:
        the position after them, how many there were, and whether what follows can be looked at.

    Raises:
        BadRequest: what follows is neither a request line nor one of a few empty lines.
    """
    position = start
    for _ in range(_MAX_EMPTY_LINES - skipped):
        if received[position : position + 2] != b"\r\n":
            break
        position += 2
    rest = bytes(received[position : position + 2])
    if rest[:1] < b" " and rest not in (b"", b"\r"):
        raise BadRequest(400, "a request begins with its request line")
    return position, (position - start) // 2, rest not in (b"", b"\r")


def check_partial_head(
    received: bytes | bytearray, start: int, examined: int, limits: Limits
) -> None:
    """Refuse at once what cannot become a request head, whatever follows.

    Args:
        received: what has come, its end a part of a head without the empty line.
        start: where the head begins.
        examined: up to where this function has seen it before; a head that comes byte by byte
            must not cost the square of its size.

    Raises:
        BadRequest: with status 400, 414, 431, 501 or 505.
    """
    size = len(received) - start
    fresh = max(examined, start)
    if fresh > start and received[fresh - 1] == 0x0D:
        fresh -= 1  # the CR that came last is looked at again, with what follows it
    line_end = received.find(b"\r\n", start, start + limits.max_request_line_size + 2)
    if line_end < 0:
        if size > limits.max_request_line_size + 1:
            raise BadRequest(414, "the request line is longer than this server accepts")
    elif line_end >= fresh:
        check_request_line(bytes(received[start:line_end]), limits)
    # The empty line that ends a head does not count, and may be here in part.
    if line_end >= 0 and len(received) - line_end - 4 > limits.max_header_size:
        raise BadRequest(431, "the header section is larger than this server accepts")
    if received.count(b"\n", fresh) != received.count(b"\r\n", fresh):
        raise BadRequest(400, "a line does not end with CR LF")
