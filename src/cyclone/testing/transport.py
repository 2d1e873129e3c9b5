"""A TCP transport made of memory: the server's end of a connection without a socket.

Rules it keeps, so that a protocol cannot tell it from a transport of a reactor:

1. Nothing is delivered to the protocol from inside a call that the protocol makes.
   What a call brings about later (the end of the connection, bytes that waited while
   reading was paused) happens in a later turn of the clock given to the transport,
   by ``clock.callLater(0, ...)``.
2. Bytes written leave at once, unless the client is told not to read (`hold`). Then
   they wait, and beyond `buffer_size` a registered push producer is paused, until
   `release`.
3. ``loseConnection`` waits for the bytes on their way and for a registered producer;
   ``abortConnection`` waits for nothing.
4. Reading stops with ``loseConnection``: who wants to go on reading while the last
   bytes leave closes the write side only.

The methods in camelCase are what a protocol calls; those in lower case stand for what
the client at the other end does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IProducer,
    IProtocol,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

CLIENT_ADDRESS = IPv4Address("TCP", "127.0.0.1", 54321)
SERVER_ADDRESS = IPv4Address("TCP", "127.0.0.1", 8888)

Address = IPv4Address | IPv6Address | UNIXAddress


@implementer(ITCPTransport, IConsumer, IPushProducer)
class MemoryTransport:
    """The transport of one connection whose client is a test.

    Attributes for the test to look at, all read-only in spirit:

    - `received` (bytes): what the client has got so far;
    - `waiting` (int): bytes written that a client on `hold` has not taken;
    - `paused` (bool): the protocol asked not to be given bytes;
    - `disconnecting`, `connected`, `disconnected` (bool): as on Twisted's transports;
    - `aborted` (bool): the end came by ``abortConnection``;
    - `write_closed` (bool): the server closed its writing side, the client saw the end;
    - `late_writes` (bytes): what was written after ``loseConnection``, which no careful
      protocol does.

    `watcher`, when a test sets it, is called without arguments whenever the client got
    bytes or the end; it is called while the server writes, so it should only take note.

    Args:
        clock: whose turns things happen in; usually a
            :class:`twisted.internet.task.Clock`.
        peer: what ``getPeer`` answers.
        host: what ``getHost`` answers.
        buffer_size: bytes that may wait before a push producer is paused.
    """

    disconnecting = False
    disconnected = False
    connected = True
    aborted = False
    paused = False
    write_closed = False
    producer: Any = None
    streaming = False

    def __init__(
        self,
        clock: IReactorTime,
        *,
        peer: Address = CLIENT_ADDRESS,
        host: Address = SERVER_ADDRESS,
        buffer_size: int = 65536,
    ) -> None:
        self.clock = clock
        self.buffer_size = buffer_size
        self.protocol: Any = None
        self.late_writes = b""
        self.watcher: Callable[[], object] | None = None
        self._peer = peer
        self._host = host
        self._received = bytearray()
        self._waiting = bytearray()
        self._unread = bytearray()
        self._held = False
        self._eof = False
        self._eof_delivered = False
        self._write_closing = False
        self._producer_paused = False
        self._pumping = False
        self._options = {"nodelay": False, "keepalive": False}

    # -- what the client does

    def connect(self, protocol: IProtocol) -> None:
        """Give `protocol` this transport: its connection is made."""
        self.protocol = protocol
        protocol.makeConnection(self)

    def refuse(self) -> None:
        """The server would not have the connection: it is closed before a byte."""
        self.connected = False
        self.disconnected = True

    @property
    def received(self) -> bytes:
        """Everything the client has read so far."""
        return bytes(self._received)

    @property
    def waiting(self) -> int:
        """Bytes written by the server that the client has not read."""
        return len(self._waiting)

    @property
    def unread(self) -> int:
        """Bytes sent by the client that the server has not read (it is paused)."""
        return len(self._unread)

    def take(self) -> bytes:
        """What was `received` since the last call, which forgets it."""
        data = bytes(self._received)
        self._received.clear()
        return data

    def give_back(self, data: bytes) -> None:
        """Put `data`, which `take` returned, before what was `received` since."""
        self._received[:0] = data

    def deliver(self, data: bytes) -> None:
        """The client sends `data`; as much as the protocol will read reaches it now."""
        if self._eof:
            raise ValueError("the client has closed its writing side")
        self._unread += data
        self._pump()

    def half_close(self) -> None:
        """The client has sent its last byte, and goes on reading."""
        self._eof = True
        self._pump()

    def disconnect(self) -> None:
        """The client is gone: the connection is lost, what was on its way with it."""
        self._lose(ConnectionLost("the client is gone"))

    def hold(self) -> None:
        """The client stops reading."""
        self._held = True

    def release(self, count: int | None = None) -> None:
        """The client reads what waits; only `count` bytes of it when that is given.

        Without `count` it goes on reading from here on.
        """
        if count is None:
            self._held = False
            count = len(self._waiting)
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._arrive(data)
        self._drained()

    # -- ITransport

    def write(self, data: bytes) -> None:
        """Send `data`; see rule 2."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes, not {type(data).__name__}")
        if not self.connected or self._write_closing or not data:
            return
        if self.disconnecting:
            self.late_writes += data
        if not self._held:
            self._arrive(data)
            return
        self._waiting += data
        if self.streaming and not self._producer_paused and self.waiting > self.buffer_size:
            self._producer_paused = True
            self.producer.pauseProducing()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send the pieces of `iovec` in one write."""
        self.write(b"".join(iovec))

    def loseConnection(self) -> None:
        """Close when everything written has left; see rules 3 and 4."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._later(self._drained)

    def abortConnection(self) -> None:
        """Close now; what waits is dropped. The protocol hears of it in the next turn."""
        if self.connected and not self.aborted:
            self.aborted = self.disconnecting = True
            self._waiting.clear()
            self._later(self._lose, ConnectionAborted())

    def loseWriteConnection(self) -> None:
        """Close the writing side when everything written has left."""
        if self.connected and not self._write_closing:
            self._write_closing = True
            self._later(self._drained)

    def getPeer(self) -> Any:
        """Address of the client."""
        return self._peer

    def getHost(self) -> Any:
        """Address of the server."""
        return self._host

    def getTcpNoDelay(self) -> bool:
        """What `setTcpNoDelay` was last given."""
        return self._options["nodelay"]

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Kept, and without effect."""
        self._options["nodelay"] = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        """What `setTcpKeepAlive` was last given."""
        return self._options["keepalive"]

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Kept, and without effect."""
        self._options["keepalive"] = bool(enabled)

    # -- IPushProducer: the protocol controls what it reads

    def pauseProducing(self) -> None:
        """Deliver nothing to the protocol until `resumeProducing`."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Deliver what came meanwhile, from the next turn on."""
        if self.paused:
            self.paused = False
            self._later(self._pump)

    def stopProducing(self) -> None:
        """The same as `loseConnection`."""
        self.loseConnection()

    # -- IConsumer: a producer of the protocol is told when to wait

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Take `producer`; a pull producer (`streaming` false) is asked for data at once.

        Raises:
            RuntimeError: when there is one already.
        """
        if self.producer is not None:
            raise RuntimeError("a producer is registered already")
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer = producer
        self.streaming = bool(streaming)
        self._producer_paused = False
        if not streaming:
            self.producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer; a close that waited for it goes on."""
        self.producer = None
        self.streaming = False
        self._producer_paused = False
        if self.connected and (self.disconnecting or self._write_closing):
            self._later(self._drained)

    # -- inside

    def _arrive(self, data: bytes) -> None:
        self._received += data
        self._tell()

    def _tell(self) -> None:
        if self.watcher is not None:
            self.watcher()

    def _later(self, call: Any, *args: Any) -> None:
        self.clock.callLater(0, call, *args)

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._unread and self._reads():
                data = bytes(self._unread[:65536])
                del self._unread[:65536]
                self.protocol.dataReceived(data)
            if self._eof and not self._unread and self._reads() and not self._eof_delivered:
                self._eof_delivered = True
                self._deliver_eof()
        finally:
            self._pumping = False

    def _reads(self) -> bool:
        return self.connected and not self.paused and not self.disconnecting

    def _deliver_eof(self) -> None:
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self._lose(ConnectionDone())

    def _drained(self) -> None:
        if self._waiting or not self.connected or self.aborted:
            return
        if self.producer is not None and (self._producer_paused or not self.streaming):
            self._producer_paused = False
            self.producer.resumeProducing()
        elif self.producer is not None:
            return
        elif self.disconnecting:
            self._lose(ConnectionDone())
        elif self._write_closing and not self.write_closed:
            self.write_closed = True
            self._tell()
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.writeConnectionLost()

    def _lose(self, reason: Exception) -> None:
        if self.disconnected:
            return
        self.connected = False
        self.disconnected = True
        self._waiting.clear()
        self._unread.clear()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))  # type: ignore[no-untyped-call]
        self._tell()


@implementer(ISSLTransport)
class MemoryTLSTransport(MemoryTransport):
    """A `MemoryTransport` that says it is encrypted, so that requests are ``https``."""

    def getPeerCertificate(self) -> None:
        """No client of ours shows a certificate."""
