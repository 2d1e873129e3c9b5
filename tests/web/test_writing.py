"""Writing the body of a response: write, flush, finish, framing, transforms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cyclone.httputil import HTTPHeaders, ResponseStartLine
from cyclone.testing import Client, MemoryTransport
from cyclone.web import Application, HTTPError, RequestHandler, asynchronous

from .support import GET, Noting, Stage, client_of, connection_to, doing, problems, recorded_log

GET_1_0 = b"GET / HTTP/1.0\r\n\r\n"


# --- write ---------------------------------------------------------------------------------------


class Text(str):
    """Text, of a class of its own."""


class Bytes(bytes):
    """Bytes, of a class of their own."""


CHUNKS = [
    # chunk, body, content type
    ("text", b"text", "text/html; charset=UTF-8"),
    ("gr\xfc\xdfe \u20ac", "gr\xfc\xdfe \u20ac".encode(), "text/html; charset=UTF-8"),
    (b"bytes\x00\xff", b"bytes\x00\xff", "text/html; charset=UTF-8"),
    (Text("text"), b"text", "text/html; charset=UTF-8"),
    (Bytes(b"bytes"), b"bytes", "text/html; charset=UTF-8"),
    ("", b"", "text/html; charset=UTF-8"),
    (b"", b"", "text/html; charset=UTF-8"),
    ({}, b"{}", "application/json; charset=UTF-8"),
    ({"a": [1, None, "\xfc"]}, None, "application/json; charset=UTF-8"),
    ({"html": "</script>"}, b'{"html": "<\\/script>"}', "application/json; charset=UTF-8"),
]


@pytest.mark.parametrize(("chunk", "body", "content_type"), CHUNKS)
@pytest.mark.parametrize("name", ["write", "finish"])
def test_write(chunk: Any, body: bytes | None, content_type: str, name: str) -> None:
    response = client_of(doing(lambda self: getattr(self, name)(chunk) and None)).get("/")
    assert response.status == 200
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Content-Length"] == str(len(response.body))
    if body is None:
        assert json.loads(response.body) == chunk
    else:
        assert response.body == body


@pytest.mark.parametrize("chunk", [None, 1, 1.5, [1], (1,), {1}, object(), bytearray(b"x")])
def test_what_cannot_be_written(chunk: Any) -> None:
    def action(self: RequestHandler) -> None:
        with pytest.raises(TypeError, match=r"write\(\) only accepts") as raised:
            self.write(chunk)
        assert ("Lists not accepted" in str(raised.value)) is isinstance(chunk, list)
        self.write("refused")

    assert client_of(doing(action)).get("/").body == b"refused"


def test_lists_are_written_when_the_setting_allows() -> None:
    response = client_of(doing(lambda self: self.write([1, "a"])), serialize_lists=True).get("/")
    assert response.json() == [1, "a"]
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_pieces_are_joined() -> None:
    def action(self: RequestHandler) -> None:
        self.write("a")
        self.write(b"b")
        self.write({"c": 1})

    response = client_of(doing(action)).get("/")
    assert response.body == b'ab{"c": 1}'
    assert response.headers["Content-Length"] == "10"


@pytest.mark.parametrize("finished_by", ["finish", "redirect", "send_error"])
def test_writing_after_the_end(finished_by: str) -> None:
    caught: list[str] = []

    def action(self: RequestHandler) -> None:
        {
            "finish": lambda: self.finish("x"),
            "redirect": lambda: self.redirect("/x"),
            "send_error": lambda: self.send_error(400),
        }[finished_by]()
        for late in (lambda: self.write("late"), self.finish, lambda: self.finish("late")):
            with pytest.raises(RuntimeError) as raised:
                late()
            caught.append(str(raised.value))

    response = client_of(doing(action)).get("/")
    assert b"late" not in response.body
    assert caught == [
        "Cannot write() after finish()",
        "finish() called twice",
        "finish() called twice",
    ]


# --- flush and finish ----------------------------------------------------------------------------


def flushing(self: RequestHandler) -> None:
    self.write("one")
    self.flush()
    self.flush()
    self.write("two")
    self.write("three")
    self.flush()
    self.finish("four")


def test_flush_sends_chunks() -> None:
    connection = connection_to(doing(flushing))
    connection.send(GET)
    (response,) = connection.responses()
    assert bytes(response.body) == b"onetwothreefour"
    assert response.framing == "chunked"
    assert response.values("Content-Length") == []
    assert response.values("Etag") == []
    assert connection.received.endswith(
        b"\r\n\r\n3\r\none\r\n8\r\ntwothree\r\n4\r\nfour\r\n0\r\n\r\n"
    )
    assert not connection.closed


def test_flush_to_an_old_client_ends_with_the_connection() -> None:
    connection = connection_to(doing(flushing))
    connection.send(GET_1_0)
    (response,) = connection.responses()
    assert bytes(response.body) == b"onetwothreefour"
    assert response.framing == "close"
    assert response.values("Connection") == ["close"]
    assert connection.closed


def test_flush_with_a_length() -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Content-Length", 15)
        flushing(self)

    connection = connection_to(doing(action))
    connection.send(GET)
    (response,) = connection.responses()
    assert (bytes(response.body), response.framing) == (b"onetwothreefour", "sized")
    assert not connection.closed


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("length", [None, 15])
def test_flush_in_answer_to_head(version: str, length: int | None) -> None:
    def action(self: RequestHandler) -> None:
        if length is not None:
            self.set_header("Content-Length", length)
        flushing(self)

    response = client_of(doing(action)).head("/", version=version)
    assert response.body == b""
    assert response.headers.get("Content-Length") == (None if length is None else str(length))


def test_flush_may_send_the_head_alone() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            self.set_status(201)
            self.flush()
            await self.gate
            self.write("body")

    stage = Stage(Handler)
    pending = stage.client.open("GET", "/")
    assert (pending.status, pending.received, pending.complete) == (201, b"", False)
    stage.open_gate()
    assert pending.response.body == b"body"


def test_what_is_changed_after_the_head_has_no_effect() -> None:
    def action(self: RequestHandler) -> None:
        self.write("x")
        self.flush()
        self.set_status(404)
        self.set_header("X-Late", "1")
        self.set_cookie("late", "1")

    response = client_of(doing(action)).get("/")
    assert response.status == 200
    assert "X-Late" not in response.headers
    assert response.cookies == {}


def test_redirect_after_the_head() -> None:
    def action(self: RequestHandler) -> None:
        self.write("x")
        self.flush()
        with pytest.raises(RuntimeError, match="headers have been written"):
            self.redirect("/elsewhere")

    assert client_of(doing(action)).get("/").body == b"x"


@pytest.mark.parametrize("flushes", [False, True])
def test_no_keep_alive_of_a_handler_class(flushes: bool) -> None:
    """The README's attribute: the connection ends with the response."""

    class Handler(RequestHandler):
        no_keep_alive = True

        def get(self) -> None:
            self.write("x")
            if flushes:
                self.flush()

    response = client_of(Handler).get("/")
    assert (response.body, response.closed) == (b"x", True)
    assert response.headers["Connection"] == "close"


