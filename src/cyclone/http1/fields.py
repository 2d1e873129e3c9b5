"""The fields of a header section, checked by llhttp (through httptools)."""

from __future__ import annotations

import re

import httptools

from .refusal import BadRequest

__all__ = ["checked_fields"]

#: llhttp parses whole heads.  The request line is not its business here: it refuses methods that
#: it does not know, and gives some that it knows a grammar of their own (RTSP's, CONNECT's).
_REQUEST_LINE = b"GET / HTTP/1.1\r\n"
_CHUNKED_LINE = re.compile(rb"(\r\ntransfer-encoding:)[ \t]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)


class _Fields(list[tuple[bytes, bytes]]):
    """What llhttp reports to."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.append((name, value))


def checked_fields(section: bytes) -> list[tuple[bytes, bytes]]:
    """Names, as sent, and values, without surrounding white space, of the fields in a section.

    Args:
        section: from the first field line to the empty line, both included.

    Raises:
        BadRequest: 400, the grammar is violated.
    """
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


def _llhttp_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    fields = _Fields()
    try:  # noqa: SIM105 - contextlib.suppress costs as much as three header fields
        httptools.HttpRequestParser(fields).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # llhttp stops there by design; the head is complete
    return fields
