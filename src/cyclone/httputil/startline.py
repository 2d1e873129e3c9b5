"""First lines of HTTP/1 messages, and the reason phrases that go with status codes."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

from .errors import HTTPInputError

__all__ = [
    "RequestStartLine",
    "ResponseStartLine",
    "parse_request_start_line",
    "parse_response_start_line",
    "responses",
]

#: Status code to its standard reason phrase.
responses: dict[int, str] = {status.value: status.phrase for status in HTTPStatus}

# RFC 9112 sections 3 and 4.  A target is whatever holds neither control characters nor white
# space: what is a good one is for those to say who serve it.  No two neighbours have a character
# in common, so matching takes linear time.
_REQUEST_LINE = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[0-9])"
)
_STATUS_LINE = re.compile(r"(HTTP/1\.[0-9]) ([0-9]{3}) ([\t\x20-\x7e\x80-\xff]*)")


class RequestStartLine(NamedTuple):
    """Method, request target (Tornado calls it path) and version such as ``HTTP/1.1``."""

    method: str
    path: str
    version: str


class ResponseStartLine(NamedTuple):
    """Version such as ``HTTP/1.1``, status code and reason phrase, which may be empty."""

    version: str
    code: int
    reason: str


def parse_request_start_line(line: str) -> RequestStartLine:
    """Split the request line of an HTTP/1 message, given without its line ending.

    >>> parse_request_start_line("GET /foo HTTP/1.1")
    RequestStartLine(method='GET', path='/foo', version='HTTP/1.1')

    Raises:
        HTTPInputError: it is malformed (RFC 9112 section 3), or of another major version.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise HTTPInputError("Malformed HTTP request line")
    return RequestStartLine(match[1], match[2], match[3])


def parse_response_start_line(line: str) -> ResponseStartLine:
    """Split the status line of an HTTP/1 message, given without its line ending.

    >>> parse_response_start_line("HTTP/1.1 200 OK")
    ResponseStartLine(version='HTTP/1.1', code=200, reason='OK')

    Raises:
        HTTPInputError: it is malformed (RFC 9112 section 4), or of another major version.
    """
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise HTTPInputError("Malformed HTTP status line")
    return ResponseStartLine(match[1], int(match[2]), match[3])
