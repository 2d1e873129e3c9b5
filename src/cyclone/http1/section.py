"""From the bytes of a header section to a `HeaderSection`: a pure function, and its memory.

The grammar of the fields is checked in `fields`; what it lets through and RFC 9112 does not is
refused here: Host, Transfer-Encoding, Content-Length, Connection, Expect.

A client that keeps its connection sends the same section again and again, and what a section means
depends on nothing but its bytes and the version of the protocol.  Sections that come again are
remembered for that reason.
"""

from __future__ import annotations

import re

from .fields import checked_fields
from .memory import Memory
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


# RFC 9110 section 7.2, RFC 3986 section 3.2: uri-host [ ":" port ], no user information.  Without
# the comma, which would let two hosts pass for one.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:\-]+\]"
    rb"|(?:[\w.~!$&'()*+;=\-]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?",
    re.ASCII,
)

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
#: Spelling of a field name -> its entry in _SPECIAL, or 0.
_kinds: Memory[int] = Memory(1024, 64)
#: Values of Host, as text.
_hosts: Memory[str] = Memory(256, 64)
#: Sections, for each version.
_memories: dict[str, Memory[HeaderSection]] = {
    "HTTP/1.0": Memory(256, 2048),
    "HTTP/1.1": Memory(256, 2048),
}


def parse_section(data: bytes, version: str) -> HeaderSection:
    """Parse a header section.

    Args:
        data: from the first field line to the empty line, both included.
        version: of the request, ``"HTTP/1.0"`` or ``"HTTP/1.1"``.

    Raises:
        BadRequest: with status 400, 417 or 501.
    """
    memory = _memories[version]
    section = memory.known.get(data)
    if section is None:
        section = HeaderSection(version, tuple(checked_fields(data)))
        memory.keep(data, section)
    return section


def _interpret(section: HeaderSection, version: str) -> None:
    """Read the fields that decide how the message is framed and whether it can be served."""
    hosts: list[bytes] = []
    codings: list[bytes] = []
    connection: bytes | None = None
    upgrade = False
    known = _kinds.known.get
    for name, value in section.fields:
        kind = known(name)
        if kind is None:
            kind = _SPECIAL.get(name.lower(), 0)
            _kinds.keep(name, kind)
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
    if connection == b"keep-alive":
        section.keep_alive = True
    elif connection is not None:
        _read_connection(section, connection)
    if codings:
        _read_codings(section, codings, version)
    section.upgrade = section.upgrade and upgrade
    _read_host(section, hosts, version)


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
        host = _hosts.known.get(hosts[0])
        if host is None:
            host = check_host(hosts[0])
            _hosts.keep(hosts[0], host)
        section.host = host


def check_host(value: bytes) -> str:
    """A host with an optional port (RFC 9110 section 7.2), as text.

    Raises:
        BadRequest: 400, it is none.
    """
    found = _HOST.fullmatch(value)
    if found is None or int(found[1] or 0) > 65535:
        raise BadRequest(400, "the host is not a valid host name or address with an optional port")
    return value.decode("ascii")