@pytest.mark.parametrize("error", [False, True])
def test_no_keep_alive_of_a_handler_class_holds_for_errors(error: bool) -> None:
    class Handler(RequestHandler):
        no_keep_alive = True

        def prepare(self) -> None:
            if error:
                raise HTTPError(403)
            self.finish("x")

    assert client_of(Handler).get("/").closed


def test_awaiting_when_nothing_is_to_wait_for() -> None:
    steps: list[str] = []

    class Handler(RequestHandler):
        async def get(self) -> None:
            self.write("a")
            assert await self.flush() is None
            steps.append("flushed")
            assert await self.finish("b") is None
            steps.append("finished")

    assert client_of(Handler).get("/").body == b"ab"
    assert steps == ["flushed", "finished"]


@pytest.mark.parametrize("flushes", [False, True])
def test_finish_may_be_asked_for_a_deferred(flushes: bool) -> None:
    steps: list[Any] = []

    class Handler(RequestHandler):
        @asynchronous
        def get(self) -> None:
            if flushes:
                self.flush().addCallback(steps.append)
            self.finish("x").addCallback(steps.append)

    assert client_of(Handler).get("/").body == b"x"
    assert steps == [None] * (1 + flushes)


# --- declared lengths ----------------------------------------------------------------------------

LENGTHS = [
    # Content-Length, pieces flushed, last piece; what the peer gets: the body, 500 as long as
    # nothing has left, None where the connection is cut
    ("3", [], "abc", b"abc"),
    ("3", ["abc"], "", b"abc"),
    ("3", ["a", "b"], "c", b"abc"),
    ("0", [], "", b""),
    ("2", [], "abc", 500),
    ("4", [], "abc", 500),
    ("0", ["a"], "", 500),
    ("2", ["a", "bc"], "", None),
    ("4", ["abc"], "", None),
    ("4", ["a"], "", None),
]


