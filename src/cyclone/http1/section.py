"""From the bytes of a header section to a `HeaderSection`: one pure function, and its memory.

llhttp, through httptools, checks the grammar of the fields.  What it lets through and RFC 9112
does not is refused here: Host, Transfer-Encoding, Content-Length, Connection, Expect.

A client that keeps its connection sends the same section again and again, and what a section means
depends on nothing but its bytes and the version of the protocol.  Sections are remembered for that
reason; how many, and how long ones, is bounded.
"""

from __future__ import annotations

import re

import httptools

from .refusal import BadRequest

__all__ = ["HeaderSection", "check_host", "parse_section"]


class HeaderSection:
    """The header fields of one request, or of many that have the same.  Never changed.

    Attributes:
        fields: header fields in order, names as sent, values without surrounding white space.
        host: the Host field, "" if there is none.
        content_length: announced size of the body in bytes, None without Content-Length.
        chunked: whether the body is chunked.
        has_body: whether body bytes follow (RFC 9112 section 6).
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
        "has_body",
        "host",
        "keep_alive",
        "upgrade",
    )

    def __init__(self, version: str, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        self.fields = fields
        self.host = ""
        self.content_length: int | None = None
        self.chunked = False
        self.keep_alive = version == "HTTP/1.1"
        self.expect_continue = False
        self.upgrade = False
        self.conditional = False
        _interpret(self, version)
        self.has_body = self.chunked or bool(self.content_length)


class _Fields(list[tuple[bytes, bytes]]):
    """What llhttp reports to."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.append((name, value))


