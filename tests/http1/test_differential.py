"""Our reading of requests against that of h11 and llhttp: same decision, same result.

Parsers that disagree about where a message ends are how requests are smuggled. h11 and llhttp
(through httptools) are the oracles; where they are known to be more lenient or more strict than
RFC 9110 and 9112 ask of us, a row of a table says so, with its reason. A request on which the
parsers differ and that no row explains fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cyclone.http1 import BadRequest, ChunkedDecoder, HTTPFactory, Limits, parse_head
from cyclone.testing.connection import MemoryConnection

from .generate import Meaning, chunked_bodies, heads, requests

#: As many as the profile of hypothesis wants, and not too few.
EXAMPLES = max(300, settings().max_examples)
LIMITS = Limits()


@dataclass(frozen=True)
class Divergence:
    """Where parsers may differ: `applies` looks at the bytes; `reason` says why."""

    name: str
    applies: Callable[[bytes], object]
    reason: str


def pattern(expression: bytes, flags: int = re.IGNORECASE) -> Callable[[bytes], object]:
    """A predicate on the bytes: `expression` is found in them."""
    return re.compile(expression, flags).search


# -- heads


def values_of(data: bytes, name: bytes) -> list[bytes]:
    """All values of a field in `data`, read as leniently as h11 does."""
    lines = re.split(rb"\r?\n", data)[1:]
    pairs = [line.split(b":", 1) for line in lines if b":" in line]
    return [value.strip(b" \t") for key, value in pairs if key.lower() == name]


def target_of(data: bytes) -> bytes:
    return data.split(b" ")[1]


def _bad_target(data: bytes) -> bool:
    method, target = data.split(b" ")[:2]
    if target == b"*":
        return method != b"OPTIONS"
    if method == b"CONNECT":
        return not re.fullmatch(rb"[^/@]+:?\d*", target)
    return not re.match(rb"/|https?://", target, re.IGNORECASE) or b"#" in target


def _bad_host(data: bytes) -> bool:
    hosts = values_of(data, b"host")
    absolute = re.match(rb"https?://([^/?]*)", target_of(data), re.IGNORECASE)
    if absolute:
        hosts.append(absolute[1])
    # Without the comma, which would let two hosts pass for one.
    letters = rb"(?:[\w.~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+"
    form = re.compile(rb"(?:" + letters + rb"|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
    return not all(form.fullmatch(host) for host in hosts)


#: What h11 lets through and we refuse.
H11_LENIENT = (
    Divergence(
        "line feed alone",
        pattern(rb"(?<!\r)\n"),
        "RFC 9112 section 2.2 allows it; it hides fields from stricter neighbours",
    ),
    Divergence(
        "folded line", pattern(rb"\n[ \t]"), "RFC 9112 section 5.2: a server may refuse obs-fold"
    ),
    Divergence(
        "Content-Length repeated or a list",
        lambda data: (
            len(values_of(data, b"content-length")) > 1
            or b"," in b"".join(values_of(data, b"content-length"))
        ),
        "RFC 9112 section 6.3 allows equal values; it is safer to refuse them",
    ),
    Divergence(
        "Content-Length of more than 18 digits",
        lambda data: any(len(value) > 18 for value in values_of(data, b"content-length")),
        "larger than anything real; h11 allows 20",
    ),
    Divergence(
        "Content-Length with Transfer-Encoding",
        lambda data: values_of(data, b"content-length") and values_of(data, b"transfer-encoding"),
        "RFC 9112 section 6.1: a server may refuse it",
    ),
    Divergence(
        "Transfer-Encoding in HTTP/1.0",
        lambda data: b"HTTP/1.0\r\n" in data and values_of(data, b"transfer-encoding"),
        "RFC 9112 section 6.1: faulty framing",
    ),
    Divergence(
        "version",
        pattern(rb"\A[^ ]+ [^ ]+ HTTP/(?!1\.[01]\r)"),
        "we speak 1.0 and 1.1 and answer others 505",
    ),
    Divergence(
        "target", _bad_target, "RFC 9112 section 3.2: h11 takes any visible characters for a target"
    ),
    Divergence("Host", _bad_host, "RFC 9112 section 3.2: an invalid Host is refused"),
    Divergence(
        "control characters in a value",
        pattern(rb":[^\r\n]*[\x01-\x08\x0e-\x1f\x7f]"),
        "RFC 9110 section 5.5: h11 lets all but NUL and white space through",
    ),
    Divergence(
        "expectation",
        lambda data: any(value.lower() != b"100-continue" for value in values_of(data, b"expect")),
        "answered 417; h11 leaves Expect to its user",
    ),
)

#: What we let through and h11 refuses.
H11_STRICT: tuple[Divergence, ...] = ()


def ours(data: bytes) -> tuple[Any, ...] | None:
    """What parse_head makes of a head, None when it refuses it."""
    try:
        head = parse_head(data, LIMITS)
    except BadRequest:
        return None
    fields = [(name.lower(), value) for name, value in head.fields]
    return (head.method, head.target, head.version, fields, head.content_length, head.chunked)


def theirs(data: bytes) -> tuple[Any, ...] | None:
    """What h11 makes of it."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    lengths = [value for name, value in event.headers if name == b"content-length"]
    chunked = any(name == b"transfer-encoding" for name, _ in event.headers)
    fields = list(event.headers)
    return (
        event.method.decode(),
        event.target.decode(),
        "HTTP/" + event.http_version.decode(),
        fields,
        int(lengths[0]) if lengths else None,
        chunked,
    )


