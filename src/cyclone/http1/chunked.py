"""Chunked transfer coding, receiving side (RFC 9112 section 7.1), without I/O.

Extensions are read over and trailers are checked and dropped: nothing here uses them, and both
are old hiding places for a second request, so their grammar is enforced to the letter.
"""

from __future__ import annotations

import re

from .limits import Limits
from .refusal import BadRequest

__all__ = ["ChunkedDecoder"]

# chunk-size [ chunk-ext ] CRLF.  17 digits and more could not be the size of anything real.
# RFC 9112 section 7.1.1: an extension is ";" and visible text; bare CR or LF never are.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_FIELD_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*")

#: Longest size line that is waited for.
_MAX_LINE = 4096
#: How many bytes of coding a body may carry beyond its data.  Each chunk excuses some of it.
_MAX_OVERHEAD = 16384
_EXCUSED_PER_CHUNK = 24

_SIZE, _DATA, _DATA_END, _TRAILER = range(4)


class ChunkedDecoder:
    """Takes the bytes of a chunked body and gives the data in them.

    Attributes:
        complete: the whole body, its trailer section included, has been read.
        rest: once complete, the bytes that follow the body.
        announced: how many bytes of the chunk in progress are still to come.
    """

    __slots__ = (
        "_limits",
        "_overhead",
        "_pending",
        "_state",
        "_trailer_count",
        "_trailer_size",
        "announced",
        "complete",
        "rest",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._state = _SIZE
        self._pending = b""
        self.announced = 0
        self._overhead = 0
        self._trailer_size = 0
        self._trailer_count = 0
        self.complete = False
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take `data`; return the pieces of the body it completes, in order.

        Raises:
            BadRequest: the coding is malformed (400) or larger than a limit (400, 431).
        """
        if self._pending:
            data = self._pending + data
            self._pending = b""
        pieces: list[bytes] = []
        position, end = 0, len(data)
        while position < end and not self.complete:
            if self._state == _DATA:
                piece = data[position : position + self.announced]
                pieces.append(piece)
                position += len(piece)
                self.announced -= len(piece)
                if not self.announced:
                    self._state = _DATA_END
                continue
            line_end = self._find_line(data, position)
            if line_end < 0:
                self._pending = data[position:]
                return pieces
            self._take_line(data[position:line_end])
            position = line_end + 2
        if self.complete:
            self.rest = data[position:]
        return pieces

    def _find_line(self, data: bytes, position: int) -> int:
        """Where the line at `position` ends, -1 while its end has not come."""
        line_end = data.find(b"\n", position)
        if line_end < 0:
            length = len(data) - position
            if self._state == _DATA_END and data[position : position + 1] != b"\r":
                raise BadRequest(400, "a chunk is longer than its size")
            if self._state == _TRAILER:
                self._check_trailer(length, 0)
            elif length > _MAX_LINE:
                raise BadRequest(400, "a chunk size line is too long")
            return -1
        if data[line_end - 1 : line_end] != b"\r" or line_end == position:
            raise BadRequest(400, "a line of the chunked coding does not end with CR LF")
        return line_end - 1

    def _take_line(self, line: bytes) -> None:
        if self._state == _SIZE:
            self._take_size(line)
        elif self._state == _DATA_END:
            if line:
                raise BadRequest(400, "a chunk is longer than its size")
            self._state = _SIZE
        elif line:
            self._check_trailer(len(line) + 2, 1)
            if not _FIELD_LINE.fullmatch(line):
                raise BadRequest(400, "malformed trailer field")
        else:
            self.complete = True

    def _take_size(self, line: bytes) -> None:
        if len(line) > _MAX_LINE:
            raise BadRequest(400, "a chunk size line is too long")
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise BadRequest(400, "malformed chunk size")
        self.announced = int(found[1], 16)
        self._state = _DATA if self.announced else _TRAILER
        # A byte of data per line would make the decoder work hundreds of times as much as the
        # body size limit suggests.
        self._overhead = max(0, self._overhead + len(line) - _EXCUSED_PER_CHUNK)
        if self._overhead > _MAX_OVERHEAD:
            raise BadRequest(400, "the chunked coding holds more extensions than data")

    def _check_trailer(self, size: int, count: int) -> None:
        if count:
            self._trailer_size += size
            self._trailer_count += count
            size = 0
        if (
            self._trailer_size + size > self._limits.max_header_size
            or self._trailer_count > self._limits.max_header_count
        ):
            raise BadRequest(431, "the trailer section is larger than this server accepts")
