"""One connection to an application, in memory, for tests that speak in bytes."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from .transport import (
    CLIENT_ADDRESS,
    SERVER_ADDRESS,
    Address,
    MemoryTLSTransport,
    MemoryTransport,
)
from .wire import ResponseError, ResponseParser

_clocks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def use_clock(factory: Any, clock: Any = None) -> Any:
    """Have `factory` run on `clock` and return it.

    Without `clock` it is the one that this function gave to `factory` before, else a new
    :class:`~twisted.internet.task.Clock`.
    """
    if clock is None:
        clock = _clocks.get(factory) or Clock()
    if _clocks.get(factory) is not clock:
        factory.clock = _clocks[factory] = clock
    return clock


class MemoryConnection:
    """A client's end of one connection: bytes in, bytes out, and time that a test moves.

    ::

        connection = MemoryConnection(app)
        connection.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
        connection.received         # b"HTTP/1.1 200 OK\\r\\n..."
        connection.closed           # True

    Calling `send`, `eof`, `release` and `disconnect` runs everything that a reactor would
    do in the turns right after (calls due now), but lets no time pass: `advance` does.

    Args:
        factory: an Application, or another protocol factory; its ``clock`` attribute
            is set to `clock`.
        clock: a :class:`twisted.internet.task.Clock`, by default the one that earlier
            connections to `factory` have, or a new one; with a reactor instead, time passes
            by itself and `advance` does not work.
        tls: the connection counts as encrypted.
        peer: the client's address as the server sees it.
        host: the server's own address.
        buffer_size: bytes a client that does not read takes before producers pause.
    """

    def __init__(
        self,
        factory: Any,
        *,
        clock: IReactorTime | None = None,
        tls: bool = False,
        peer: Address = CLIENT_ADDRESS,
        host: Address = SERVER_ADDRESS,
        buffer_size: int = 65536,
    ) -> None:
        self.clock = use_clock(factory, clock)
        kind = MemoryTLSTransport if tls else MemoryTransport
        self.transport = kind(self.clock, peer=peer, host=host, buffer_size=buffer_size)
        self.protocol = factory.buildProtocol(peer)
        if self.protocol is None:
            self.transport.refuse()
        else:
            self.transport.connect(self.protocol)
        settle(self.clock)

    @property
    def received(self) -> bytes:
        """All bytes the client got."""
        return self.transport.received

    @property
    def closed(self) -> bool:
        """Has the server closed, at least its writing side? Then no answer can follow."""
        return self.transport.disconnected or self.transport.write_closed

    def send(self, data: bytes) -> bytes:
        """Send `data`; returns `received`. Bytes for a closed connection are lost."""
        if self.transport.connected:
            self.transport.deliver(data)
            settle(self.clock)
        return self.received

    def send_split(self, data: bytes, size: int = 1) -> bytes:
        """Send `data` in pieces of `size` bytes; returns `received`."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
        return self.received

    def eof(self) -> None:
        """Close the client's writing side."""
        if self.transport.connected:
            self.transport.half_close()
            settle(self.clock)

    def disconnect(self) -> None:
        """Leave without a word."""
        self.transport.disconnect()
        settle(self.clock)

    def hold(self) -> None:
        """Read no more."""
        self.transport.hold()

    def release(self, count: int | None = None) -> bytes:
        """Read what waits (`count` bytes of it, or all and on from there); `received`."""
        self.transport.release(count)
        settle(self.clock)
        return self.received

    def advance(self, seconds: float, steps: int = 1) -> None:
        """Let `seconds` pass, in `steps` equal parts."""
        for _ in range(steps):
            self.clock.advance(seconds / steps)
        settle(self.clock)

    def responses(self, *methods: str) -> list[ResponseParser]:
        """Everything received, read as answers to requests with these `methods`.

        A method missing at the end counts as GET. The last response may be incomplete
        while the connection is open.

        Raises:
            ResponseError: for bytes that no server may send, and for an incomplete
                response on a closed connection.
        """
        return parse_responses(self.received, methods, closed=self.closed)


def parse_responses(
    data: bytes, methods: tuple[str, ...] = (), *, closed: bool = True
) -> list[ResponseParser]:
    """Read `data` as responses to requests with `methods` (GET where none is left).

    Raises:
        ResponseError: for what no server may send, and when `closed` for a final response
            that is cut; interim ones alone are not.
    """
    found: list[ResponseParser] = []
    while data:
        if found and not found[-1].keep_alive:
            raise ResponseError(f"bytes after the last response: {data[:80]!r}")
        parser = ResponseParser(methods[len(found)] if len(found) < len(methods) else "GET")
        found.append(parser)
        data = parser.feed(data)
        if closed and parser.begun and not parser.complete:
            parser.eof()
    return found


def settle(clock: IReactorTime) -> None:
    """Run the calls that are due now, and those they make, until none is left.

    Only a :class:`~twisted.internet.task.Clock` can be told to; a reactor turns by itself.
    """
    if not isinstance(clock, Clock):
        return
    for _ in range(10000):
        now = clock.seconds()
        due: list[Any] = [call for call in clock.getDelayedCalls() if call.getTime() <= now]
        if not due:
            return
        for call in due:  # a turn; Clock.advance(0) would run calls that are made meanwhile, too
            if call.active():
                clock.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)
    raise RuntimeError("calls that are due now never end")
