"""``multipart/form-data`` that is whole in memory: one search for the ends, one copy of a content.

A part ends where the next delimiter, CRLF and ``--`` and the boundary, begins (RFC 2046 section
5.1.1).  It is looked for from where the part began, and CR is nowhere else in it, so near matches
do not overlap and all searches together take linear time.
"""

from __future__ import annotations

import re

from .errors import HTTPInputError
from .files import HTTPFile
from .multipart_rules import MAX_HEADERS, Form, headers_too_large, malformed, no_boundary_first

__all__ = ["parse_whole"]

# Of the tokens of RFC 9110 section 5.6.2 those that the streaming parser takes.
_NAME = re.compile(r"[0-9A-Za-z_\-]+")
_USUAL_NAMES = frozenset(("Content-Disposition", "Content-Type"))

Headers = list[tuple[str, str]]


def parse_whole(data: bytes, boundary: bytes, form: Form, max_header_size: int) -> None:
    """Parse a form.

    Args:
        data: the body.
        boundary: a valid one.
        form: gets the parts.
        max_header_size: bytes in a line of the header section of a part.

    Raises:
        HTTPInputError: the form is malformed or exceeds a limit.
    """
    delimiter = b"\r\n--" + boundary
    position = _first_boundary_end(data, delimiter)
    while not _is_last(data, position):
        headers, head_end = _read_headers(data, position + 2, max_header_size)
        part = form.begin_part(headers)
        # In a part without content the CRLF that ends the header section may belong to the
        # delimiter (RFC 2046 section 5.1.1), so this is looked for from there on.
        end = data.find(delimiter, head_end)
        if end == -1:
            raise _cut_off()
        content = data[head_end + 2 : end]
        _check_length(headers, len(content))
        if part.filename:
            file = HTTPFile(filename=part.filename, body=content, content_type=part.content_type)
            form.add_file(part, file)
        else:
            form.count_field(len(content))
            form.add_field(part, content)
        position = end + len(delimiter)


def _first_boundary_end(data: bytes, delimiter: bytes) -> int:
    """Where the first boundary ends.  A CRLF before it is no preamble yet."""
    if data.startswith(delimiter):
        return len(delimiter)
    if data.startswith(delimiter[2:]):
        return len(delimiter) - 2
    raise no_boundary_first()


def _is_last(data: bytes, position: int) -> bool:
    """Whether the boundary that ends here is the last one.

    RFC 2046 section 5.1.1 has white space between a boundary and its CRLF, which nobody sends.
    What follows the last boundary is ignored.
    """
    if data.startswith(b"\r\n", position):
        return False
    if data.startswith(b"--", position):
        return True
    if data.startswith(b"\n", position):
        raise malformed("Invalid line break after boundary")
    if len(data) < position + 2:
        raise _cut_off()
    raise malformed("Unexpected bytes after boundary")


def _read_headers(data: bytes, position: int, max_size: int) -> tuple[Headers, int]:
    """Names and values in a header section, and where the empty line behind it begins."""
    headers: Headers = []
    while True:
        end = data.find(b"\r\n", position, position + max_size + 2)
        if end == position:
            return headers, end
        if end == -1:
            raise _endless_line(data, position, max_size)
        if len(headers) == MAX_HEADERS:
            raise headers_too_large()
        headers.append(_split_line(data[position:end]))
        position = end + 2


def _split_line(line: bytes) -> tuple[str, str]:
    if line[0] in b" \t":
        raise malformed("Unexpected segment header continuation")
    try:
        name, colon, value = line.decode("utf-8").partition(":")  # RFC 7578 section 5.1
    except UnicodeDecodeError:
        raise malformed("Segment header failed to decode") from None
    if not colon:
        raise malformed("Malformed segment header")
    if name not in _USUAL_NAMES:
        name = name.rstrip(" \t")  # RFC 5322 section 4.5 has old senders put a space there
        if not _NAME.fullmatch(name):
            raise malformed("Invalid segment header name")
        name = name.title()
    return name, value.lstrip(" \t")


def _endless_line(data: bytes, position: int, max_size: int) -> HTTPInputError:
    """Why a line of a header section does not end."""
    if data.find(b"\n", position, position + max_size + 2) != -1:
        return malformed("Invalid line break in segment header")
    if len(data) - position > max_size:
        return headers_too_large()
    return _cut_off()


def _check_length(headers: Headers, size: int) -> None:
    """A part need not say how long it is, but may not lie about it."""
    for name, value in headers:
        if name == "Content-Length" and value != str(size):
            raise malformed("Segment size does not match Content-Length header")


def _cut_off() -> HTTPInputError:
    return malformed("Unexpected end of multipart stream")
