"""From the bytes of a request head to a `RequestHead`: one pure function.

Strategy: the connection cuts the head off at its empty line, so a head is parsed whole, by a
parser that is made for it and thrown away (0.3 us; no parser state outlives a head).  llhttp,
through httptools, checks the grammar.  What it lets through and RFC 9112 does not is refused
here: the request line, Host, Transfer-Encoding, Content-Length, Connection, Expect.

A head is refused by raising `BadRequest`, which carries the status to answer.  Its message is
ours; it never holds a byte of the request.
"""

from __future__ import annotations

import re

import httptools

from .limits import Limits

__all__ = ["BadRequest", "RequestHead", "check_request_line", "parse_head"]


class BadRequest(Exception):
    """The peer sent what cannot be served; answer `status`, then close.

    Attributes:
        status: status code of the answer.
        message: what was wrong and what was expected, in our words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class RequestHead:
    """Request line and header section of one request.

    Attributes:
        method: the token as sent.
        target: the request target as sent, ASCII.
        version: ``"HTTP/1.0"`` or ``"HTTP/1.1"``.
        fields: header fields in order, names as sent, values without surrounding white space.
        host: authority of the target if it has one, else the Host field; "" if there is neither.
        content_length: announced size of the body in bytes, None without Content-Length.
        chunked: whether the body is chunked.
        keep_alive: whether the peer wants the connection kept after this request.
        expect_continue: whether the peer waits for ``100 Continue`` before it sends the body.
        upgrade: whether the peer asks for another protocol (Connection lists ``upgrade``).
        conditional: whether there are preconditions (RFC 9110 section 13.1).
    """

    __slots__ = (
        "chunked",
        "conditional",
        "content_length",
        "expect_continue",
        "fields",
        "host",
        "keep_alive",
        "method",
        "target",
        "upgrade",
        "version",
    )

    def __init__(
        self, method: str, target: str, version: str, fields: list[tuple[bytes, bytes]]
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.host = ""
        self.content_length: int | None = None
        self.chunked = False
        self.keep_alive = version == "HTTP/1.1"
        self.expect_continue = False
        self.upgrade = False
        self.conditional = False

    @property
    def has_body(self) -> bool:
        """Whether body bytes follow (RFC 9112 section 6)."""
        return self.chunked or bool(self.content_length)


class _Fields(list[tuple[bytes, bytes]]):
    """What llhttp reports to."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.append((name, value))


_VERSIONS = {b"HTTP/1.1": "HTTP/1.1", b"HTTP/1.0": "HTTP/1.0"}
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9112 section 3.2: a target is visible ASCII and has no fragment.
_TARGET = re.compile(rb'[!"$-~]+')
_ABSOLUTE = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)
# RFC 9110 section 7.2, RFC 3986 section 3.2: uri-host [ ":" port ], no user information.  Without
# the comma, which would let two hosts pass for one.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:\-]+\]"
    rb"|(?:[\w.~!$&'()*+;=\-]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?",
    re.ASCII,
)

_CHUNKED_LINE = re.compile(rb"(\r\ntransfer-encoding:)[ \t]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)

#: Methods that llhttp parses like GET; any other token is handed to it as GET.
_METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
}

_HOST_FIELD, _LENGTH, _CODING, _CONNECTION, _EXPECT, _UPGRADE, _CONDITION = range(1, 8)
_SPECIAL = {
    b"host": _HOST_FIELD,
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"connection": _CONNECTION,
    b"expect": _EXPECT,
    b"upgrade": _UPGRADE,
    b"if-match": _CONDITION,
    b"if-none-match": _CONDITION,
    b"if-modified-since": _CONDITION,
    b"if-unmodified-since": _CONDITION,
}
#: Spelling of a field name -> its entry in _SPECIAL, or 0.  Bounded: peers choose the spelling.
_kinds: dict[bytes, int] = {}
_known_hosts: dict[bytes, str] = {}
_CACHE_SIZE = 1024
_LONGEST_CACHED = 64


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
    method, target, version = check_request_line(data[:line_end], limits)
    fields = _parse_fields(data, method)
    if len(fields) > limits.max_header_count:
        raise BadRequest(431, "more header fields than this server accepts")
    head = RequestHead(method, target, version, fields)
    _interpret(head)
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
        if not _HOST.fullmatch(target):
            raise BadRequest(400, "the target of CONNECT is a host and a port")
    elif not _ABSOLUTE.match(target):
        raise BadRequest(400, "the target is neither a path nor an http or https URL")


def _parse_fields(data: bytes, method: str) -> list[tuple[bytes, bytes]]:
    """Have llhttp check the grammar of the header section and split it."""
    if method.encode() not in _METHODS:
        # llhttp refuses tokens that it does not know and gives some that it knows a grammar of
        # their own (RTSP's, CONNECT's); the request line has been checked, the fields are alike.
        data = b"GET / HTTP/1.1" + data[data.index(b"\r\n") :]
    try:
        fields = _llhttp_fields(data)
    except httptools.HttpParserError as exc:
        # RFC 9112 sections 5 and 7: names of codings are case-insensitive, and white space may
        # stand around them; llhttp takes offence at both.
        usual = _CHUNKED_LINE.sub(rb"\1 chunked", data)
        if usual == data:
            raise BadRequest(400, f"malformed header section: {exc}") from None
        return _parse_fields(usual, method)
    if b" \r\n" in data or b"\t\r\n" in data:
        return [(name, value.strip(b" \t")) for name, value in fields]
    return fields