def small(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """`fields` with Transfer-Encoding in small letters, as h11 gives it."""
    return [(n, v.lower() if n == b"transfer-encoding" else v) for n, v in fields]


@settings(max_examples=EXAMPLES)
@given(heads())
@example(b"GET / HTTP/1.1\r\nHost: ,a\r\n\r\n")
def test_heads_against_h11(data: bytes) -> None:
    mine, other = ours(data), theirs(data)
    if mine is None and other is not None:
        assert any(row.applies(data) for row in H11_LENIENT), data
    elif mine is not None and other is None:
        assert any(row.applies(data) for row in H11_STRICT), data
    elif mine is not None and other is not None:
        assert (*mine[:3], small(mine[3]), *mine[4:]) == (*other[:3], small(other[3]), *other[4:])


@pytest.mark.parametrize("row", H11_LENIENT, ids=lambda row: row.name)
def test_h11_really_is_lenient(row: Divergence) -> None:
    """A row that nothing needs any more has to go: it would hide a real divergence."""
    get = b"GET / HTTP/1.1\r\nHost: a\r\n"
    example = {
        "line feed alone": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "folded line": get + b"X: y\r\n z\r\n\r\n",
        "Content-Length repeated or a list": get + b"Content-Length: 5, 5\r\n\r\n",
        "Content-Length of more than 18 digits": get
        + b"Content-Length: "
        + b"1" * 19
        + b"\r\n\r\n",
        "Content-Length with Transfer-Encoding": get
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        "version": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "target": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "Host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "control characters in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n",
        "expectation": b"GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
    }[row.name]
    assert row.applies(example)
    assert theirs(example) is not None
    assert ours(example) is None
    others = [each.name for each in H11_LENIENT if each is not row and each.applies(example)]
    assert not others


# -- chunked bodies


def decode_ours(data: bytes) -> tuple[bytes, bytes] | str:
    """The body and what follows it; "refused", or "more"."""
    decoder = ChunkedDecoder(LIMITS)
    try:
        body = b"".join(decoder.feed(data))
    except BadRequest:
        return "refused"
    return (body, decoder.rest) if decoder.complete else "more"


def decode_h11(data: bytes) -> tuple[bytes, bytes] | str:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data
    )
    connection.next_event()
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return "refused"
        if isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return body, connection.trailing_data[0]
        else:
            return "more"


class _Body:
    def __init__(self) -> None:
        self.body = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def decode_llhttp(data: bytes) -> bytes | str:
    """The body; llhttp goes on with what follows, so it is fed byte by byte up to the end."""
    told = _Body()
    parser = httptools.HttpRequestParser(told)
    parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for position in range(len(data)):
        try:
            parser.feed_data(data[position : position + 1])
        except httptools.HttpParserError:
            return "refused"
        if told.complete:
            return told.body
    return "more"


_SIZE_LINE = rb"(?:\A|\n)[0-9A-Fa-f]+"

