"""From the bytes of a request head to a `RequestHead`: one pure function.

Strategy: the connection cuts the head off at its empty line, so a head is parsed whole, and no
parser state outlives it.  The request line is checked here, the fields in `section`.

A head is refused by raising `BadRequest`, which carries the status to answer.
"""

from __future__ import annotations

import re

from .limits import Limits
from .memory import Memory
from .refusal import BadRequest
from .section import HeaderSection, check_host, parse_section

__all__ = ["Heads", "RequestHead", "check_request_line", "parse_head"]


class RequestHead:
    """Request line and header section of one request, or of many that are the same.  Not changed
    once it is made.

    Attributes:
        method: the token as sent.
        target: the request target as sent, ASCII.
        version: ``"HTTP/1.0"`` or ``"HTTP/1.1"``.
        section: what the header fields say.
        host: authority of the target if it has one, else the Host field; "" if there is neither.
        has_body, keep_alive, conditional: see `HeaderSection`.
    """

    __slots__ = (
        "conditional",
        "has_body",
        "host",
        "keep_alive",
        "method",
        "section",
        "target",
        "version",
    )

    def __init__(self, method: str, target: str, version: str, section: HeaderSection) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.section = section
        self.host = section.host
        # What is asked of every request.
        self.has_body = section.has_body
        self.keep_alive = section.keep_alive
        self.conditional = section.conditional

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """See `HeaderSection`."""
        return self.section.fields

    @property
    def content_length(self) -> int | None:
        """See `HeaderSection`."""
        return self.section.content_length

    @property
    def chunked(self) -> bool:
        """See `HeaderSection`."""
        return self.section.chunked

    @property
    def expect_continue(self) -> bool:
        """See `HeaderSection`."""
        return self.section.expect_continue

    @property
    def upgrade(self) -> bool:
        """See `HeaderSection`."""
        return self.section.upgrade


_VERSIONS = {b"HTTP/1.1": "HTTP/1.1", b"HTTP/1.0": "HTTP/1.0"}
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9112 section 3.2: a target is visible ASCII and has no fragment.
_TARGET = re.compile(rb'[!"$-~]+')
_ABSOLUTE = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)

#: The usual methods, so that they need no decoding.
_METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
}


#: Request lines.
_lines: Memory[tuple[str, str, str]] = Memory(1024, 128)


class Heads:
    """Parses request heads, and remembers those that came lately: many come again.

    Attributes:
        limits: of the server.
        known: whole heads, as bytes, and what they mean.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._memory: Memory[RequestHead] = Memory(256, 2048)
        self.known = self._memory.known

    def parse(self, data: bytes) -> RequestHead:
        """`parse_head` under these limits."""
        head = self.known.get(data)
        if head is None:
            head = parse_head(data, self.limits)
            self._memory.keep(data, head)
        return head


def parse_head(data: bytes, limits: Limits) -> RequestHead:
    """Parse a request head.

    Args:
        data: from the request line to the empty line, both included.
        limits: of the server.

    Raises:
        BadRequest: with status 400, 414, 417, 431, 501 or 505.
    """
    line_end = data.find(b"\r\n")
    if len(data) - line_end - 4 > limits.max_header_size:
        raise BadRequest(431, "the header section is larger than this server accepts")
    line = data[:line_end]
    parts = _lines.known.get(line)
    if parts is None or line_end > limits.max_request_line_size:
        parts = check_request_line(line, limits)
        _lines.keep(line, parts)
    method, target, version = parts
    section = parse_section(data[line_end + 2 :], version)
    if len(section.fields) > limits.max_header_count:
        raise BadRequest(431, "more header fields than this server accepts")
    head = RequestHead(method, target, version, section)
    if target[0] != "/" and target != "*" and method != "CONNECT":
        # RFC 9112 section 3.2.2: the authority of an absolute target wins over Host.
        found = _ABSOLUTE.match(target.encode("ascii"))
        if found:
            head.host = check_host(found[1])
    return head


def check_request_line(line: bytes, limits: Limits) -> tuple[str, str, str]:
    """Split a request line (without CRLF) into method, target and version.

    Raises:
        BadRequest: with status 400, 414, 501 or 505.
    """
    if len(line) > limits.max_request_line_size:
        raise BadRequest(414, "the request line is longer than this server accepts")
    parts = line.split(b" ")
    if len(parts) != 3:
        raise BadRequest(
            400, "a request line is a method, a target and a version, each separated by one space"
        )
    raw_method, raw_target, raw_version = parts
    version = _VERSIONS.get(raw_version)
    if version is None:
        if _VERSION.fullmatch(raw_version):
            raise BadRequest(505, "this server speaks HTTP/1.0 and HTTP/1.1")
        raise BadRequest(400, "the request line does not end with an HTTP version")
    method = _METHODS.get(raw_method)
    if method is None:
        if not _TOKEN.fullmatch(raw_method):
            raise BadRequest(400, "the method is not a token")
        method = raw_method.decode("ascii")
    if not _TARGET.fullmatch(raw_target):
        raise BadRequest(
            400, "the request target may hold visible ASCII characters only, and no fragment"
        )
    if raw_target[0] != 0x2F or method == "CONNECT":  # 0x2F is "/"
        _check_unusual_target(method, raw_target)
    return method, raw_target.decode("ascii"), version


def _check_unusual_target(method: str, target: bytes) -> None:
    """RFC 9112 section 3.2: absolute-form always, asterisk-form for OPTIONS, authority-form for
    CONNECT."""
    if target == b"*":
        if method != "OPTIONS":
            raise BadRequest(400, "the target * goes with OPTIONS only")
    elif method == "CONNECT":
        try:
            check_host(target)
        except BadRequest:
            raise BadRequest(400, "the target of CONNECT is a host and a port") from None
    elif not _ABSOLUTE.match(target):
        raise BadRequest(400, "the target is neither a path nor an http or https URL")