@pytest.mark.parametrize(("length", "flushed", "last", "received"), LENGTHS)
def test_declared_lengths(
    length: str, flushed: list[str], last: str, received: bytes | int | None
) -> None:
    class Handler(Noting):
        def get(self) -> None:
            self.set_header("Content-Length", length)
            for piece in flushed:
                self.write(piece)
                self.flush()
            self.write(last)

    stage = Stage(Handler)
    connection = stage.client.connect()
    with recorded_log() as lines:
        connection.send(GET)
    assert stage.notes == ["initialize", "prepare", "on_finish"]
    assert ("Content-Length" in "\n".join(problems(lines))) is not isinstance(received, bytes)
    if received is None:
        assert connection.transport.aborted
        return
    (response,) = connection.responses()
    assert not connection.closed
    if isinstance(received, bytes):
        assert bytes(response.body) == received
    else:
        assert response.status == received


@pytest.mark.parametrize("length", ["abc", "-1", "1.5", "", "\u0663", " 3", "3, 3"])
def test_a_length_that_is_no_number_is_a_500(length: str) -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Content-Length", length)
        self.write("x")

    with recorded_log() as lines:
        response = client_of(doing(action)).get("/")
    assert response.status == 500
    assert len(problems(lines)) == 1


def test_a_transfer_encoding_of_the_handler_is_not_believed() -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Transfer-Encoding", "gzip, chunked")
        self.write("x")

    response = client_of(doing(action)).get("/")
    assert (response.status, response.body) == (200, b"x")
    assert "Transfer-Encoding" not in response.headers


@pytest.mark.parametrize("flushes", [False, True])
@pytest.mark.parametrize(
    ("value", "closed"),
    [("close", True), ("Close, x", True), ("keep-alive", False), ("upgrade", False)],
)
def test_a_connection_field_of_the_handler(value: str, closed: bool, flushes: bool) -> None:
    def action(self: RequestHandler) -> None:
        self.set_header("Connection", value)
        if flushes:
            self.flush()

    response = client_of(doing(action)).get("/")
    assert response.closed is closed
    assert response.headers["Connection"] == ("close" if closed else value)


