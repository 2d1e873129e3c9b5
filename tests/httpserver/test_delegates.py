"""Requests to delegates: heads, bodies in pieces, errors, peers that leave."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone.http1 import BadRequest
from cyclone.httpserver import HTTPServer
from cyclone.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    ResponseStartLine,
)
from cyclone.testing import Client, MemoryConnection
from tests.web.support import GET, recorded_log

POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"


class Message(HTTPMessageDelegate):
    """Notes what comes, and answers with its notes."""

    def __init__(self, connection: Any, notes: list[Any]) -> None:
        self.connection = connection
        self.notes = notes

    def headers_received(self, start_line: Any, headers: Any) -> Any:
        self.notes.append((start_line.method, start_line.path, headers.get("X-A")))

    def data_received(self, chunk: bytes) -> Any:
        self.notes.append(chunk)

    def finish(self) -> None:
        self.notes.append("finish")
        body = repr(self.notes).encode()
        headers = HTTPHeaders({"Content-Length": str(len(body))})
        self.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, body)
        self.connection.finish()

    def on_connection_close(self) -> None:
        self.notes.append("closed")


class Delegate(HTTPServerConnectionDelegate):
    def __init__(self, message: type[Message] = Message) -> None:
        self.message = message
        self.notes: list[Any] = []
        self.connections: list[object] = []

    def start_request(self, server_conn: object, request_conn: Any) -> Message:
        self.connections.append(server_conn)
        return self.message(request_conn, self.notes)

    def on_close(self, server_conn: object) -> None:
        self.connections.remove(server_conn)
        self.notes.append("gone")


def test_heads_and_bodies() -> None:
    client = Client(HTTPServer(Delegate(), chunk_size=4))
    assert client.get("/", headers={"X-A": "1"}).text == "[('GET', '/', '1'), 'finish']"
    delegate = Delegate()
    client = Client(HTTPServer(delegate, chunk_size=4))
    client.post("/p", body=b"123456789")
    assert delegate.notes[1:] == [b"1234", b"5678", b"9", "finish"]
    delegate.notes.clear()
    client.post("/p", body=b"123")
    assert delegate.notes[1:] == [b"123", "finish"]


def test_connections_are_told_of_and_closed() -> None:
    delegate = Delegate()
    connection = MemoryConnection(HTTPServer(delegate))
    connection.send(GET + GET)
    first, second = delegate.connections
    assert first is second
    delegate.connections.pop()
    connection.disconnect()
    assert delegate.connections == []
    assert delegate.notes[-1] == "gone"


def test_class_5_bodies_come_decompressed() -> None:
    class Seeing(Message):
        def headers_received(self, start_line: Any, headers: Any) -> Any:
            self.notes.append(headers.get("Content-Encoding"))

    delegate = Delegate(Seeing)
    client = Client(HTTPServer(delegate, decompress_request=True, max_body_size=20, chunk_size=4))
    data = gzip.compress(b"0123456789")
    headers = {"Content-Encoding": "gzip"}
    assert client.post("/", body=data, headers=headers).status == 413  # compressed it is longer
    delegate = Delegate(Seeing)
    client = Client(HTTPServer(delegate, decompress_request=True, max_body_size=50, chunk_size=4))
    assert client.post("/", body=data, headers=headers).status == 200
    assert delegate.notes == [None, b"0123", b"4567", b"89", "finish"]
    bomb = gzip.compress(bytes(5000))
    assert client.post("/", body=bomb, headers=headers).status == 413
    assert delegate.notes[-2:] == ["closed", "gone"]


class Slow(Message):
    """Everything waits for the gates, one after the other."""

    gates: list[Deferred[None]]

    def wait(self) -> Deferred[None]:
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        return gate

    def headers_received(self, start_line: Any, headers: Any) -> Any:
        super().headers_received(start_line, headers)
        return self.wait()

    def data_received(self, chunk: bytes) -> Any:
        self.notes.append(chunk)
        return self.wait()


@pytest.fixture
def slow() -> type[Slow]:
    return type("SlowHere", (Slow,), {"gates": []})


@pytest.mark.parametrize("chunk_size", [4, 100])
def test_the_body_waits(slow: type[Slow], chunk_size: int) -> None:
    delegate = Delegate(slow)
    connection = MemoryConnection(HTTPServer(delegate, chunk_size=chunk_size))
    connection.send(POST + b"0123456789")
    pieces = [b"0123", b"4567", b"89"] if chunk_size == 4 else [b"0123456789"]
    assert delegate.notes == [("POST", "/x", None)]
    for count in range(len(pieces)):
        slow.gates[count].callback(None)
        assert delegate.notes[1:] == pieces[: count + 1]
    slow.gates[-1].callback(None)
    assert delegate.notes[-1] == "finish"
    assert connection.responses()[0].status == 200


def test_the_peer_leaves_while_the_head_waits(slow: type[Slow]) -> None:
    for request in (GET, POST):
        delegate = Delegate(slow)
        connection = MemoryConnection(HTTPServer(delegate))
        connection.send(request)
        connection.disconnect()
        assert delegate.notes[1:] == ["closed", "gone"]
        slow.gates[-1].callback(None)
        assert len(delegate.notes) == 3


@pytest.mark.parametrize("chunk_size", [4, 100])
def test_the_peer_leaves_in_the_body(slow: type[Slow], chunk_size: int) -> None:
    delegate = Delegate(slow)
    connection = MemoryConnection(HTTPServer(delegate, chunk_size=chunk_size))
    connection.send(POST)
    slow.gates[0].callback(None)
    connection.send(b"012345678")
    connection.disconnect()
    assert delegate.notes[2:] == ["closed", "gone"]
    slow.gates[-1].callback(None)
    assert delegate.notes[2:] == ["closed", "gone"]


def raising(method: str, error: BaseException) -> Delegate:
    def fail(self: Any, *args: Any) -> None:
        raise error

    return Delegate(type("Raising", (Message,), {method: fail}))


@pytest.mark.parametrize("chunk_size", [4, 100])
@pytest.mark.parametrize("method", ["headers_received", "data_received", "finish"])
def test_errors_end_the_connection(method: str, chunk_size: int) -> None:
    connection = MemoryConnection(
        HTTPServer(raising(method, ZeroDivisionError("mine")), chunk_size=chunk_size)
    )
    with recorded_log() as lines:
        connection.send(POST + b"0123456789")
    assert connection.closed
    assert connection.received == b""
    assert sum("ZeroDivisionError('mine')" in line.text for line in lines) == 1


def test_errors_that_come_later(slow: type[Slow]) -> None:
    for count in (0, 1):
        slow.gates.clear()
        connection = MemoryConnection(HTTPServer(Delegate(slow)))
        connection.send(POST + b"0123456789")
        if count:
            slow.gates[0].callback(None)
        with recorded_log() as lines:
            slow.gates[count].errback(ZeroDivisionError("mine"))
        connection.advance(0)
        assert connection.closed
        assert sum("ZeroDivisionError('mine')" in line.text for line in lines) == 1


class Failing(Message):
    async def data_received(self, chunk: bytes) -> None:
        self.notes.append(chunk)
        raise ZeroDivisionError("mine")


def test_after_an_error_nothing_more_comes() -> None:
    for chunk_size in (2, 100):
        delegate = Delegate(Failing)
        connection = MemoryConnection(HTTPServer(delegate, chunk_size=chunk_size))
        with recorded_log() as lines:
            connection.send(POST + b"01234")
            connection.send(b"56789")
        assert len(delegate.notes) == 3  # the head, a piece, the end
        assert sum("ZeroDivisionError('mine')" in line.text for line in lines) == 1


def test_errors_in_a_response_that_has_begun() -> None:
    class Half(Message):
        def finish(self) -> None:
            self.connection.write_headers(
                ResponseStartLine("HTTP/1.1", 200, "OK"), HTTPHeaders({"Content-Length": "10"})
            )
            raise ZeroDivisionError

    connection = MemoryConnection(HTTPServer(Delegate(Half)))
    with recorded_log():
        connection.send(GET)
    assert connection.closed


def test_a_delegate_may_refuse_the_body() -> None:
    client = Client(HTTPServer(raising("finish", BadRequest(422, "unfit"))))
    assert client.post("/", body=b"x").status == 422


def test_errors_while_closing_are_logged() -> None:
    delegate = raising("on_connection_close", ZeroDivisionError())
    connection = MemoryConnection(HTTPServer(delegate))
    connection.send(POST)
    with recorded_log() as lines:
        connection.disconnect()
    assert any("on_connection_close" in line.text for line in lines)


def test_an_answer_before_the_body() -> None:
    class Early(Message):
        def headers_received(self, start_line: Any, headers: Any) -> Any:
            self.finish()

    connection = MemoryConnection(HTTPServer(Delegate(Early)))
    connection.send(POST)
    assert connection.responses()[0].status == 200
