"""Heads of responses: status line and header fields, and what they say about the body."""

from __future__ import annotations

import re
from typing import NamedTuple

from cyclone.httputil import HTTPHeaders, HTTPInputError, parse_response_start_line

from .errors import HTTPResponseError

__all__ = ["ResponseHead", "parse_head"]

_LENGTH = re.compile(r"[0-9]{1,18}")
_OWS = " \t"


class ResponseHead(NamedTuple):
    """The head of a response.

    Attributes:
        version: "HTTP/1.0" or "HTTP/1.1".
        code: status code.
        reason: reason phrase, which may be empty.
        headers: the fields.
        length: bytes of the body, 0 where there is none; None if only its end tells.
        keep_alive: whether the connection can be used for another request.
    """

    version: str
    code: int
    reason: str
    headers: HTTPHeaders
    length: int | None
    keep_alive: bool


def parse_head(data: bytes, method: str) -> ResponseHead:
    """Parse a head, given with its empty line, of a response to a request of that method.

    It is stricter than the parser of Twisted that reads the same bytes after it: what two readers
    could understand in two ways is refused.

    Raises:
        HTTPResponseError: it is malformed, or does not say clearly how long the body is.
    """
    line, _, section = data.decode("latin-1").partition("\n")
    try:
        version, code, reason = parse_response_start_line(line.removesuffix("\r"))
        headers = HTTPHeaders.parse(section)
    except HTTPInputError as exc:
        raise HTTPResponseError(f"Malformed response: {exc}") from None
    if code < 100:
        raise HTTPResponseError("Malformed response: there is no such status code")
    length = _body_length(version, code, method, headers)
    delimited = length is not None or "Transfer-Encoding" in headers
    return ResponseHead(
        version, code, reason, headers, length, delimited and _keeps_alive(version, headers)
    )


def _body_length(version: str, code: int, method: str, headers: HTTPHeaders) -> int | None:
    """RFC 9112 section 6.3."""
    codings = headers.get_list("Transfer-Encoding")
    lengths = headers.get_list("Content-Length")
    if codings:
        if lengths:
            raise HTTPResponseError("Malformed response: both Transfer-Encoding and Content-Length")
        if version == "HTTP/1.0" or [coding.lower() for coding in codings] != ["chunked"]:
            raise HTTPResponseError("Malformed response: unknown Transfer-Encoding")
    length = None
    if lengths:
        # Section 6.3 allows the same value several times.
        values = {value.strip(_OWS) for item in lengths for value in item.split(",")}
        value = values.pop()
        if values or not _LENGTH.fullmatch(value):
            raise HTTPResponseError("Malformed response: invalid Content-Length")
        length = int(value)
    if method == "HEAD" or code in (204, 304) or 100 <= code < 200:
        return 0
    return length


def _keeps_alive(version: str, headers: HTTPHeaders) -> bool:
    options = {
        option.strip(_OWS).lower()
        for value in headers.get_list("Connection")
        for option in value.split(",")
    }
    return "close" not in options and (version != "HTTP/1.0" or "keep-alive" in options)
