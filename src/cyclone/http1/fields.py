"""The fields of a header section, checked by llhttp (through httptools) or by a pattern.

httptools is in C, and PyPy does without: there its compatibility layer for modules in C would take
longer than a pattern, which its compiler knows.  What both let through is the same once `section`
has looked at it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from .refusal import BadRequest

try:
    import httptools
except ImportError:  # pragma: no cover - see tests/http1/test_fields.py
    httptools = None  # type: ignore[assignment]

__all__ = ["checked_fields", "fields_by_llhttp", "fields_in_python"]

Fields = list[tuple[bytes, bytes]]

#: llhttp parses whole heads.  The request line is not its business here: it refuses methods that
#: it does not know, and gives some that it knows a grammar of their own (RTSP's, CONNECT's).
_REQUEST_LINE = b"GET / HTTP/1.1\r\n"
_CHUNKED_LINE = re.compile(rb"(\r\ntransfer-encoding:)[ \t]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)

#: RFC 9110 sections 5.1 and 5.5: a token, a colon, visible characters, white space and obs-text.
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")


class _Fields(Fields):
    """What llhttp reports to."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.append((name, value))


def fields_by_llhttp(section: bytes) -> Fields:
    """As `checked_fields`; some of what `section` would refuse is refused already."""
    head = _REQUEST_LINE + section
    try:
        fields = _llhttp_fields(head)
    except httptools.HttpParserError as exc:
        # RFC 9112 sections 5 and 7: names of codings are case-insensitive, and white space may
        # stand around them; llhttp takes offence at both.
        usual = _CHUNKED_LINE.sub(rb"\1 chunked", head)
        try:
            fields = _llhttp_fields(usual)
        except httptools.HttpParserError:
            raise BadRequest(400, f"malformed header section: {exc}") from None
    if b" \r\n" in section or b"\t\r\n" in section:
        return [(name, value.strip(b" \t")) for name, value in fields]
    return fields


def _llhttp_fields(head: bytes) -> Fields:
    fields = _Fields()
    try:  # noqa: SIM105 - contextlib.suppress costs as much as three header fields
        httptools.HttpRequestParser(fields).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # llhttp stops there by design; the head is complete
    return fields


def fields_in_python(section: bytes) -> Fields:
    """As `checked_fields`, where there is no llhttp."""
    fields = []
    for line in section[:-2].split(b"\r\n")[:-1]:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise BadRequest(400, "malformed header section: a line is not a header field")
        fields.append((found[1], found[2].rstrip(b" \t")))
    return fields


#: Names, as sent, and values, without surrounding white space, of the fields in a section, which
#: goes from the first field line to the empty line, both included.  BadRequest, 400, if the grammar
#: is violated.
checked_fields: Final[Callable[[bytes], Fields]] = (
    fields_in_python if httptools is None else fields_by_llhttp
)
