"""One WebSocket on a transport: order, back-pressure, the end, and time.

The owner, a handler or a client, is told of messages one after the other: the next one waits for
what the owner has returned for the last.  Meanwhile pings are answered, a bounded number of
messages is read ahead, and beyond that the transport is paused.

    opening   messages are kept; `start` begins to deliver them
    open      until one side sends a close frame
    closing   ours is out, the peer's is awaited; what comes before it is dropped
    ending    both are out, or the peer has broken a rule: the transport ends when all is sent
    lost      what came before is still handled, then the owner is told
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IHalfCloseableProtocol, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cyclone._async import HandlerErrors, is_pending, resolve
from cyclone.http1 import NEVER, HTTPFactory, Outbox, SharedTransport

from .errors import WebSocketClosedError
from .session import Close, Failed, Ping, Session
from .settings import WebSocketSettings
from .timing import Timed

__all__ = ["Owner", "WebSocketConnection"]

_log = Logger(namespace="cyclone.general")

#: Messages that are handled in one turn of the reactor, before others get theirs.
_BUDGET = 128
#: Messages, and bytes of them, that are read ahead while one is being handled.
_AHEAD, _AHEAD_SIZE = 32, 65536


class Owner(Protocol):
    """What a connection tells of."""

    def message_received(self, message: str | bytes) -> Any:
        """A message; the next one waits for the result.  May raise."""

    def ping_received(self, data: bytes) -> Any:
        """A ping, which is answered already."""

    def pong_received(self, data: bytes) -> Any:
        """A pong."""

    def failed(self, error: BaseException) -> Any:
        """One of these has raised; the connection is closed with 1011."""

    def connection_lost(self, reason: Failure) -> Any:
        """Nothing comes any more, and nothing can be sent.  Called once."""


@implementer(IHalfCloseableProtocol)
class WebSocketConnection(Timed):
    """One end of an open WebSocket.

    Args:
        owner: who is told.
        session: the state of the protocol.
        hub: the server, or what stands for it: clock, timer, graceful stop.
        settings: see `WebSocketSettings`.
        greeting: bytes that are sent first, the response of a server.

    Attributes:
        close_code, close_reason: what the peer has closed with; None if it has not.
    """

    # There may be tens of thousands of them, most of them idle.
    __slots__ = (
        "_again",
        "_ahead",
        "_ahead_size",
        "_busy",
        "_ending",
        "_greeting",
        "_in_turn",
        "_linger",
        "_missed",
        "_owner",
        "_parting",
        "_shared",
        "_waits",
        "close_code",
        "close_reason",
    )

    def __init__(
        self,
        owner: Owner,
        session: Session,
        hub: HTTPFactory,
        settings: WebSocketSettings,
        greeting: bytes = b"",
    ) -> None:
        self._owner = owner
        super().__init__(session, hub, settings)
        self._greeting = greeting
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._ahead: deque[Any] | None = None  # events that wait for their turn
        self._ahead_size = 0
        self._waits = settings.write_buffer_policy == "wait"
        self._shared: SharedTransport | None = None
        self._busy = True  # a message is being handled, or the connection is opening
        self._in_turn = self._missed = self._again = False
        self._ending = self._linger = False
        self._parting: Failure | None = None  # why it is lost, while the owner is not told

    # -- what the owner calls

    @property
    def handle(self) -> Any:
        """The transport as applications get it."""
        if self._shared is None:
            self._shared = SharedTransport(
                self.transport, self.outbox.send, self.close, self._hub.call_soon
            )
        return self._shared

    def start(self) -> None:
        """The owner is ready for messages."""
        interval = self._settings.ping_interval
        if interval and not self.closing:
            self._ping_at = self._hub.seconds() + interval
            self._reschedule()
        self._handled(None)

    def ping(self, data: bytes) -> None:
        """Send a ping.

        Raises:
            ValueError: `data` has more than 125 bytes.
            WebSocketClosedError: the connection is closed or closing.
        """
        frame = self._session.ping(data)
        if self.closing:
            raise WebSocketClosedError
        self.outbox.send(frame)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin to close; nothing if that has begun.

        Raises:
            ValueError: a close frame must not bear that code, or the reason is too long.
        """
        frame = self._session.close(code, reason)
        if not frame or self._lost:
            return
        self._send_all_held()
        self.outbox.send(frame)
        self._ping_at = self._pong_by = NEVER
        self._end_within(self._settings.close_timeout)
        if self._session.over:
            self._end()

    def abort(self) -> None:
        """Drop the connection; what waits for the peer is lost."""
        if not self._lost:
            self._ending = self._session.close_sent = True
            self._forget_deadlines()
            self.outbox.flush()
            self.outbox.close(WebSocketClosedError)
            self.transport.abortConnection()

    def drain(self) -> None:
        """Part of a graceful stop."""
        self.close(1001, "the server is stopping")

    # -- the transport's calls

    def connectionMade(self) -> None:
        self.outbox = Outbox(self.transport, self._on_outbox, self._hub.departures)
        self._hub.connections.add(self)  # type: ignore[arg-type]  # it has what the hub calls
        if self._greeting:
            self.outbox.send(self._greeting)
            self._greeting = b""

    def dataReceived(self, data: bytes) -> None:
        self._heard = True
        session = self._session
        if not (self._busy or self._in_turn or self._again or self._ahead):
            # Nearly always it is one message, and nobody is waited for.
            message = session.whole(data)
            if message is not None:
                self._in_turn = True
                self._deliver(message)
                self._in_turn = False
                if self._busy or self._missed:
                    self._missed = False
                    self._run()
                return
        session.feed(data)
        if not self._again:
            self._run()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._lost:
            return
        unread = (self._busy or self._again) and not self.closing and self._read_rest()
        self._lost = self._ending = True
        self._parting = reason
        self._forget_deadlines()
        self._held = None
        if self._shared is not None:
            self._shared.lost()
        try:
            if not unread:
                self._part()
        finally:
            self._hub.connection_gone(self)  # type: ignore[arg-type]  # it has what the hub calls
            self.outbox.close(WebSocketClosedError)  # those who wait for the peer go on

    def _read_rest(self) -> bool:
        """Whether messages have come for which the owner has not been ready yet."""
        ahead = self._ahead = deque() if self._ahead is None else self._ahead
        while (event := self._session.next()) is not None:
            ahead.append(event)
        return bool(ahead)

    def _part(self) -> None:
        """Tell the owner that the connection is lost."""
        reason, self._parting = self._parting, None
        if reason is not None:
            self._ahead = None
            self._owner.connection_lost(reason)

    def readConnectionLost(self) -> None:
        """The peer has ended its side (IHalfCloseableProtocol): there is nothing to wait for."""
        if self._ending:
            self.transport.loseConnection()
        else:
            self._end()

    def writeConnectionLost(self) -> None:
        """Our side has been ended, by our half-close (IHalfCloseableProtocol)."""

    # -- reading

    def _run(self) -> None:
        """Handle what has come, as far as the owner is ready for it."""
        if self._in_turn:
            self._missed = True
            return
        self._in_turn = True
        session, outbox = self._session, self.outbox
        budget = _BUDGET
        try:
            while budget:
                event = self._next_event()
                if event is None:
                    break
                budget -= 1
                if session.buffered:
                    outbox.holding = True  # more may be sent in this turn
                kind = type(event)
                if kind is str or kind is bytes:
                    self._deliver(event)
                else:
                    self._control(event)
        finally:
            self._in_turn = False
            if outbox.holding:
                outbox.end_turn()
        if not budget and not self._again:
            self._again = True
            self._hub.call_soon(self._run_again)
        elif self._parting is not None and not (self._busy or self._again):
            self._part()
        if self._busy or self._again or not self._reading:
            self._set_reading()

    def _run_again(self) -> None:
        self._again = False
        if not self._lost or self._parting is not None:
            self._run()

    def _next_event(self) -> Any:
        """What to handle next; while the owner is busy, that is a ping or a pong."""
        session = self._session
        if not self._busy:
            if self._ahead:
                event = self._ahead.popleft()
                self._ahead_size -= _size(event)
                return event
            return session.next()
        if self._ahead is None:
            self._ahead = deque()
        ahead = self._ahead
        while len(ahead) < _AHEAD and self._ahead_size < _AHEAD_SIZE:
            event = session.next()
            if event is None or _is_heartbeat(event):
                return event
            ahead.append(event)
            self._ahead_size += _size(event)
        return None

    def _set_reading(self) -> None:
        """Pause the transport while too much has come that nobody is ready for."""
        waiting = self._busy or self._again
        full = len(self._ahead or ()) >= _AHEAD or (
            self._ahead_size + self._session.buffered >= _AHEAD_SIZE
        )
        reading = not (waiting and full)
        if self._lost or self._ending:
            return
        if not reading:
            # Also when it has been before: others may have had it read on.
            self.transport.pauseProducing()
        elif not self._reading:
            self.transport.resumeProducing()
        self._reading = reading

    def _deliver(self, message: str | bytes) -> None:
        if self._session.close_sent:
            return  # nobody could answer it any more
        try:
            result = self._owner.message_received(message)
        except HandlerErrors as error:
            self._failed(error)
            return
        outbox = self.outbox
        if result is not None and is_pending(result):
            self._busy = True
            resolve(result, self._handled, self._failed)
        elif self._waits and (outbox.paused or outbox.queued):
            # A peer that does not read the answers asks no more.
            self._busy = True
            self._handled(None)

    def _handled(self, _: Any) -> None:
        """A message has been handled: the next one, once the peer has taken the answers."""
        if self._waits and not self._lost and not self.outbox.clear:
            resolve(self.outbox.drained(), self._handled, self._handled)
            return
        self._busy = False
        if not self._again and (not self._lost or self._parting is not None):
            self._run()

    def _failed(self, error: BaseException) -> None:
        """The owner has raised `error`."""
        self._busy = False
        # Writing to a peer that has just closed is nothing to report.
        if not (isinstance(error, WebSocketClosedError) and self.closing):
            self._owner.failed(error)
            self.close(1011)
        if not self._lost or self._parting is not None:
            self._run()

    def _control(self, event: Any) -> None:
        try:
            if isinstance(event, Ping):
                self._answer(event.data)
                self._hook(self._owner.ping_received, event.data)
            elif isinstance(event, Close):
                self._closed(event)
            elif isinstance(event, Failed):
                self._violated(event)
            else:
                self._hook(self._owner.pong_received, event.data)
        except HandlerErrors as error:
            self._failed(error)

    def _hook(self, hook: Callable[[bytes], Any], data: bytes) -> None:
        result = hook(data)
        if result is not None and is_pending(result):
            resolve(result, _forget, self._failed)

    def _closed(self, event: Close) -> None:
        self.close_code, self.close_reason = event.code, event.reason
        if self._session.close_sent:
            self._end()
        else:
            # The same code back, which also ends it, since the session is over.
            self.close(event.code)

    def _violated(self, event: Failed) -> None:
        _log.info(
            "WebSocket of {peer} closed: {code} {why}",
            peer=self.transport.getPeer(),
            code=event.code,
            why=event.reason,
        )
        self._linger = True
        if self._session.close_sent:
            self._end()
        else:
            self.close(event.code, event.reason)

    # -- writing

    def _on_outbox(self) -> None:
        """The peer has stopped reading, or has caught up."""
        outbox = self.outbox
        if self._shared is not None:
            self._shared.peer_changed(outbox.paused)
        if outbox.paused:
            self._expect_progress()
            return
        self._write_by = NEVER
        self._reschedule()
        if outbox.queued:
            return
        if self._ending:
            self._all_sent()
            return
        self._send_held()

    # -- the end

    def _end(self) -> None:
        """End the connection when what has been sent is out."""
        if self._ending:
            return
        self._ending = True
        self.outbox.flush()
        if self.outbox.clear:
            self._all_sent()

    def _all_sent(self) -> None:
        """Close; one that has broken a rule may have more on its way, and a reset would destroy
        the close frame (RFC 9112 section 9.6 has the same case)."""
        self.outbox.release()
        timeout = self._hub.limits.linger_timeout
        if self._linger and timeout and not ISSLTransport.providedBy(self.transport):
            self._end_within(timeout)
            if not self._reading:
                self.transport.resumeProducing()
            self.transport.loseWriteConnection()
        else:
            self._end_within(self._settings.close_timeout)
            self.transport.loseConnection()


def _is_heartbeat(event: Any) -> bool:
    return not isinstance(event, (str, bytes, Close, Failed))


def _size(event: Any) -> int:
    return len(event) if isinstance(event, (str, bytes)) else 0


def _forget(_: Any) -> None:
    """There is nobody to be told."""
