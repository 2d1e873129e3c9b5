"""What handlers know as ``request.connection``: Tornado's interface of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from cyclone.http1 import FramingError
from cyclone.httputil import HTTPHeaders, ResponseStartLine
from cyclone.testing import MemoryConnection
from cyclone.web import RequestHandler, asynchronous

from .support import GET, client_of, connection_to, problems, recorded_log

OK = ResponseStartLine("HTTP/1.1", 200, "OK")
SIZED = HTTPHeaders({"Content-Length": "3"})
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"


def talking(action: Callable[[Any], Any], data: bytes = GET) -> MemoryConnection:
    """A connection to a handler that does nothing but `action` with its connection."""

    class Handler(RequestHandler):
        @asynchronous
        def get(self) -> None:
            action(self.request.connection)

    connection = connection_to(Handler)
    connection.send(data)
    return connection


# --- writing -------------------------------------------------------------------------------------


def test_a_response_in_pieces() -> None:
    def action(connection: Any) -> None:
        connection.write_headers(OK, HTTPHeaders({"X-A": "1"}), b"one")
        connection.write(b"two")
        connection.write(b"")
        connection.finish()

    connection = talking(action)
    (response,) = connection.responses()
    assert bytes(response.body) == b"onetwo"
    assert response.values("X-A") == ["1"]
    assert response.framing == "chunked"
    assert connection.received.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_a_response_of_known_size() -> None:
    def action(connection: Any) -> None:
        connection.write_headers(OK, SIZED)
        connection.write(b"o")
        connection.write(b"ne")
        connection.finish()

    (response,) = talking(action).responses()
    assert (bytes(response.body), response.framing) == (b"one", "sized")


def test_a_whole_response() -> None:
    def action(connection: Any) -> None:
        connection.respond(404, "Gone Away", b"X-A: 1\r\n", b"one")

    (response,) = talking(action).responses()
    assert (response.status, response.reason) == (404, "Gone Away")
    assert bytes(response.body) == b"one"
    assert response.values("X-A") == ["1"]


def test_what_is_returned_can_be_waited_for() -> None:
    fired: list[Any] = []

    def action(connection: Any) -> None:
        connection.write_headers(OK, SIZED).addCallback(fired.append)
        connection.write(b"one").addCallback(fired.append)
        connection.finish().addCallback(fired.append)

    talking(action)
    assert fired == [None] * 3


MISTAKES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda c: c.write(b"x"), "write_headers"),
    (lambda c: c.finish(), "write_headers"),
    (lambda c: (c.write_headers(OK, SIZED), c.write_headers(OK, SIZED)), "begun already"),
    (lambda c: (c.write_headers(OK, SIZED), c.respond(200, None, b"", b"")), "begun already"),
    (lambda c: c.write_headers(OK, HTTPHeaders({"Content-Length": "x"})), "Content-Length"),
    (lambda c: c.write_headers(OK, SIZED, b"four"), "Content-Length"),
    (lambda c: (c.write_headers(OK, SIZED), c.write(b"four")), "Content-Length"),
    (lambda c: (c.write_headers(OK, SIZED, b"on"), c.finish()), "Content-Length"),
    (lambda c: c.respond(204, None, b"", b"x"), "no body"),
    (lambda c: c.respond(304, None, b"", b"x"), "no body"),
    (
        lambda c: c.write_headers(ResponseStartLine("", 204, "No Content"), HTTPHeaders(), b"x"),
        "no body",
    ),
    (
        lambda c: (
            c.write_headers(OK, SIZED),
            c.write_headers(ResponseStartLine("", 103, "Early Hints"), HTTPHeaders()),
        ),
        "interim",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes(mistake: Callable[[Any], Any], message: str) -> None:
    raised: list[str] = []

    def action(connection: Any) -> None:
        with pytest.raises(FramingError) as caught:
            mistake(connection)
        raised.append(str(caught.value))

    connection = talking(action)
    assert len(raised) == 1
    assert message in raised[0]
    # Either nothing has left, and another answer can be given, or the connection is cut.
    assert connection.closed or not connection.received or b"103" not in connection.received


@pytest.mark.parametrize(
    "mistake", [MISTAKES[0][0], MISTAKES[4][0], MISTAKES[5][0], MISTAKES[8][0]]
)
def test_after_a_mistake_before_the_head_another_answer_can_be_given(
    mistake: Callable[[Any], Any],
) -> None:
    def action(connection: Any) -> None:
        with pytest.raises(FramingError):
            mistake(connection)
        assert not connection.started
        connection.respond(500, None, b"", b"sorry")

    (response,) = talking(action).responses()
    assert (response.status, bytes(response.body)) == (500, b"sorry")


def test_after_the_end_everything_goes_into_nothing() -> None:
    def action(connection: Any) -> None:
        assert not connection.done
        connection.respond(200, None, b"", b"one")
        assert connection.done
        connection.write(b"late")
        connection.finish()
        connection.write_headers(OK, SIZED, b"two")
        connection.respond(200, None, b"", b"two")

    connection = talking(action, GET + GET)
    assert [bytes(response.body) for response in connection.responses()] == [b"one"] * 2


def test_a_late_write_never_reaches_the_next_response() -> None:
    exchanges: list[Any] = []

    def action(connection: Any) -> None:
        exchanges.append(connection)
        if len(exchanges) == 1:
            connection.respond(200, None, b"", b"one")
        else:
            connection.write_headers(OK, HTTPHeaders(), b"two ")
            exchanges[0].write(b"late")
            exchanges[0].finish()
            connection.write(b"three")
            connection.finish()

    connection = talking(action, GET + GET)
    assert [bytes(response.body) for response in connection.responses()] == [b"one", b"two three"]


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["respond", "leave"])
def test_when_done(ends: str) -> None:
    called: list[str] = []
    exchanges: list[Any] = []

    def action(connection: Any) -> None:
        exchanges.append(connection)
        connection.when_done(lambda: called.append("one"))
        connection.when_done(lambda: called.append("two"))

    connection = talking(action)
    assert called == []
    if ends == "respond":
        exchanges[0].respond(200, None, b"", b"")
    else:
        connection.disconnect()
    assert called == ["one", "two"]
    exchanges[0].when_done(lambda: called.append("late"))
    assert called == ["one", "two", "late"]


def test_abort() -> None:
    connection = talking(lambda connection: connection.abort())
    assert connection.transport.aborted
    assert connection.received == b""


def test_abort_twice() -> None:
    exchanges: list[Any] = []
    connection = talking(exchanges.append)
    connection.disconnect()
    exchanges[0].abort()
    exchanges[0].abort()
    assert not connection.transport.aborted


class Successor(Protocol):
    """What has the connection after HTTP."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def connectionMade(self) -> None:
        self.seen.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.seen.append(data.decode())

    def connectionLost(self, reason: Any = None) -> None:
        self.seen.append("lost")


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Successor):
    """Minds the ends of either side."""

    def readConnectionLost(self) -> None:
        self.seen.append("peer ended")
        self.transport.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        self.seen.append("we ended")
        self.transport.loseConnection()