# RFC 9110 section 7.2, RFC 3986 section 3.2: uri-host [ ":" port ], no user information.  Without
# the comma, which would let two hosts pass for one.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:\-]+\]"
    rb"|(?:[\w.~!$&'()*+;=\-]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?",
    re.ASCII,
)
_CHUNKED_LINE = re.compile(rb"(\r\ntransfer-encoding:)[ \t]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)

#: llhttp parses whole heads.  The request line is not its business: it refuses methods that it
#: does not know, and gives some that it knows a grammar of their own (RTSP's, CONNECT's).
_REQUEST_LINE = b"GET / HTTP/1.1\r\n"

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
_CACHE_SIZE = 1024
_LONGEST_CACHED = 64

#: Sections that were seen lately, for each version.
_remembered: dict[str, dict[bytes, HeaderSection]] = {"HTTP/1.0": {}, "HTTP/1.1": {}}
_MOST_REMEMBERED = 256
_LONGEST_REMEMBERED = 2048


def parse_section(data: bytes, version: str) -> HeaderSection:
    """Parse a header section.

    Args:
        data: from the first field line to the empty line, both included.
        version: of the request, ``"HTTP/1.0"`` or ``"HTTP/1.1"``.

    Raises:
        BadRequest: with status 400, 417 or 501.
    """
    remembered = _remembered[version]
    section = remembered.get(data)
    if section is None:
        section = HeaderSection(version, _parse_fields(data))
        if len(data) <= _LONGEST_REMEMBERED:
            if len(remembered) >= _MOST_REMEMBERED:
                remembered.clear()
            remembered[data] = section
    return section


def _parse_fields(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Have llhttp check the grammar of the header section and split it."""
    head = _REQUEST_LINE + data
    try:
        fields = _llhttp_fields(head)
    except httptools.HttpParserError as exc:
        # RFC 9112 sections 5 and 7: names of codings are case-insensitive, and white space may
        # stand around them; llhttp takes offence at both.
        usual = _CHUNKED_LINE.sub(rb"\1 chunked", head)
        if usual == head:
            raise BadRequest(400, f"malformed header section: {exc}") from None
        return _parse_fields(usual[len(_REQUEST_LINE) :])
    if b" \r\n" in data or b"\t\r\n" in data:
        return tuple((name, value.strip(b" \t")) for name, value in fields)
    return tuple(fields)


def _llhttp_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    fields = _Fields()
    try:  # noqa: SIM105 - contextlib.suppress costs as much as three header fields
        httptools.HttpRequestParser(fields).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # llhttp stops there by design; the head is complete
    return fields


def _interpret(section: HeaderSection, version: str) -> None:
    """Read the fields that decide how the message is framed and whether it can be served."""
    hosts: list[bytes] = []
    codings: list[bytes] = []
    connection: bytes | None = None
    upgrade = False
    for name, value in section.fields:
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
            _read_content_length(section, value)
        elif kind == _CODING:
            codings.append(value)
        elif kind == _EXPECT:
            _read_expect(section, value, version)
        elif kind == _CONDITION:
            section.conditional = True
        else:
            upgrade = True
    if connection is not None:
        _read_connection(section, connection)
    if codings:
        _read_codings(section, codings, version)
    section.upgrade = section.upgrade and upgrade
    _read_host(section, hosts, version)


def _remember_kind(name: bytes) -> int:
    kind = _SPECIAL.get(name.lower(), 0)
    if len(name) <= _LONGEST_CACHED:
        if len(_kinds) >= _CACHE_SIZE:
            _kinds.clear()
        _kinds[name] = kind
    return kind


def _read_connection(section: HeaderSection, value: bytes) -> None:
    """RFC 9110 section 7.6.1: a list of case-insensitive options; close wins over keep-alive."""
    found = {option.strip(b" \t") for option in value.lower().split(b",")}
    if b"close" in found:
        section.keep_alive = False
    elif b"keep-alive" in found:
        section.keep_alive = True
    if b"upgrade" in found:
        section.upgrade = True


def _read_content_length(section: HeaderSection, value: bytes) -> None:
    """RFC 9112 section 6.3: anything but one row of digits makes the framing unsure."""
    if section.content_length is not None:
        raise BadRequest(400, "Content-Length is repeated")
    if not value.isdigit() or len(value) > 18:
        raise BadRequest(400, "Content-Length is not a decimal number of bytes")
    section.content_length = int(value)


def _read_codings(section: HeaderSection, values: list[bytes], version: str) -> None:
    """RFC 9112 sections 6.1 and 6.3: a request body is chunked, once and last, or refused."""
    if version == "HTTP/1.0":
        raise BadRequest(400, "HTTP/1.0 has no Transfer-Encoding")
    if section.content_length is not None:
        raise BadRequest(400, "Content-Length and Transfer-Encoding exclude each other")
    codings = [coding.strip(b" \t").lower() for coding in b",".join(values).split(b",")]
    if codings[-1] != b"chunked" or b"chunked" in codings[:-1]:
        raise BadRequest(400, "the transfer coding of a request must end with one chunked")
    if len(codings) > 1:
        raise BadRequest(501, "this server knows the transfer coding chunked only")
    section.chunked = True


def _read_expect(section: HeaderSection, value: bytes, version: str) -> None:
    """RFC 9110 section 10.1.1: 100-continue, ignored in HTTP/1.0; others may be refused."""
    if value.lower() != b"100-continue":
        raise BadRequest(417, "this server meets the expectation 100-continue only")
    section.expect_continue = version == "HTTP/1.1"


def _read_host(section: HeaderSection, hosts: list[bytes], version: str) -> None:
    """RFC 9112 section 3.2: exactly one valid Host."""
    if len(hosts) != 1 and (hosts or version == "HTTP/1.1"):
        raise BadRequest(
            400,
            "an HTTP/1.1 request has exactly one Host field" if not hosts else "Host is repeated",
        )
    if hosts:
        section.host = check_host(hosts[0])


def check_host(value: bytes) -> str:
    """A host with an optional port (RFC 9110 section 7.2), as text.

    Raises:
        BadRequest: 400, it is none.
    """
    found = _HOST.fullmatch(value)
    if found is None or int(found[1] or 0) > 65535:
        raise BadRequest(400, "the host is not a valid host name or address with an optional port")
    return value.decode("ascii")
