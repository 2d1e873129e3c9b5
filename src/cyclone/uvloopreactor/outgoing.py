"""The writing side of a transport: what waits, producers, and the two ways to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol

from .turn import Hub

__all__ = ["Outgoing"]


class Outgoing:
    """Bytes on their way to the peer.

    They wait here until the end of the turn, then in the stream of the loop, which is left with as
    little as possible: it says when the last byte has gone to the system, and only then.

    Attributes:
        connected: the protocol has its connection.
        disconnecting: `loseConnection` was called.
        disconnected: the protocol has been told that the connection is lost.
        producer: what is registered to be told when to write, None if nothing is.
        streamingProducer: whether it is a push producer.
        bufferSize: a push producer is paused when more bytes than this wait.
    """

    connected = False
    disconnecting = False
    disconnected = False
    producer: Any = None
    streamingProducer = False
    bufferSize = 65536

    _stream: Any = None
    _deaf = True  # takes nothing (more): not connected yet, half-closed or lost
    _blocked = False  # the stream holds something that the system did not take
    _producer_paused = False
    _expected = False  # a push producer was resumed, and may write something before the end
    _half_closing = False
    _half_closed = False
    #: There is something to do when everything has been sent.
    _watchful = False

    protocol: Any = None
    #: From which size of its buffer on a stream says that it is not empty.
    _some = 0

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._out: list[bytes] = []
        self._size = 0

    def _open(self, stream: Any) -> None:
        self._stream = stream
        stream.set_write_buffer_limits(self._some, 0)
        self.connected = True
        # Read for every piece that is written, and faster to read from here than from the class.
        self._deaf = self._blocked = self._watchful = False
        self.bufferSize = self.bufferSize

    def guarded(self, function: Callable[[], object]) -> bool:
        """Call code of others; should it raise, log that and end the connection."""
        raise NotImplementedError

    def _close_if_over(self) -> None:
        """If neither side has anything to say any more, close the connection."""
        raise NotImplementedError

    # -- ITransport, as far as it writes

    def write(self, data: bytes) -> None:
        """Send `data`, together with all else that is written during this turn of the loop."""
        if not isinstance(data, bytes):
            raise TypeError("Data must be bytes")
        if self._deaf or not data:
            return
        out = self._out
        if not out:
            # Hub.add, spelled out: this is done for every response.
            hub = self._hub
            if not hub.waiting:
                hub.wake()
            hub.waiting.append(self)
        out.append(data)
        self._size += len(data)
        if self.streamingProducer and (self._blocked or self._size > self.bufferSize):
            self._pause_producer()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send these, one after the other."""
        pieces = list(iovec)
        for piece in pieces:
            if not isinstance(piece, bytes):
                raise TypeError("Data must be bytes")
        Outgoing.write(self, b"".join(pieces))

    def loseConnection(self, *_: object) -> None:
        """Close the connection when everything has been sent."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._stream.pause_reading()
            self._look_again()

    def loseWriteConnection(self) -> None:
        """Close this side of the connection when everything has been sent."""
        if self.connected and not self._half_closing:
            self._half_closing = True
            self._look_again()

    # -- IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Tell `producer` from now on when to write."""
        if self.producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer {self.producer} was "
                "never unregistered."
            )
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer = producer
        self.streamingProducer = bool(streaming)
        self._producer_paused = False
        if not streaming:
            self._watchful = True
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Take the producer out again, without closing the connection."""
        self.producer = None
        self.streamingProducer = False
        if self.connected and (self.disconnecting or self._half_closing):
            self._look_again()

    def _pause_producer(self) -> None:
        waits = self._size
        if self._blocked:
            waits += self._stream.get_write_buffer_size()
        if waits > self.bufferSize:
            self._producer_paused = self._watchful = True
            self.producer.pauseProducing()

    # -- sending

    def _look_again(self) -> None:
        """See at the end of the turn what there is to do."""
        self._watchful = True
        self._expected = False
        self._hub.add(self)

    def flush(self) -> None:
        """The turn ends: give the stream what was collected."""
        if not self.connected:
            return
        out = self._out
        if out:
            self._size = 0
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._stream.write(data)
            if self._watchful:
                self._expected = False
                self._settle()
        elif self._watchful:
            self._settle()

    def _settle(self) -> None:
        """If everything is with the system, go on with what waited for that."""
        if self._blocked or self._out or not self.connected:
            return
        producer = self.producer
        if producer is not None and (not self.streamingProducer or self._producer_paused):
            self._producer_paused = False
            self._expected = self.streamingProducer
            self._watchful = not self.streamingProducer or self.disconnecting or self._half_closing
            self.guarded(producer.resumeProducing)
        elif self._expected:
            pass
        elif self.disconnecting:
            self._deaf = True
            self._stream.close()
        elif self._half_closing and not self._half_closed:
            self._close_half()
        else:
            self._watchful = False

    def _close_half(self) -> None:
        self._half_closed = True
        self._deaf = True
        self._stream.write_eof()
        protocol = IHalfCloseableProtocol(self.protocol, None)
        if protocol is None or self.guarded(protocol.writeConnectionLost):
            self._close_if_over()

    # -- what the loop says

    def pause_writing(self) -> None:
        """The system does not take everything now."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The last byte has gone to the system."""
        self._blocked = False
        if self._watchful:
            # Not from in here: asyncio's streams do not expect to be closed meanwhile.
            self._hub.add(self)