CHUNKS_H11_LENIENT = (
    Divergence(
        "white space after a size",
        pattern(_SIZE_LINE + rb"(;[^\n]*)?[ \t]+\r\n"),
        "h11 takes it from servers in the wild; RFC 9112 section 7.1 has none",
    ),
    Divergence(
        "size of 17 to 20 digits", pattern(_SIZE_LINE + rb"(?<=[0-9A-Fa-f]{17})"), "2**64 and more"
    ),
    Divergence(
        "any byte in an extension",
        pattern(rb";[^\n]*[\x00-\x08\x0a-\x1f\x7f]"),
        "h11 reads extensions over up to CR LF, a bare CR or LF in them too",
    ),
    Divergence(
        "line feed alone in trailers", pattern(rb"(?<!\r)\n"), "h11 ends header lines at LF"
    ),
    Divergence("folded trailer", pattern(rb"\n[ \t]"), "RFC 9112 section 5.2"),
    Divergence(
        "control characters in a trailer",
        pattern(rb":[^\r\n]*[\x01-\x08\x0e-\x1f\x7f]"),
        "as in fields",
    ),
    Divergence(
        "an early answer",
        lambda data: decode_h11(data) == "more",
        "we refuse at the first wrong byte, h11 when a line is complete",
    ),
)
CHUNKS_H11_STRICT = (
    Divergence(
        "white space before an extension",
        pattern(_SIZE_LINE + rb"[ \t]+;"),
        "BWS in RFC 9112 section 7.1.1, to be accepted",
    ),
    Divergence(
        "framing fields in a trailer",
        pattern(rb"\n(Content-Length|Transfer-Encoding):"),
        "h11 checks their values; we drop them unread",
    ),
    Divergence("vertical white space in a trailer", pattern(rb"[\x0b\x0c]"), "never in ours"),
    Divergence(
        "waiting for the end of a line",
        lambda data: decode_ours(data) == "more",
        "h11 looks at a line end byte by byte",
    ),
)
CHUNKS_LLHTTP_LENIENT = (
    Divergence(
        "size of more than 16 digits",
        pattern(_SIZE_LINE + rb"(?<=[0-9A-Fa-f]{17})"),
        "llhttp counts value bits, so that zeros do not matter to it",
    ),
    Divergence(
        "an early answer",
        lambda data: decode_llhttp(data) == "more",
        "we refuse at the first wrong byte",
    ),
)
CHUNKS_LLHTTP_STRICT = (
    Divergence(
        "framing fields in a trailer",
        pattern(rb"\n(Content-Length|Transfer-Encoding):"),
        "llhttp refuses them there; we drop them unread",
    ),
    Divergence(
        "text in an extension",
        pattern(_SIZE_LINE + rb"[ \t]*;"),
        "llhttp parses extensions, to tokens and quoted strings; we read them over as text, "
        "which ends at the same CR LF",
    ),
    Divergence(
        "waiting for the end of a line",
        lambda data: decode_ours(data) == "more",
        "llhttp refuses within a line what we refuse at its end",
    ),
)


def compare(
    data: bytes,
    mine: object,
    other: object,
    lenient: tuple[Divergence, ...],
    strict: tuple[Divergence, ...],
) -> None:
    """Both read the same, or a row explains why not."""
    if mine == other:
        return
    assert "refused" in (mine, other), (data, mine, other)
    rows = lenient if mine == "refused" else strict
    assert any(row.applies(data) for row in rows), (data, mine, other)


@settings(max_examples=EXAMPLES)
@given(chunked_bodies())
def test_chunked_bodies_against_h11(data: bytes) -> None:
    compare(data, decode_ours(data), decode_h11(data), CHUNKS_H11_LENIENT, CHUNKS_H11_STRICT)


@settings(max_examples=EXAMPLES)
@given(chunked_bodies())
def test_chunked_bodies_against_llhttp(data: bytes) -> None:
    mine = decode_ours(data)
    body = mine if isinstance(mine, str) else mine[0]
    compare(data, body, decode_llhttp(data), CHUNKS_LLHTTP_LENIENT, CHUNKS_LLHTTP_STRICT)


# -- whole connections


class Recorder(HTTPFactory):
    """Answers every request with nothing, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, list[tuple[bytes, bytes]], bytes]] = []

    def start_request(self, exchange: Any) -> None:
        _Collector(self, exchange).start()


class _Collector:
    def __init__(self, recorder: Recorder, exchange: Any) -> None:
        self.recorder = recorder
        self.exchange = exchange
        self.body = b""

    def start(self) -> None:
        if self.exchange.head.has_body:
            self.exchange.read_body(self)
        else:
            self.finish()

    def data_received(self, chunk: bytes) -> None:
        self.body += chunk

    def finish(self) -> None:
        head = self.exchange.head
        self.recorder.seen.append((head.method, head.target, list(head.fields), self.body))
        self.exchange.respond(200, None, b"", b"")


def read_with_h11(data: bytes) -> list[tuple[str, str, list[tuple[bytes, bytes]], bytes]]:
    """The requests that h11 finds in `data`."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    seen: list[Any] = []
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            fields = event.headers.raw_items()
            seen.append([event.method.decode(), event.target.decode(), fields, b""])
        elif isinstance(event, h11.Data):
            seen[-1][3] += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            connection.start_next_cycle()
        else:
            return [tuple(each) for each in seen]


@settings(max_examples=400)
@given(st.lists(requests(), min_size=1, max_size=5), st.data())
def test_streams_of_requests_against_h11(
    sent: list[tuple[bytes, Meaning]], data: st.DataObject
) -> None:
    stream = b"".join(each for each, _ in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    factory = Recorder()
    connection = MemoryConnection(factory)
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        connection.send(stream[start:end])
    assert factory.seen == read_with_h11(stream)
    meant = [(m.method.decode(), m.target.decode(), m.body) for _, m in sent]
    assert [(method, target, body) for method, target, _, body in factory.seen] == meant
    got = connection.responses(*(method for method, _, _ in meant))
    assert [response.status for response in got] == [200] * len(sent)
