"""The transport made of memory, and the rules it keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from cyclone.testing import MemoryTLSTransport, MemoryTransport


class Diary(Protocol):
    """Notes what happens; `on_data` is run with what comes."""

    on_data: Callable[[bytes], Any] | None = None

    def __init__(self) -> None:
        self.notes: list[Any] = []

    def connectionMade(self) -> None:
        self.notes.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.notes.append(data)
        if self.on_data is not None:
            self.on_data(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.notes.append(reason.type)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Diary):
    """Minds the ends of either side."""

    def readConnectionLost(self) -> None:
        self.notes.append("peer ended")

    def writeConnectionLost(self) -> None:
        self.notes.append("we ended")


@implementer(IPushProducer)
class Producer:
    """Notes what it is told; `on_resume` is run when it shall produce."""

    on_resume: Callable[[], Any] | None = None

    def __init__(self, notes: list[Any]) -> None:
        self.notes = notes

    def pauseProducing(self) -> None:
        self.notes.append("pause")

    def resumeProducing(self) -> None:
        self.notes.append("resume")
        if self.on_resume is not None:
            self.on_resume()

    def stopProducing(self) -> None:
        self.notes.append("stop")


class Line:
    """A transport, its protocol and its clock."""

    def __init__(self, protocol: type[Diary] = Diary, **options: Any) -> None:
        self.clock = Clock()
        self.transport = MemoryTransport(self.clock, **options)
        self.protocol = protocol()
        self.notes = self.protocol.notes
        self.transport.connect(self.protocol)
        self.notes.clear()

    def turn(self) -> None:
        self.clock.advance(0)

    def produce(self, streaming: bool = True) -> Producer:
        producer = Producer(self.notes)
        self.transport.registerProducer(producer, streaming)
        return producer


@pytest.fixture
def line() -> Line:
    return Line()


def test_interfaces() -> None:
    for interface in (ITCPTransport, IConsumer):
        assert verifyObject(interface, MemoryTransport(Clock()))
    assert not ISSLTransport.providedBy(MemoryTransport(Clock()))
    secure = MemoryTLSTransport(Clock())
    assert verifyObject(ISSLTransport, secure)
    assert secure.getPeerCertificate() is None


def test_addresses_and_options() -> None:
    transport = MemoryTransport(Clock(), peer=UNIXAddress("/a"), host=UNIXAddress("/b"))
    assert (transport.getPeer(), transport.getHost()) == (UNIXAddress("/a"), UNIXAddress("/b"))
    assert MemoryTransport(Clock()).getHost() == IPv4Address("TCP", "127.0.0.1", 8888)
    for name in ("TcpNoDelay", "TcpKeepAlive"):
        assert getattr(transport, f"get{name}")() is False
        getattr(transport, f"set{name}")(1)
        assert getattr(transport, f"get{name}")() is True
    assert transport.getTcpKeepAlive() is True


def test_being_connected() -> None:
    protocol = Diary()
    MemoryTransport(Clock()).connect(protocol)
    assert protocol.notes == ["made"]
    transport = MemoryTransport(Clock())
    transport.refuse()
    assert (transport.connected, transport.disconnected) == (False, True)


# --- the client's bytes ---------------------------------------------------------------------------


def test_bytes_arrive(line: Line) -> None:
    line.transport.deliver(b"one")
    line.transport.deliver(b"")
    line.transport.deliver(b"two")
    assert line.notes == [b"one", b"two"]


def test_much_arrives_in_pieces(line: Line) -> None:
    line.transport.deliver(b"x" * 150_000)
    assert [len(each) for each in line.notes] == [65536, 65536, 150_000 - 131072]


def test_nothing_is_delivered_from_inside_a_call(line: Line) -> None:
    def deliver(data: bytes) -> None:
        if data == b"one":
            line.transport.deliver(b"two")
            line.notes.append("after")

    line.protocol.on_data = deliver
    line.transport.deliver(b"one")
    assert line.notes == [b"one", "after", b"two"]


def test_pausing(line: Line) -> None:
    line.transport.pauseProducing()
    line.transport.deliver(b"one")
    assert (line.notes, line.transport.unread, line.transport.paused) == ([], 3, True)
    line.transport.resumeProducing()
    assert (line.notes, line.transport.paused) == ([], False)
    line.turn()
    assert (line.notes, line.transport.unread) == ([b"one"], 0)
    line.transport.resumeProducing()
    assert line.clock.getDelayedCalls() == []


def test_pausing_in_the_middle(line: Line) -> None:
    line.protocol.on_data = lambda _: line.transport.pauseProducing()
    line.transport.deliver(b"x" * 70_000)
    assert len(line.notes) == 1
    line.transport.resumeProducing()
    line.turn()
    assert len(line.notes) == 2


@pytest.mark.parametrize("protocol", [Diary, HalfCloseable])
def test_the_client_ends_its_side(protocol: type[Diary]) -> None:
    line = Line(protocol)
    line.transport.half_close()
    assert line.notes == [ConnectionDone if protocol is Diary else "peer ended"]
    assert line.transport.connected is (protocol is HalfCloseable)
    with pytest.raises(ValueError, match="closed its writing side"):
        line.transport.deliver(b"late")


def test_the_end_comes_after_the_bytes() -> None:
    line = Line(HalfCloseable)
    line.transport.pauseProducing()
    line.transport.deliver(b"one")
    line.transport.half_close()
    assert line.notes == []
    line.transport.resumeProducing()
    line.turn()
    line.transport.pauseProducing()
    line.transport.resumeProducing()
    line.turn()
    assert line.notes == [b"one", "peer ended"]


def test_the_client_leaves(line: Line) -> None:
    line.produce()
    line.transport.hold()
    line.transport.write(b"never read")
    line.transport.disconnect()
    assert line.notes == ["stop", ConnectionLost]
    assert line.transport.producer is None
    assert (line.transport.disconnected, line.transport.waiting) == (True, 0)
    line.transport.disconnect()
    line.transport.write(b"late")
    line.transport.loseConnection()
    line.transport.abortConnection()
    line.transport.loseWriteConnection()
    line.transport.release()
    line.turn()
    assert line.notes == ["stop", ConnectionLost]
    assert line.transport.received == b""


# --- the server's bytes ---------------------------------------------------------------------------


def test_writing(line: Line) -> None:
    line.transport.write(b"one")
    line.transport.write(bytearray(b"two"))
    line.transport.write(memoryview(b"three"))
    line.transport.writeSequence([b"fo", b"ur"])
    assert line.transport.received == b"onetwothreefour"
    assert line.transport.take() == b"onetwothreefour"
    assert line.transport.received == b""
    line.transport.write(b"b")
    line.transport.give_back(b"a")
    assert line.transport.received == b"ab"


@pytest.mark.parametrize("data", ["text", None, 1, [b"x"]])
def test_only_bytes_are_written(line: Line, data: Any) -> None:
    with pytest.raises(TypeError, match="must be bytes"):
        line.transport.write(data)


def test_the_watcher(line: Line) -> None:
    seen: list[bytes] = []
    line.transport.watcher = lambda: seen.append(line.transport.received)
    line.transport.write(b"one")
    line.transport.write(b"")
    line.transport.hold()
    line.transport.write(b"two")
    assert seen == [b"one"]
    line.transport.release(1)
    assert seen == [b"one", b"onet"]
    line.transport.disconnect()
    assert len(seen) == 3


def test_a_client_that_does_not_read() -> None:
    line = Line(buffer_size=10)
    line.produce()
    line.transport.hold()
    line.transport.write(b"x" * 10)
    assert line.notes == []
    line.transport.write(b"y")
    line.transport.write(b"z")
    assert line.notes == ["pause"]
    assert (line.transport.waiting, line.transport.received) == (12, b"")
    line.transport.release(11)
    assert (line.notes, line.transport.waiting) == (["pause"], 1)
    line.transport.release(5)
    assert line.notes == ["pause", "resume"]
    line.transport.write(b"held")
    assert line.transport.waiting == 4
    line.transport.release()
    line.transport.write(b"read")
    assert line.transport.received == b"x" * 10 + b"yzheldread"
    assert line.notes == ["pause", "resume"]


def test_a_pull_producer(line: Line) -> None:
    producer = Producer(line.notes)
    pieces = [b"one", b"two"]

    def produce() -> None:
        if pieces:
            line.transport.write(pieces.pop(0))
        else:
            line.transport.unregisterProducer()

    producer.on_resume = produce
    line.transport.hold()
    line.transport.registerProducer(producer, False)
    assert line.notes == ["resume"]
    line.transport.release(3)
    assert line.notes == ["resume"] * 2
    line.transport.release()
    assert line.notes == ["resume"] * 3
    assert line.transport.received == b"onetwo"
    assert line.transport.producer is None


def test_one_producer_at_a_time(line: Line) -> None:
    line.produce()
    with pytest.raises(RuntimeError, match="registered already"):
        line.produce()
    line.transport.unregisterProducer()
    line.produce()


def test_a_producer_for_a_connection_that_is_gone(line: Line) -> None:
    line.transport.disconnect()
    line.notes.clear()
    line.produce()
    assert line.notes == ["stop"]
    assert line.transport.producer is None


# --- the end --------------------------------------------------------------------------------------


def test_closing_happens_later(line: Line) -> None:
    line.transport.loseConnection()
    assert (line.notes, line.transport.connected, line.transport.disconnecting) == ([], True, True)
    line.transport.loseConnection()
    line.turn()
    assert line.notes == [ConnectionDone]
    assert (line.transport.connected, line.transport.disconnected) == (False, True)


def test_closing_waits_for_the_bytes(line: Line) -> None:
    line.transport.hold()
    line.transport.write(b"bytes")
    line.transport.stopProducing()
    line.turn()
    assert line.notes == []
    line.transport.release()
    assert line.notes == [ConnectionDone]
    assert line.transport.received == b"bytes"


def test_closing_waits_for_the_producer(line: Line) -> None:
    line.produce()
    line.transport.loseConnection()
    line.turn()
    assert line.notes == []
    line.transport.write(b"last")
    line.transport.unregisterProducer()
    assert line.notes == []
    line.turn()
    assert line.notes == [ConnectionDone]
    assert line.transport.received == line.transport.late_writes == b"last"


def test_reading_stops_with_closing(line: Line) -> None:
    line.transport.loseConnection()
    line.transport.deliver(b"late")
    assert line.notes == []


def test_aborting(line: Line) -> None:
    line.produce()
    line.transport.hold()
    line.transport.write(b"lost")
    line.transport.abortConnection()
    assert (line.notes, line.transport.aborted) == ([], True)
    line.transport.abortConnection()
    line.turn()
    assert line.notes == ["stop", ConnectionAborted]
    assert line.transport.received == b""


@pytest.mark.parametrize(
    "turns",
    [1, 0],
)
def test_aborting_while_closing(line: Line, turns: int) -> None:
    line.transport.hold()
    line.transport.write(b"lost")
    line.transport.loseConnection()
    for _ in range(turns):
        line.turn()
    line.transport.abortConnection()
    line.turn()
    assert line.notes == [ConnectionAborted]


@pytest.mark.parametrize("protocol", [Diary, HalfCloseable])
def test_closing_the_writing_side(protocol: type[Diary]) -> None:
    line = Line(protocol)
    line.transport.hold()
    line.transport.write(b"bytes")
    line.transport.loseWriteConnection()
    line.transport.loseWriteConnection()
    line.transport.write(b"late")
    line.turn()
    assert not line.transport.write_closed
    line.transport.release()
    assert line.transport.write_closed
    assert line.transport.received == b"bytes"
    assert line.notes == ["we ended"] * (protocol is HalfCloseable)
    line.transport.deliver(b"still heard")
    assert line.notes[-1] == b"still heard"
    line.transport.release()
    assert line.notes.count("we ended") == (protocol is HalfCloseable)


def test_both_sides() -> None:
    line = Line(HalfCloseable)
    line.transport.loseWriteConnection()
    line.turn()
    line.transport.loseConnection()
    line.turn()
    assert line.notes == ["we ended", ConnectionDone]


def test_the_writing_side_waits_for_the_producer() -> None:
    line = Line(HalfCloseable)
    line.produce()
    line.transport.loseWriteConnection()
    line.turn()
    assert not line.transport.write_closed
    line.transport.unregisterProducer()
    line.turn()
    assert line.transport.write_closed
