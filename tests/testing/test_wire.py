"""The strict reader of responses, and the writer of request heads."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cyclone.testing import ResponseError, ResponseParser
from cyclone.testing.wire import encode_chunk, encode_head, parse_fields
from tests.web.counting import steps


def head(*fields: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *fields, "", ""]).encode("latin-1")


SIZED = head("Content-Length: 5")
CHUNKED = head("Transfer-Encoding: chunked")
LAST = b"0\r\n\r\n"

# name: method, bytes of one response, framing, body; all of them end by themselves
COMPLETE: dict[str, tuple[str, bytes, str, bytes]] = {
    "sized": ("GET", SIZED + b"hello", "sized", b"hello"),
    "sized, empty": ("GET", head("Content-Length: 0"), "sized", b""),
    "chunked": ("GET", CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n" + LAST, "chunked", b"hello"),
    "chunked, empty": ("GET", CHUNKED + LAST, "chunked", b""),
    "a chunk with an extension": ("GET", CHUNKED + b"1;a=b\r\nx\r\n" + LAST, "chunked", b"x"),
    "a chunk size in hex": (
        "GET",
        CHUNKED + b"0A\r\n" + b"x" * 10 + b"\r\n" + LAST,
        "chunked",
        b"x" * 10,
    ),
    "CRLF in a chunk": ("GET", CHUNKED + b"4\r\n\r\n\r\n\r\n" + LAST, "chunked", b"\r\n\r\n"),
    "trailers": ("GET", CHUNKED + b"0\r\nX-T: 1\r\n\r\n", "chunked", b""),
    "HEAD with a size": ("HEAD", SIZED, "none", b""),
    "HEAD, chunked": ("HEAD", CHUNKED, "none", b""),
    "HEAD with nothing": ("HEAD", head(), "none", b""),
    "204": ("GET", head(status="HTTP/1.1 204 No Content"), "none", b""),
    "304 with a size": ("GET", head("Content-Length: 5", status="HTTP/1.1 304 x"), "none", b""),
    "101": ("GET", head("Upgrade: x", status="HTTP/1.1 101 Switching"), "upgrade", b""),
    "2xx to CONNECT": ("CONNECT", head(), "upgrade", b""),
    "an error to CONNECT": (
        "CONNECT",
        head("Content-Length: 1", status="HTTP/1.1 405 x") + b"x",
        "sized",
        b"x",
    ),
    "HTTP/1.0": ("GET", head("Content-Length: 1", status="HTTP/1.0 200 OK") + b"x", "sized", b"x"),
    "no reason": ("GET", head("Content-Length: 0", status="HTTP/1.1 200 "), "sized", b""),
    "interim responses": (
        "GET",
        head(status="HTTP/1.1 100 Continue")
        + head("Link: </a>", status="HTTP/1.1 103 Early Hints")
        + SIZED
        + b"hello",
        "sized",
        b"hello",
    ),
}


def parsed(data: bytes, method: str = "GET") -> ResponseParser:
    parser = ResponseParser(method)
    assert parser.feed(data) == b""
    return parser


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize("name", COMPLETE)
def test_complete_responses(name: str, size: int) -> None:
    method, data, framing, body = COMPLETE[name]
    parser = ResponseParser(method)
    rest = b""
    for start in range(0, len(data), size):
        assert not parser.complete
        assert rest == b""
        rest = parser.feed(data[start : start + size])
    assert parser.complete
    assert (parser.framing, bytes(parser.body), rest) == (framing, body, b"")
    parser.eof()


@pytest.mark.parametrize("name", COMPLETE)
def test_what_follows_is_returned(name: str) -> None:
    method, data, _, body = COMPLETE[name]
    parser = ResponseParser(method)
    assert parser.feed(data + b"HTTP/1.1 next") == b"HTTP/1.1 next"
    assert bytes(parser.body) == body
    assert parser.feed(b"more") == b"more"


@pytest.mark.parametrize("name", COMPLETE)
def test_a_response_cut_short(name: str) -> None:
    method, data, _, _ = COMPLETE[name]
    for end in range(len(data)):
        parser = ResponseParser(method)
        parser.feed(data[:end])
        with pytest.raises(ResponseError, match="closed within"):
            parser.eof()


@pytest.mark.parametrize("size", [1, 100])
def test_a_response_that_ends_with_the_connection(size: int) -> None:
    parser = ResponseParser()
    for start in range(0, 60, size):
        parser.feed((head("A: b") + b"x" * 60)[start : start + size])
    parser.feed((head("A: b") + b"x" * 60)[60:] if size == 1 else b"")
    assert (parser.framing, parser.complete) == ("close", False)
    parser.eof()
    assert parser.complete
    assert bytes(parser.body) == b"x" * 60
    assert not parser.keep_alive


def test_what_a_head_says() -> None:
    parser = parsed(head("B: 1", "A:  2 ", "b: \xe9", "C:", "Content-Length: 0"))
    assert (parser.version, parser.status, parser.reason) == ("HTTP/1.1", 200, "OK")
    assert parser.fields[:4] == [("B", "1"), ("A", "2"), ("b", "\xe9"), ("C", "")]
    assert parser.values("B") == ["1", "\xe9"]
    assert parser.values("X") == []


def test_interim_responses_and_trailers() -> None:
    parser = parsed(COMPLETE["interim responses"][1])
    assert parser.informational == [(100, []), (103, [("Link", "</a>")])]
    assert parser.status == 200
    parser = parsed(CHUNKED + b"0\r\nX-T: 1\r\nY: 2\r\n\r\n")
    assert parser.trailers == [("X-T", "1"), ("Y", "2")]


INTERIM = head(status="HTTP/1.1 100 Continue")
REFUSED = {
    "bare LF": (b"HTTP/1.1 200 OK\nA: b\n\n\r\n\r\n", "status line"),
    "HTTP/2": (head(status="HTTP/2 200 OK"), "status line"),
    "HTTP/1.2": (head(status="HTTP/1.2 200 OK"), "status line"),
    "a status of two digits": (head(status="HTTP/1.1 20 OK"), "status line"),
    "status 600": (head(status="HTTP/1.1 600 OK"), "status line"),
    "no space after the status": (head(status="HTTP/1.1 200"), "status line"),
    "a control character in the reason": (head(status="HTTP/1.1 200 \x00"), "status line"),
    "an empty line first": (b"\r\n\r\n", "status line"),
    "a field without a colon": (head("Server"), "field line"),
    "a space before the colon": (head("Server : x"), "field line"),
    "a folded line": (head("Server: x", " y"), "field line"),
    "an empty name": (head(": x"), "field line"),
    "a bare CR in a value": (head("A: b\rc"), "field line"),
    "NUL in a value": (head("A: b\x00"), "field line"),
    "two sizes": (head("Content-Length: 1", "Content-Length: 1"), "bad Content-Length"),
    "a list of sizes": (head("Content-Length: 1, 1"), "bad Content-Length"),
    "a signed size": (head("Content-Length: +1"), "bad Content-Length"),
    "an empty size": (head("Content-Length:"), "bad Content-Length"),
    "digits that are not ASCII": (head("Content-Length: \xb2"), "bad Content-Length"),
    "a size and chunks": (
        head("Content-Length: 1", "Transfer-Encoding: chunked"),
        "Content-Length and Transfer-Encoding",
    ),
    "another coding": (head("Transfer-Encoding: gzip, chunked"), "chunked coding alone"),
    "chunked twice": (
        head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        "chunked coding alone",
    ),
    "chunks in HTTP/1.0": (
        head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK"),
        "HTTP/1.0",
    ),
    "a size in 204": (head("Content-Length: 0", status="HTTP/1.1 204 x"), "in a 204"),
    "chunks in 204": (head("Transfer-Encoding: chunked", status="HTTP/1.1 204 x"), "in a 204"),
    "a size in 101": (head("Content-Length: 0", status="HTTP/1.1 101 x"), "in a 101"),
    "a size in 100": (head("Content-Length: 0", status="HTTP/1.1 100 x"), "in a 100"),
    "a bad head after 100": (INTERIM + b"x\r\n\r\n", "status line"),
    "a chunk size that is none": (CHUNKED + b"x\r\n", "chunk size"),
    "an empty chunk size": (CHUNKED + b"\r\n", "chunk size"),
    "a signed chunk size": (CHUNKED + b"+1\r\n", "chunk size"),
    "a chunk size that is too long": (CHUNKED + b"0" * 17 + b"\r\n", "chunk size"),
    "a chunk longer than its size": (CHUNKED + b"1\r\nxy\r\n", "longer than its size"),
    "a trailer that is no field": (CHUNKED + b"0\r\nx\r\n\r\n", "field line"),
    "a head without end": (b"x" * ((1 << 20) + 1), "head does not end"),
    "a line without end": (CHUNKED + b"1;" + b"x" * (1 << 20), "line does not end"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_server_may_send(name: str) -> None:
    data, message = REFUSED[name]
    with pytest.raises(ResponseError, match=message):
        ResponseParser().feed(data)


@pytest.mark.parametrize("name", [name for name, (data, _) in REFUSED.items() if len(data) < 1000])
def test_the_same_byte_by_byte(name: str) -> None:
    data, message = REFUSED[name]
    parser = ResponseParser()
    with pytest.raises(ResponseError, match=message):
        for byte in data:
            parser.feed(bytes([byte]))


KEEP_ALIVE = [
    ("HTTP/1.1 200 OK", (), True),
    ("HTTP/1.1 200 OK", ("Connection: close",), False),
    ("HTTP/1.1 200 OK", ("Connection: TE, Close",), False),
    ("HTTP/1.1 200 OK", ("Connection: x-close",), True),
    ("HTTP/1.1 200 OK", ("Connection: keep-alive", "Connection: close"), False),
    ("HTTP/1.0 200 OK", (), False),
    ("HTTP/1.0 200 OK", ("Connection: Keep-Alive",), True),
    ("HTTP/1.0 200 OK", ("Connection: keep-alive, close",), False),
]


@pytest.mark.parametrize(("status", "fields", "kept"), KEEP_ALIVE)
def test_keep_alive(status: str, fields: tuple[str, ...], kept: bool) -> None:
    assert parsed(head("Content-Length: 0", *fields, status=status)).keep_alive is kept


def test_an_incomplete_response_keeps_nothing_alive() -> None:
    assert not parsed(SIZED).keep_alive
    assert not parsed(COMPLETE["101"][1]).keep_alive


@given(st.lists(st.binary(min_size=1, max_size=40)), st.data())
def test_chunks_that_are_written_are_read(chunks: list[bytes], data: st.DataObject) -> None:
    stream = CHUNKED + b"".join(map(encode_chunk, [*chunks, b""])) + b"rest"
    parser = ResponseParser()
    rest = b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        rest += parser.feed(stream[:size])
        stream = stream[size:]
    assert parser.complete
    assert bytes(parser.body) == b"".join(chunks)
    assert rest == b"rest"


@given(
    st.one_of(
        st.binary(max_size=80),
        st.binary(max_size=40).map(CHUNKED.__add__),
        st.binary(max_size=40).map(b"HTTP/1.1 200 OK\r\n".__add__),
    ),
    st.integers(1, 9),
)
@example(b"HTTP/1.1 200 OK\r\n\r\n", 1)
def test_the_same_however_it_is_cut(data: bytes, size: int) -> None:
    def read(pieces: list[bytes]) -> object:
        parser, rest = ResponseParser(), b""
        try:
            for piece in pieces:
                rest += parser.feed(piece)
        except ResponseError:
            return "refused"
        return parser.status, bytes(parser.body), parser.trailers, parser.complete, rest

    assert read([data]) == read([data[at : at + size] for at in range(0, len(data), size)])


def test_many_chunks_cost_a_constant_each() -> None:
    def work(count: int) -> int:
        data = CHUNKED + b"1\r\nx\r\n" * count + LAST
        return steps(lambda: ResponseParser().feed(data))

    assert work(400) < 5 * work(100)


def test_fields() -> None:
    assert parse_fields([]) == []
    assert parse_fields([b"A:b", b"A: \tc d\t"]) == [("A", "b"), ("A", "c d")]
    with pytest.raises(ResponseError, match="field line"):
        parse_fields([b"A: b", b""])


def test_encode_head() -> None:
    assert encode_head("GET", "/", []) == b"GET / HTTP/1.1\r\n\r\n"
    assert (
        encode_head("M", "/\xe9", [("A", "b c"), ("A", "\xe9")], "HTTP/1.0")
        == b"M /\xe9 HTTP/1.0\r\nA: b c\r\nA: \xe9\r\n\r\n"
    )


BREAKING_OUT = [
    ("GET /", "/", []),
    ("GET", "/ HTTP/1.0", []),
    ("GET\r\n", "/", []),
    ("GET", "/\n", []),
    ("GET", "/\x00", []),
    ("GET", "/", [("A", "b\r\nC: d")]),
    ("GET", "/", [("A\r\n\r\n", "b")]),
]


@pytest.mark.parametrize(("method", "target", "fields"), BREAKING_OUT)
def test_a_head_keeps_its_parts_apart(
    method: str, target: str, fields: list[tuple[str, str]]
) -> None:
    with pytest.raises(ValueError, match=r"control character|space in"):
        encode_head(method, target, fields)


def test_encode_chunk() -> None:
    assert encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert encode_chunk(b"") == b"0\r\n\r\n"
