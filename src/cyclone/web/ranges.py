"""Range requests: which bytes of a representation a client asked for, and how a part is labelled.

RFC 9110, sections 14 and 15.3.7. Pure: header values come in as text, ranges, header values and
the envelope of a multipart body go out.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MAX_RANGES = 16
"""Most ranges one request is answered with; who asks for more gets everything. Players and
download managers ask for one, readers of paged documents for a handful."""

# One element of a range-set, section 14.1.1: "2-5", "2-" or "-5". A bare number fits too, to be
# told apart from text. [0-9], because \d takes digits of other scripts.
_ELEMENT = re.compile(r"([0-9]*)(-?)([0-9]*)")
# More digits than any file is long: int() of thousands of digits is slow, and limited.
_MAX_DIGITS = 18


class ByteRange(NamedTuple):
    """Part of a representation, as the indices of a slice: ``stop`` is the first byte left out."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.stop - self.start


def select_ranges(
    value: str, size: int, max_ranges: int = MAX_RANGES
) -> tuple[ByteRange, ...] | None:
    """Decide what to send for a ``Range`` header and a representation of ``size`` bytes.

    None: everything, as if there were no such header. An empty tuple: 416. Otherwise the ranges,
    clipped to the representation, in the order they were asked for.

    Ignored, so None: units other than bytes, text that is no set of ranges, more than
    ``max_ranges``, and several ranges that together are as long as everything, for they overlap
    or gain nothing. One range that covers everything is None too (as in Tornado: some browsers
    do not play media that come as 206 for ``bytes=0-``).

    Rejected, so 416, which section 14.2 leaves open and Tornado does: numbers that are no range
    (``5-2``, and ``5`` without a dash). Ranges beyond the end are dropped; 416 if none is left.
    """
    unit, _, text = value.partition("=")
    if unit.strip(" \t").lower() != "bytes" or text.count(",") >= max_ranges:
        return None
    elements = _elements(text)
    if not elements:
        return None
    ranges: list[ByteRange] = []
    for first, dash, last in elements:
        if not dash or (first and last and _position(last) < _position(first)):
            return ()
        one = _clipped(first, last, size)
        if one is not None:
            ranges.append(one)
    # An empty list says 416, also for an empty file, where the sum would say "everything".
    if ranges and sum(one.size for one in ranges) >= size:
        return None
    return tuple(ranges)


def _elements(text: str) -> list[tuple[str, str, str]]:
    """Split a range-set into (first, dash, last); an empty list when it is none."""
    elements = []
    for element in text.split(","):
        element = element.strip(" \t")
        found = _ELEMENT.fullmatch(element)
        if found is None or element == "-":
            return []
        if element:  # section 5.6.1.2: empty elements are parsed and ignored
            elements.append((found[1], found[2], found[3]))
    return elements


def _clipped(first: str, last: str, size: int) -> ByteRange | None:
    """Apply one range to a representation; None when it selects nothing."""
    if not first:
        length = _position(last)
        return ByteRange(max(size - length, 0), size) if length else None
    start = _position(first)
    stop = min(_position(last) + 1, size) if last else size
    return ByteRange(start, stop) if start < size else None


def _position(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def content_range(part: ByteRange | None, size: int) -> str:
    """Return a ``Content-Range`` value for a part, or with None the one of a 416 response."""
    if part is None:
        return f"bytes */{size}"
    return f"bytes {part.start}-{part.stop - 1}/{size}"


class MultipartRanges:
    """The envelope of several ranges in one response: ``multipart/byteranges``.

    The body is, for each part, its `head` and its bytes, and `tail` at the end; `length` of
    everything is known beforehand, so the response needs no chunks. Section 14.6.
    """

    def __init__(self, parts: Iterable[ByteRange], size: int, part_type: str | None) -> None:
        self.parts: Sequence[ByteRange] = tuple(parts)
        # Random, because a boundary that stands in the file would end a part early.
        self.boundary = secrets.token_hex(16)
        self.content_type = f"multipart/byteranges; boundary={self.boundary}"
        self.tail = f"\r\n--{self.boundary}--\r\n".encode("ascii")
        type_line = f"Content-Type: {part_type}\r\n" if part_type else ""
        self._heads = {
            part: (
                f"\r\n--{self.boundary}\r\n{type_line}"
                f"Content-Range: {content_range(part, size)}\r\n\r\n"
            ).encode("latin-1")
            for part in self.parts
        }
        self.length: int = len(self.tail) + sum(
            len(self._heads[part]) + part.size for part in self.parts
        )

    def head(self, part: ByteRange) -> bytes:
        """Return the delimiter and the header fields in front of a part."""
        return self._heads[part]
