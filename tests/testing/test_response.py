"""What a test gets: a response, and one that is still coming."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone.testing import (
    Client,
    Cookie,
    PendingResponse,
    Response,
    ResponseError,
    ResponseNotReady,
    ResponseParser,
)
from cyclone.web import Application, RequestHandler, asynchronous, stream_request_body


def response(*fields: str, body: bytes = b"", status: str = "200 OK", **options: Any) -> Response:
    head = "\r\n".join([f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""])
    parser = ResponseParser(options.pop("method", "GET"))
    parser.feed(head.encode("latin-1") + body)
    return Response(parser, **options)


def test_attributes() -> None:
    found = response("A: 1", "a: 2", body=b"x", status="404 Gone Away", url="http://h/")
    assert (found.status, found.code, found.get_status()) == (404, 404, 404)
    assert found.reason == "Gone Away"
    assert found.headers.get_list("A") == ["1", "2"]
    assert found.body == found.content == b"x"
    assert (found.method, found.url, found.history) == ("GET", "http://h/", [])
    assert (found.cookies, found.informational, found.closed) == ({}, [], False)
    assert repr(found) == "<Response 404 Gone Away to GET http://h/>"
    assert response("Connection: close").closed


def test_trailers_and_interim_responses() -> None:
    parser = ResponseParser()
    parser.feed(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\nX: y\r\n\r\n"
    )
    found = Response(parser)
    assert found.informational == [100]
    assert found.trailers["x"] == "y"


TEXTS = [
    ((), b"\xc3\xa9", "\xe9"),
    (("Content-Type: text/plain",), b"\xc3\xa9", "\xe9"),
    (("Content-Type: text/plain; charset=latin-1",), b"\xe9", "\xe9"),
    (('Content-Type: text/plain;x=y; CharSet = "latin-1"; z',), b"\xe9", "\xe9"),
    (("Content-Type: text/plain; charset='utf-16-le'",), b"\xe9\x00", "\xe9"),
    (("Content-Type: text/plain; charset=",), b"\xc3\xa9", "\xe9"),
]


@pytest.mark.parametrize(("fields", "body", "text"), TEXTS)
def test_text(fields: tuple[str, ...], body: bytes, text: str) -> None:
    assert response(*fields, body=body).text == text


def test_what_is_not_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        _ = response(body=b"\xff").text
    with pytest.raises(ValueError, match="Expecting value"):
        response(body=b"x").json()
    assert response(body=b'{"a": [1, null]}').json() == {"a": [1, None]}


def test_get_cookie() -> None:
    found = response(
        cookies={"a": Cookie("a", "new", "new")}, sent_cookies={"a": "old", "b": "sent"}
    )
    assert found.get_cookie("a") == "new"
    assert found.get_cookie("b") == "sent"
    assert found.get_cookie("c") is None
    assert found.get_cookie("c", "default") == "default"


# --- coming ---------------------------------------------------------------------------------------


class Piecemeal(RequestHandler):
    """Answers when the test says so."""

    last: Piecemeal

    @asynchronous
    def get(self) -> None:
        type(self).last = self

    def say(self, text: str) -> None:
        self.write(text)
        self.flush()


@stream_request_body
class Upload(RequestHandler):
    """Takes a body piece by piece."""

    def prepare(self) -> None:
        self.pieces: list[bytes] = []

    def data_received(self, chunk: bytes) -> None:
        self.pieces.append(chunk)

    def post(self) -> None:
        self.write(b"|".join(self.pieces))


@pytest.fixture
def client() -> Client:
    return Client(Application([("/", Piecemeal), ("/upload", Upload)]))


def test_a_response_in_pieces(client: Client) -> None:
    pending = client.open("GET", "/")
    assert (pending.status, pending.received, pending.complete) == (0, b"", False)
    assert list(pending.headers) == []
    handler = Piecemeal.last
    handler.set_header("X-A", "b")
    handler.set_cookie("c", "d")
    handler.say("one")
    assert (pending.status, pending.received, pending.complete) == (200, b"one", False)
    assert pending.headers["X-A"] == "b"
    assert "c" in client.cookies
    with pytest.raises(ResponseNotReady) as caught:
        _ = pending.response
    assert caught.value.pending is pending
    handler.say("two")
    handler.finish()
    assert pending.complete
    assert pending.response.body == pending.received == b"onetwo"
    assert pending.response is pending.response
    assert pending.response.cookies["c"].value == "d"


def test_a_deferred_response(client: Client) -> None:
    pending = client.open("GET", "/")
    found: list[Any] = []
    pending.result.addCallback(found.append)
    Piecemeal.last.say("one")
    client.advance(0)
    assert found == []
    Piecemeal.last.finish("two")
    assert found == []  # not from inside the call that ends it
    client.advance(0)
    assert found == [pending.response]
    pending.result.addCallback(found.append)
    assert len(found) == 2


def test_the_last_one_who_waits_is_told(client: Client) -> None:
    pending = client.open("GET", "/")
    first, last = pending.result, pending.result
    Piecemeal.last.finish()
    client.advance(0)
    assert (first.called, last.called) == (False, True)


@pytest.mark.parametrize("started", [False, True])
def test_a_connection_cut_in_the_middle(client: Client, started: bool) -> None:
    pending = client.open("GET", "/")
    failed: list[Any] = []
    pending.result.addErrback(failed.append)
    if started:
        Piecemeal.last.say("one")
    Piecemeal.last.request.connection.abort()
    client.advance(0)
    assert failed[0].check(ResponseError)
    with pytest.raises(ResponseError, match="closed within"):
        _ = pending.response
    with pytest.raises(ResponseError, match="closed within"):
        _ = pending.status


def test_who_asks_after_the_failure_is_told(client: Client) -> None:
    pending = client.open("GET", "/")
    Piecemeal.last.request.connection.abort()
    client.advance(0)
    failed: list[Any] = []
    pending.result.addErrback(failed.append)
    assert failed[0].check(ResponseError)


def test_leaving(client: Client) -> None:
    pending = client.open("GET", "/")
    pending.disconnect()
    assert pending.connection.closed
    with pytest.raises(ResponseError):
        _ = pending.complete


def test_a_body_in_pieces(client: Client) -> None:
    pending = client.open("POST", "/upload", headers={"Transfer-Encoding": "chunked"})
    pending.send_chunk(b"one")
    pending.send(b"3\r\ntwo\r\n")
    assert not pending.complete
    pending.send_chunk(b"")
    assert pending.response.body == b"one|two"


def test_an_expected_body(client: Client) -> None:
    headers = {"Content-Length": "3", "Expect": "100-continue"}
    pending = client.open("POST", "/upload", headers=headers)
    assert (pending.informational, pending.status) == ([100], 0)
    pending.send(b"one")
    assert pending.response.body == b"one"
    assert pending.response.informational == [100]


def test_a_slow_reader(client: Client) -> None:
    pending = client.open("GET", "/")
    pending.hold()
    Piecemeal.last.finish("x" * 100)
    assert pending.status == 0
    pending.release(20)
    assert pending.status == 0
    pending.release()
    assert pending.response.body == b"x" * 100


def test_bytes_that_belong_to_no_response(client: Client) -> None:
    pending = client.open("GET", "/")
    connection = pending.connection
    Piecemeal.last.finish()
    connection.transport.write(b"HTTP/1.1 stray")
    with pytest.raises(ResponseError, match="after the response"):
        _ = pending.response


def test_the_bytes_after_an_upgrade_are_kept(client: Client) -> None:
    pending = client.open("GET", "/")
    handler = Piecemeal.last
    transport = handler.request.connection.detach()
    transport.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nnew")
    assert pending.response.status == 101
    assert pending.connection.received == b"new"
    transport.write(b" words")
    assert pending.connection.received == b"new words"


def test_nobody_waits(client: Client) -> None:
    """Bytes that arrive while nobody waits schedule nothing."""
    pending = client.open("GET", "/")
    before = len(client.clock.getDelayedCalls())
    Piecemeal.last.say("one")
    assert len(client.clock.getDelayedCalls()) == before
    waiter: Deferred[Response] = pending.result
    Piecemeal.last.say("two")
    Piecemeal.last.say("three")
    assert len(client.clock.getDelayedCalls()) == before + 1
    pending.disconnect()
    client.advance(0)
    waiter.addErrback(lambda failure: failure.trap(ResponseError))
    assert isinstance(pending, PendingResponse)