# --- statuses without a body ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("declared", [None, "0", "5"])
@pytest.mark.parametrize("flushes", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_statuses_without_a_body(
    status: int, declared: str | None, flushes: bool, method: str
) -> None:
    """RFC 9112 section 6.3, RFC 9110 section 8.6: no body, no length, no chunks."""

    def action(self: RequestHandler) -> None:
        self.set_status(status)
        if declared is not None:
            self.set_header("Content-Length", declared)
        if flushes:
            self.flush()

    response = client_of(doing(action)).request(method, "/")
    assert (response.status, response.body, response.closed) == (status, b"", False)
    for name in ("Content-Length", "Transfer-Encoding"):
        assert name not in response.headers
    if not flushes:
        assert "Content-Type" not in response.headers


def test_a_204_with_a_body_is_an_error_of_the_application() -> None:
    def action(self: RequestHandler) -> None:
        self.set_status(204)
        self.write("body")

    with recorded_log() as lines:
        assert client_of(doing(action)).get("/").status == 500
    assert "Cannot send body with 204" in problems(lines)[0]


def test_a_304_loses_its_body() -> None:
    def action(self: RequestHandler) -> None:
        self.set_status(304)
        self.write("body")

    assert client_of(doing(action)).get("/").status == 304


@pytest.mark.parametrize("status", [100, 102, 103, 199])
@pytest.mark.parametrize("body", ["", "body"])
def test_an_interim_status_does_not_end_a_response(status: int, body: str) -> None:
    """RFC 9110 section 15.2: the peer would go on waiting."""

    def action(self: RequestHandler) -> None:
        self.set_status(status)
        self.write(body)

    with recorded_log() as lines:
        assert client_of(doing(action)).get("/").status == 500
    assert "interim" in problems(lines)[0]


def test_an_interim_response_comes_before_the_response() -> None:
    """RFC 8297: early hints."""

    def action(self: RequestHandler) -> None:
        hints = HTTPHeaders({"Link": "</style.css>; rel=preload"})
        self.request.connection.write_headers(
            ResponseStartLine("HTTP/1.1", 103, "Early Hints"), hints
        )
        self.write("x")

    client = client_of(doing(action))
    response = client.get("/")
    assert (response.informational, response.body) == ([103], b"x")
    assert client.get("/", version="HTTP/1.0").informational == []


# --- transforms ----------------------------------------------------------------------------------


class Upper:
    """Makes text capital letters, and takes notes in a header."""

    def __init__(self, request: Any) -> None:
        self.method = request.method

    def transform_first_chunk(
        self, status: int, headers: Any, chunk: bytes, finishing: bool
    ) -> tuple[int, Any, bytes]:
        headers["X-First"] = f"{self.method} {len(chunk)} {finishing}"
        return status, headers, chunk.upper()

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        return chunk.upper() + (b"!" if finishing else b"")


class Teapot:
    """Changes status and length."""

    def __init__(self, request: Any) -> None:
        pass

    def transform_first_chunk(
        self, status: int, headers: Any, chunk: bytes, finishing: bool
    ) -> tuple[int, Any, bytes]:
        if "Content-Length" in headers:
            headers["Content-Length"] = str(len(chunk) + 2)
        return 418, headers, b"<" + chunk + b">"

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        return b"<" + chunk + b">"


def transformed(*transforms: type, flushes: bool = False, method: str = "GET") -> Any:
    def action(self: RequestHandler) -> None:
        self.write("one")
        if flushes:
            self.flush()
        self.write("two")

    return Client(Application([("/", doing(action))], transforms=transforms)).request(method, "/")


def test_a_transform_of_a_whole_response() -> None:
    response = transformed(Upper)
    assert response.body == b"ONETWO"
    assert response.headers["X-First"] == "GET 6 True"
    assert response.headers["Content-Length"] == "6"
    assert (
        response.headers["Etag"]
        == client_of(doing(lambda self: self.write("onetwo"))).get("/").headers["Etag"]
    )


def test_a_transform_of_chunks() -> None:
    response = transformed(Upper, flushes=True)
    assert response.body == b"ONETWO!"
    assert response.headers["X-First"] == "GET 3 False"


def test_transforms_follow_each_other() -> None:
    response = transformed(Teapot, Upper)
    assert (response.status, response.body) == (418, b"<ONETWO>")
    assert response.headers["X-First"] == "GET 8 True"
    assert transformed(Upper, Teapot, flushes=True).body == b"<ONE><TWO!>"


def test_a_transform_in_answer_to_head() -> None:
    response = transformed(Teapot, method="HEAD")
    assert (response.status, response.body) == (418, b"")
    assert response.headers["Content-Length"] == "8"
    assert transformed(Upper, Teapot, flushes=True, method="HEAD").body == b""


# --- on the wire ---------------------------------------------------------------------------------


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What transports are given, write by write."""
    found: list[bytes] = []
    write = MemoryTransport.write

    def recording(self: MemoryTransport, data: bytes) -> None:
        found.append(data)
        write(self, data)

    monkeypatch.setattr(MemoryTransport, "write", recording)
    return found


def test_one_write_for_a_response(writes: list[bytes]) -> None:
    connection = connection_to(doing(lambda self: self.write("x" * 1000)))
    connection.send(GET)
    assert len(writes) == 1
    connection.send(GET * 3)
    assert len(writes) == 2


def test_one_write_for_what_one_event_writes(writes: list[bytes]) -> None:
    connection_to(doing(flushing)).send(GET)
    assert len(writes) == 1


def test_head_has_the_fields_of_get() -> None:
    client = client_of(doing(lambda self: self.write("x" * 10)))
    get, head = client.get("/"), client.head("/")
    assert head.body == b""
    assert head.headers["Content-Length"] == "10"
    assert {**get.headers, "Date": ""} == {**head.headers, "Date": ""}
