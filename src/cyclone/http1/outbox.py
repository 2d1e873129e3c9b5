"""The outgoing side of a connection: few writes, and back-pressure.

The outbox is the transport's producer, which tells how fast the peer reads.  While the peer does
not, bytes wait here, where they are counted.

What is written while one event is handled leaves together at its end.  Twisted's own sockets get
it later still, at the end of the reactor's turn, from the `Departures` of the server: the socket
is then sent to directly (`writeSomeData`), and only what it does not take goes the long way by
the poller.  One send after the other, when all that came in has been served, costs a third less
than stock writes, and half of sending each response at once, which wakes the peer each time.  As
a *pull* producer the outbox is told when the transport is empty again.

Any other transport (TLS, other reactors' own, in memory) is written to plainly at the end of the
event, with the outbox as push producer.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from cyclone._async import DONE, Settled, Waiter

from .departures import Departures
from .gone import PeerGone
from .progress import progress, unanswered

__all__ = ["Outbox", "closed_outbox"]

#: What is collected during one event before it is sent all the same.
_TURN_SIZE = 65536
_SLICE = 65536  # Outbox.SLICE
#: A response up to this size is offered to the socket as a whole; no send of Twisted's takes more.
_WHOLE = 131072
#: Below this a copy costs less than a send of its own.
_SMALL = 16384

Bytes = bytes | memoryview


@implementer(IPushProducer)
class Outbox:
    """Bytes on their way to the peer.

    Attributes:
        queued: how many bytes wait here.
        paused: the transport has enough for now.
        holding: an event is being handled that may have more to say; `end_turn` is called at its
            end.
        write: the transport's, for bytes that leave at once; None where they leave later.  While
            the outbox is neither `holding` nor `paused` nor has something `queued`, it does with
            at most `SLICE` bytes what `send` does.
    """

    #: What is given to the transport in one piece.  A slow peer's progress with a large response
    #: shows piece by piece, and the write timeout goes by it.
    SLICE = _SLICE

    __slots__ = (
        "_departures",
        "_most",
        "_on_change",
        "_queue",
        "_returned",
        "_transport",
        "_turn",
        "_turn_size",
        "_waiters",
        "_write",
        "holding",
        "paused",
        "queued",
        "write",
    )

    def __init__(
        self, transport: Any, on_change: Callable[[], None], departures: Departures
    ) -> None:
        """`on_change` is called when the transport pauses, and when everything is with it again."""
        self._transport = transport
        self._queue: deque[Bytes] | None = None
        self._waiters: set[Waiter] | None = None  # that somebody waits for
        self._returned: weakref.WeakSet[Waiter] | None = None  # that nobody waits for, so far
        self.queued = 0
        self.paused = False
        # Exactly these: a subclass may have its own idea of write().
        direct = type(transport) in (tcp.Server, unix.Server) and not transport.TLS
        self._departures = departures if direct else None
        self.write: Callable[[Any], None] | None = None if direct else transport.write
        self._write: Callable[[Any], None] = self.write or self._send_some
        self._most = _WHOLE if direct else _SLICE  # what is written at once
        self._turn: list[bytes] | None = None
        self.holding = False
        self._turn_size = 0
        self._on_change = _nothing
        transport.registerProducer(self, not direct)
        self._on_change = on_change

    def send(self, data: bytes, whole: bool = False) -> None:
        """Send `data`: at the end of the turn if there is one, else now.

        Args:
            whole: it is a whole response, so that nobody goes on writing when it has left.
        """
        turn = self._turn
        departures = self._departures
        if departures is None and not (self.holding or turn):
            if self.paused or self.queued or len(data) > _SLICE:
                self._transmit(data)
            else:
                write = self._write
                write(data)
            return
        if turn is None:
            turn = self._turn = []
        turn.append(data)
        self._turn_size += len(data)
        if self._turn_size > _TURN_SIZE and not (whole and self._room_for_whole()):
            self._overflow()
        elif departures is not None and len(turn) == 1:
            departures.add(self)

    def end_turn(self) -> None:
        """The event has been handled: what was collected may leave."""
        self.holding = False
        if self._departures is None and self._turn:
            self.flush()
            self._turn = None  # idle connections are many

    def flush(self) -> None:
        """Send what was collected, in one piece."""
        turn = self._turn
        if not turn:
            return
        data = turn[0] if len(turn) == 1 else b"".join(turn)
        turn.clear()
        self._turn_size = 0
        if self.paused or self.queued or len(data) > self._most:
            self._transmit(data)
        else:
            self._write(data)

    @property
    def clear(self) -> bool:
        """The peer keeps up: nothing waits for it, but for what the current turn collects."""
        return not self.paused and not self.queued

    def drained(self) -> Settled | Waiter:
        """An awaitable that is done when the peer has taken enough for more to be sent."""
        if not self.paused and not self.queued:
            return DONE
        if self._waiters is None or self._returned is None:
            self._waiters, self._returned = set(), weakref.WeakSet()
        waiter = Waiter(self._waiters.add)
        self._returned.add(waiter)
        return waiter

    def progress(self) -> int | None:
        """How far the peer has come with what was sent; see the room progress."""
        return progress(self._transport)

    def unanswered(self) -> bool:
        """Whether the peer's system has not answered what was sent last; see the room progress."""
        return unanswered(self._transport)

    def close(self, error: Callable[[], Exception] = PeerGone) -> None:
        """Take nothing more, forget what waits, and tell those who wait that the peer is gone.

        Args:
            error: makes what they are told.
        """
        self._queue = None
        self._turn = None
        self._turn_size = 0
        self._departures = None
        self.queued = 0
        self.paused = False
        self._transport = _Closed
        self._on_change = _nothing  # a circle with the connection
        self._write = _Closed.write
        self.write = None
        waiters = self._waiters or ()
        self._waiters = self._returned = None
        for waiter in waiters:
            if not waiter.called:
                waiter.errback(error())
                waiter.addErrback(_forget)

    def release(self) -> None:
        """Leave the transport; what still waits is handed over as it is."""
        self.flush()
        transport, queue = self._transport, self._queue
        transport.unregisterProducer()
        while queue:
            transport.write(bytes(queue.popleft()))
        self.queued = 0
        self.paused = False
        self._on_change = _nothing
        self._wake()

    # -- IPushProducer

    def pauseProducing(self) -> None:
        self.paused = True
        self._on_change()

    def resumeProducing(self) -> None:
        self.paused = False
        held, self.holding = self.holding, True  # who has waited writes again, maybe much
        try:
            self._transmit_queue()
            self._on_change()
        finally:
            if not held:
                self.end_turn()

    def stopProducing(self) -> None:
        self.paused = True

    # -- inside

    def _room_for_whole(self) -> bool:
        """Whether the whole response that came last may wait for the end of the turn like small
        ones; those before it leave now if they have to."""
        turn = self._turn or []
        size = len(turn[-1])
        if self._departures is None or self.paused or size > _WHOLE:
            return False
        if self._turn_size > _WHOLE:
            last = turn.pop()
            self.flush()
            turn.append(last)
            self._turn_size = size
        return True

    def _overflow(self) -> None:
        """A turn has much to say.  What the socket takes at once would never end the turn, for a
        handler that awaits nothing but the peer: hand it to the transport, and wait for that."""
        if self._departures is None or self.paused:
            self.flush()
            return
        turn, self._turn = self._turn or [], None
        self._turn_size = 0
        if min(map(len, turn)) < _SMALL:
            turn = [b"".join(turn)]
        for piece in turn[1:]:
            self._keep(piece)
        self._hand_over(turn[0])

    def _send_some(self, data: Bytes) -> None:
        """Send `data` to the socket at once, as far as it takes it."""
        sent = self._transport.writeSomeData(data)
        if sent == len(data):
            return
        # When `sent` is no number the connection is broken, which the transport finds out, too.
        self._hand_over(memoryview(data)[sent if isinstance(sent, int) else 0 :])

    def _hand_over(self, data: Bytes) -> None:
        """Give the transport of a socket a slice, and wait until it is rid of it."""
        self.paused = True
        slice_ = data[:_SLICE]  # of bytes that are no longer: they themselves
        self._transport.write(slice_ if isinstance(slice_, bytes) else bytes(slice_))
        if len(data) > _SLICE:
            self._keep(memoryview(data)[_SLICE:], first=True)
        self._on_change()

    def _transmit(self, data: bytes) -> None:
        self._keep(data)
        self._transmit_queue()

    def _keep(self, data: Bytes, first: bool = False) -> None:
        """Have `data` wait here; `first` before all that waits already."""
        if self._queue is None:
            self._queue = deque()
        if first:
            self._queue.appendleft(data)
        else:
            self._queue.append(data)
        self.queued += len(data)

    def _transmit_queue(self) -> None:
        """Give the transport what is queued, slice by slice, as far as it goes."""
        queue = self._queue
        while queue and not self.paused:
            data = queue.popleft()
            if len(data) > _SLICE:
                view = memoryview(data)
                queue.appendleft(view[_SLICE:])
                data = view[:_SLICE]
            self.queued -= len(data)
            # write() of any transport takes bytes only; _send_some sends views without a copy.
            self._write(data if self._departures is not None else bytes(data))
        if not self.paused and not self.queued:
            self._wake()

    def _wake(self) -> None:
        if self._returned is None:
            return
        waiters = {*(self._waiters or ()), *self._returned}
        self._waiters = self._returned = None
        for waiter in waiters:
            if not waiter.called:
                waiter.callback(None)


def _forget(_: Failure) -> None:
    """Those who waited have heard; a peer that goes away is no error to log."""


def _nothing() -> None:
    """Transports call a pull producer when it is registered; there is nothing to say yet."""


class _Closed:
    """Where bytes go when the connection is lost."""

    @staticmethod
    def write(data: bytes) -> None:
        """Nobody reads this."""

    @staticmethod
    def registerProducer(producer: Any, streaming: bool) -> None:
        """There is nothing to tell it."""

    @staticmethod
    def unregisterProducer() -> None:
        """There is no transport any more."""


@cache
def closed_outbox() -> Outbox:
    """One that takes nothing, for all whose transport has another."""
    outbox = Outbox(_Closed, _nothing, Departures(lambda _: None))
    outbox.close()
    return outbox