def _llhttp_fields(data: bytes) -> list[tuple[bytes, bytes]]:
    fields = _Fields()
    try:  # noqa: SIM105 - contextlib.suppress costs as much as three header fields
        httptools.HttpRequestParser(fields).feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # llhttp stops there by design; the head is complete
    return fields


def _interpret(head: RequestHead) -> None:
    """Read the fields that decide how the message is framed and whether it can be served."""
    hosts: list[bytes] = []
    codings: list[bytes] = []
    connection: bytes | None = None
    upgrade = False
    for name, value in head.fields:
        kind = _kinds.get(name)
        if kind is None:
            kind = _remember_kind(name)
        if not kind:
            continue
        if kind == _HOST_FIELD:
            hosts.append(value)
        elif kind == _CONNECTION:
            connection = value if connection is None else connection + b"," + value
        elif kind == _LENGTH:
            _read_content_length(head, value)
        elif kind == _CODING:
            codings.append(value)
        elif kind == _EXPECT:
            _read_expect(head, value)
        elif kind == _CONDITION:
            head.conditional = True
        else:
            upgrade = True
    if connection is not None:
        _read_connection(head, connection)
    if codings:
        _read_codings(head, codings)
    head.upgrade = head.upgrade and upgrade
    _read_host(head, hosts)


def _remember_kind(name: bytes) -> int:
    kind = _SPECIAL.get(name.lower(), 0)
    if len(name) <= _LONGEST_CACHED:
        if len(_kinds) >= _CACHE_SIZE:
            _kinds.clear()
        _kinds[name] = kind
    return kind


def _read_connection(head: RequestHead, value: bytes) -> None:
    """RFC 9110 section 7.6.1: a list of case-insensitive options; close wins over keep-alive."""
    options = value.lower()
    if options == b"keep-alive" and head.version == "HTTP/1.1":
        return
    found = {option.strip(b" \t") for option in options.split(b",")}
    if b"close" in found:
        head.keep_alive = False
    elif b"keep-alive" in found:
        head.keep_alive = True
    if b"upgrade" in found:
        head.upgrade = True


def _read_content_length(head: RequestHead, value: bytes) -> None:
    """RFC 9112 section 6.3: anything but one row of digits makes the framing unsure."""
    if head.content_length is not None:
        raise BadRequest(400, "Content-Length is repeated")
    if not value.isdigit() or len(value) > 18:
        raise BadRequest(400, "Content-Length is not a decimal number of bytes")
    head.content_length = int(value)


def _read_codings(head: RequestHead, values: list[bytes]) -> None:
    """RFC 9112 sections 6.1 and 6.3: a request body is chunked, once and last, or refused."""
    if head.version == "HTTP/1.0":
        raise BadRequest(400, "HTTP/1.0 has no Transfer-Encoding")
    if head.content_length is not None:
        raise BadRequest(400, "Content-Length and Transfer-Encoding exclude each other")
    codings = [coding.strip(b" \t").lower() for coding in b",".join(values).split(b",")]
    if codings[-1] != b"chunked" or b"chunked" in codings[:-1]:
        raise BadRequest(400, "the transfer coding of a request must end with one chunked")
    if len(codings) > 1:
        raise BadRequest(501, "this server knows the transfer coding chunked only")
    head.chunked = True


def _read_expect(head: RequestHead, value: bytes) -> None:
    """RFC 9110 section 10.1.1: 100-continue, ignored in HTTP/1.0; others may be refused."""
    if value.lower() != b"100-continue":
        raise BadRequest(417, "this server meets the expectation 100-continue only")
    head.expect_continue = head.version == "HTTP/1.1"


def _read_host(head: RequestHead, hosts: list[bytes]) -> None:
    """RFC 9112 section 3.2: exactly one valid Host; the authority of an absolute target wins."""
    if len(hosts) != 1 and (hosts or head.version == "HTTP/1.1"):
        raise BadRequest(
            400,
            "an HTTP/1.1 request has exactly one Host field" if not hosts else "Host is repeated",
        )
    if hosts:
        host = _known_hosts.get(hosts[0])
        head.host = _check_host(hosts[0]) if host is None else host
    if head.target[0] not in "/*" and head.method != "CONNECT":
        found = _ABSOLUTE.match(head.target.encode("ascii"))
        if found:
            head.host = _check_host(found[1])


def _check_host(value: bytes) -> str:
    found = _HOST.fullmatch(value)
    if found is None or int(found[1] or 0) > 65535:
        raise BadRequest(400, "the host is not a valid host name or address with an optional port")
    host = value.decode("ascii")
    if len(value) <= _LONGEST_CACHED:
        if len(_known_hosts) >= _CACHE_SIZE:
            _known_hosts.clear()
        _known_hosts[value] = host
    return host
