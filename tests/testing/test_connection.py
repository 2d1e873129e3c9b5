"""A connection for tests that speak in bytes."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.internet.address import IPv6Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from cyclone.testing import (
    MemoryConnection,
    MemoryTLSTransport,
    ResponseError,
    parse_responses,
    settle,
)
from cyclone.testing.connection import use_clock

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Echo(Protocol):
    """Says what it hears; ends at a full stop, waits for a second at a comma."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
        if data == b".":
            self.transport.loseConnection()
        elif data == b",":
            self.factory.clock.callLater(1, self.transport.write, b"later")


class Server(Factory):
    """What a connection needs of a factory."""

    protocol = Echo
    clock: Any = None

    def buildProtocol(self, addr: Any) -> Protocol | None:
        self.addr = addr
        return super().buildProtocol(addr)


class Refusing(Server):
    """Takes no connections."""

    def buildProtocol(self, addr: Any) -> Protocol | None:
        return None


def test_bytes() -> None:
    connection = MemoryConnection(Server())
    assert connection.send(b"one") == b"one"
    assert connection.send_split(b"two") == b"onetwo"
    assert connection.received == b"onetwo"
    assert not connection.closed
    connection.send(b".")
    assert connection.closed
    assert connection.send(b"lost") == b"onetwo."
    connection.eof()
    connection.disconnect()


@pytest.mark.parametrize(("size", "pieces"), [(1, 5), (2, 3), (5, 1), (9, 1)])
def test_pieces(size: int, pieces: int) -> None:
    heard: list[bytes] = []
    server = Server()
    server.protocol = type("Hear", (Echo,), {"dataReceived": lambda _, data: heard.append(data)})
    MemoryConnection(server).send_split(b"12345", size)
    assert (len(heard), b"".join(heard)) == (pieces, b"12345")


def test_time() -> None:
    connection = MemoryConnection(Server())
    connection.send(b",")
    connection.advance(0.5)
    assert connection.received == b","
    connection.advance(0.5)
    assert connection.received == b",later"


def test_time_in_steps() -> None:
    connection = MemoryConnection(Server())
    seen: list[float] = []

    def tick() -> None:
        seen.append(connection.clock.seconds())
        connection.clock.callLater(1, tick)

    connection.clock.callLater(1, tick)
    connection.advance(3)
    assert seen == [3]
    seen.clear()
    connection.advance(3, steps=3)
    assert seen == [4, 5, 6]


def test_a_client_that_does_not_read() -> None:
    connection = MemoryConnection(Server())
    connection.hold()
    assert connection.send(b"hello") == b""
    assert connection.release(2) == b"he"
    assert connection.send(b"x") == b"he"
    assert connection.release() == b"hellox"
    assert connection.send(b"y") == b"helloxy"


@pytest.mark.parametrize("leave", ["eof", "disconnect"])
def test_leaving(leave: str) -> None:
    connection = MemoryConnection(Server())
    getattr(connection, leave)()
    assert connection.closed
    assert connection.transport.disconnected


def test_the_writing_side_alone_counts_as_closed() -> None:
    connection = MemoryConnection(Server())
    connection.transport.loseWriteConnection()
    assert not connection.closed
    connection.advance(0)
    assert connection.closed
    assert not connection.transport.disconnected


def test_a_server_that_takes_no_connections() -> None:
    connection = MemoryConnection(Refusing())
    assert connection.protocol is None
    assert connection.closed
    assert connection.send(b"x") == b""
    assert connection.responses() == []


def test_addresses() -> None:
    server = Server()
    peer = IPv6Address("TCP", "::1", 5)
    connection = MemoryConnection(server, tls=True, peer=peer, host=peer, buffer_size=7)
    assert isinstance(connection.transport, MemoryTLSTransport)
    assert connection.transport.getPeer() is connection.transport.getHost() is peer
    assert connection.transport.buffer_size == 7
    assert server.addr is peer


# --- the clock ------------------------------------------------------------------------------------


def test_connections_of_a_server_share_a_clock() -> None:
    server = Server()
    one, two = MemoryConnection(server), MemoryConnection(server)
    assert one.clock is two.clock is server.clock
    assert MemoryConnection(Server()).clock is not one.clock


def test_a_clock_that_is_given_stays() -> None:
    server, clock = Server(), Clock()
    assert MemoryConnection(server, clock=clock).clock is server.clock is clock
    assert MemoryConnection(server).clock is clock
    assert MemoryConnection(server, clock=Clock()).clock is server.clock
    assert server.clock is not clock


def test_a_clock_is_set_once() -> None:
    assigned: list[Any] = []

    class Recording(Server):
        def __setattr__(self, name: str, value: Any) -> None:
            assigned.append(value)
            super().__setattr__(name, value)

    server = Recording()
    assigned.clear()
    clock = use_clock(server)
    assert use_clock(server) is use_clock(server, clock) is clock
    assert assigned == [clock]


def test_a_server_is_not_kept_alive() -> None:
    clock = use_clock(Server())
    gc.collect()
    assert not [each for each in gc.get_referrers(clock) if isinstance(each, Server)]


def test_settle() -> None:
    clock, seen = Clock(), []

    def again(count: int) -> None:
        seen.append(count)
        if count:
            clock.callLater(0, again, count - 1)

    clock.callLater(0, again, 3)
    clock.callLater(0.001, seen.append, "too late")
    settle(clock)
    assert seen == [3, 2, 1, 0]
    assert clock.seconds() == 0
    settle(object())  # type: ignore[arg-type]  # a reactor is left alone


def test_settle_has_an_end() -> None:
    clock = Clock()

    def again() -> None:
        clock.callLater(0, again)

    again()
    with pytest.raises(RuntimeError, match="never end"):
        settle(clock)


# --- reading responses ----------------------------------------------------------------------------


def test_responses() -> None:
    connection = MemoryConnection(Server())
    assert connection.responses() == []
    connection.send(OK * 2 + OK[:-1])
    one, two, three = connection.responses()
    assert [bytes(each.body) for each in (one, two, three)] == [b"ok", b"ok", b"o"]
    assert [each.complete for each in (one, two, three)] == [True, True, False]
    connection.disconnect()
    with pytest.raises(ResponseError, match="closed within"):
        connection.responses()


def test_methods_of_the_requests() -> None:
    head = OK[:-2]
    for methods, data in [(("HEAD",), head + OK), (("GET", "HEAD"), OK + head), ((), OK + OK)]:
        found = parse_responses(data, methods)
        assert [each.complete for each in found] == [True, True]
        assert [each.method for each in found] == [*methods, "GET", "GET"][:2]


def test_a_response_that_ends_with_the_connection() -> None:
    data = b"HTTP/1.1 200 OK\r\n\r\nall of this"
    (response,) = parse_responses(data)
    assert (response.complete, bytes(response.body)) == (True, b"all of this")
    (response,) = parse_responses(data, closed=False)
    assert not response.complete


def test_an_interim_response_alone_is_not_cut() -> None:
    (response,) = parse_responses(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert [status for status, _ in response.informational] == [100]
    assert not response.begun
    with pytest.raises(ResponseError, match="within a response"):
        parse_responses(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2")


AFTER = {
    "close": OK.replace(b"Content", b"Connection: close\r\nContent") + b"x",
    "HTTP/1.0": OK.replace(b"/1.1", b"/1.0") + OK,
    "an upgrade": b"HTTP/1.1 101 x\r\n\r\nx",
}


@pytest.mark.parametrize("name", AFTER)
def test_nothing_follows_the_last_response(name: str) -> None:
    with pytest.raises(ResponseError, match="after the last response"):
        parse_responses(AFTER[name])