@pytest.mark.parametrize(
    ("successor", "seen"),
    [
        (Successor, ["made", "early", "late", "lost"]),
        (HalfCloseable, ["made", "early", "late", "peer ended", "we ended", "lost"]),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_detach(successor: type[Successor], seen: list[str], later: bool) -> None:
    protocol = successor()
    exchanges: list[Any] = []

    def action(connection: Any) -> None:
        exchanges.append(connection)
        transport = connection.detach(None if later else protocol)
        assert transport.getPeer().host == "127.0.0.1"

    connection = talking(action, GET + b"early")
    if later:
        assert protocol.seen == []
        assert connection.transport.paused
        exchanges[0].detach(protocol)
    connection.send(b"late")
    connection.eof()
    assert protocol.seen == seen
    assert connection.closed
    assert connection.protocol not in connection.protocol.factory.connections


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_class_4_an_error_after_detach_leaves_no_connection_behind(waits: bool, kept: bool) -> None:
    """Paused, without time limits: nobody would see it end."""
    gate: Deferred[None] = Deferred()

    class Handler(RequestHandler):
        async def get(self) -> None:
            transport = self.detach(Protocol() if kept else None)
            transport.write(b"last words")
            if waits:
                await gate
            raise ZeroDivisionError

    connection = client_of(Handler).connect()
    with recorded_log() as lines:
        connection.send(GET)
        gate.callback(None)
        connection.advance(0)
    assert len(problems(lines)) == 1
    assert connection.received == b"last words"
    assert connection.closed is not kept


def test_a_late_error_does_not_end_what_another_request_has_detached() -> None:
    gate: Deferred[None] = Deferred()

    class Handler(RequestHandler):
        async def get(self) -> None:
            if self.request.path == "/detach":
                self.detach()
                return
            self.finish("done")
            await gate
            raise ZeroDivisionError

    connection = client_of(Handler).connect()
    connection.send(GET)
    connection.send(GET.replace(b"/ ", b"/detach ", 1))
    with recorded_log() as lines:
        gate.callback(None)
        connection.advance(0)
    assert len(problems(lines)) == 1
    assert not connection.closed


def test_detach_and_the_peer_leaves() -> None:
    protocol = Successor()
    connection = talking(lambda connection: connection.detach(protocol))
    connection.disconnect()
    assert protocol.seen == ["made", "lost"]


def test_detach_without_a_successor_and_the_peer_ends() -> None:
    connection = talking(lambda connection: connection.detach().resumeProducing())
    connection.eof()
    assert connection.closed


# --- the body ------------------------------------------------------------------------------------


class Collector:
    """A consumer of a body."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.wait: Deferred[None] | None = None

    def data_received(self, chunk: bytes) -> Deferred[None] | None:
        self.seen.append(chunk)
        return self.wait

    def finish(self) -> None:
        self.seen.append("finish")

    def aborted(self) -> None:
        self.seen.append("aborted")


class Reading(RequestHandler):
    """Hands the body to a collector itself."""

    _stream_request_body = True
    collector: Collector
    limit: int | None = None

    def prepare(self) -> Any:
        connection = self.request.connection
        if self.limit is not None:
            connection.set_max_body_size(self.limit)
        connection.set_body_timeout(5)
        connection.read_body(self.collector)
        connection.read_body(Collector())  # once is enough
        return Deferred()


def reading(limit: int | None = None) -> tuple[Collector, MemoryConnection]:
    collector = Collector()
    handler = type("Handler", (Reading,), {"collector": collector, "limit": limit})
    connection = connection_to(handler, body_min_rate=0)
    connection.send(POST)
    return collector, connection


def test_read_body() -> None:
    collector, connection = reading()
    assert connection.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"12345")
    connection.send(b"67890")
    assert collector.seen == [b"12345", b"67890", "finish"]


@pytest.mark.parametrize("how", ["left", "late", "too large"])
def test_a_body_that_does_not_come(how: str) -> None:
    collector, connection = reading(5 if how == "too large" else None)
    connection.send(b"12345")
    if how == "left":
        connection.disconnect()
    else:
        connection.advance(6)
        assert connection.responses("POST")[-1].status == (408 if how == "late" else 413)
    assert collector.seen == [b"12345", "aborted"][how == "too large" :]


def test_a_consumer_that_fails() -> None:
    collector, connection = reading()
    collector.wait = Deferred()
    connection.send(b"12345")
    assert connection.transport.paused
    collector.wait.errback(ZeroDivisionError())
    connection.advance(0)
    assert connection.transport.aborted
    assert collector.seen == [b"12345", "aborted"]


# --- surroundings --------------------------------------------------------------------------------


def test_surroundings() -> None:
    seen: list[Any] = []

    def action(connection: Any) -> None:
        seen.append((connection.context.peer_ip, connection.context.protocol, connection.xheaders))
        seen.append(connection.transport.getPeer().host)
        connection.respond(200, None, b"", b"")

    connection = talking(action)
    assert seen == [("127.0.0.1", "http", False), "127.0.0.1"]
    assert connection.responses()[0].status == 200
