"""One HTTP/1.1 connection: keep-alive, pipelining, back-pressure, time limits.

Strategy.  Bytes that arrive are kept unparsed until the connection can serve what is in them, so
a pipelining peer makes nothing grow but one bounded buffer, and responses cannot overtake: the
next head is cut off and parsed when the response before it has ended.  What is written while one
event is handled leaves in one ``transport.write`` at its end.

    state     what comes in is                           it is left for
    -------   ----------------------------------------   -----------------------------------------
    HEAD      a request head, or part of one             BUSY (head complete), CLOSING (refused)
    BUSY      kept: a handler owes a response            BODY (read_body), HEAD (response ended)
    BODY      the request's body                         BUSY (complete), CLOSING (refused)
    CLOSING   thrown away while the last response goes   LINGER, CLOSED
    LINGER    thrown away while the peer reads it        CLOSED
    DETACHED  another protocol's                         CLOSED
    CLOSED    nothing
"""

from __future__ import annotations

import contextlib
import contextvars
import enum
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cyclone._async import exception_of
from cyclone.util import warn_of_overrides

from . import response as wire
from .context import Context
from .detached import Detached
from .exchange import Exchange
from .farewell import LOOK, Farewell
from .heads import check_partial_head, skip_empty_lines
from .intake import Intake
from .interfaces import BodyConsumer
from .outbox import Outbox, closed_outbox
from .parser import RequestHead
from .refusal import BadRequest
from .shared import SharedTransport
from .sweep import NEVER
from .timing import Timed

__all__ = ["HTTP1Connection"]

_log = Logger(namespace="cyclone.general")


class _State(enum.Enum):
    HEAD = 1
    BUSY = 2
    BODY = 3
    CLOSING = 4
    LINGER = 5
    DETACHED = 6
    CLOSED = 7


_HEAD, _BUSY, _BODY = _State.HEAD, _State.BUSY, _State.BODY
_CLOSING, _LINGER, _DETACHED, _CLOSED = (
    _State.CLOSING,
    _State.LINGER,
    _State.DETACHED,
    _State.CLOSED,
)


#: Of a connection that begins no request any more.
_NO_CONTEXT = contextvars.Context()

#: Methods of cyclone 1.x's HTTPConnection that overriding has no effect on any more.
_NOT_CALLED = {
    **dict.fromkeys(
        ("lineReceived", "rawDataReceived", "lineLengthExceeded"),
        "use the settings max_header_size and max_body_size, or @stream_request_body",
    ),
    **dict.fromkeys(
        ("_on_headers", "_on_request_body"),
        "use prepare() of a handler, and the settings of limits",
    ),
}


@implementer(IHalfCloseableProtocol)
class HTTP1Connection(Timed):
    """The server side of one connection.  `factory` is an `HTTPFactory`.

    Attributes:
        closing: the connection ends with the response in progress.
        outbox: what goes out; exchanges write to it.
        base_context: the context that requests start from.
    """

    outbox: Outbox
    _farewell: Farewell | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        warn_of_overrides(cls, HTTP1Connection, _NOT_CALLED)

    def __init__(self) -> None:
        super().__init__()
        self.closing = False
        self._state = _HEAD
        self._received: bytes | bytearray = b""
        self._position = 0  # where the unparsed bytes begin
        self._skipped = 0  # empty lines before the next head
        self._examined = 0  # up to where a head that is not whole has been looked at
        self._exchange: Exchange | None = None
        self._intake: Intake | None = None
        self._context: Context | None = None
        self._shared: SharedTransport | None = None
        self.base_context = contextvars.copy_context()
        self._successor: IProtocol | None = None
        self._reading = True  # the transport is not paused
        self._in_turn = False
        self._idle_since: float | None = None  # the last response ended; None before the first
        self._again = False  # a further turn is scheduled
        self._head_started = False
        self._peer_ended = False
        self._linger = False  # the close is a lingering one

    # -- the transport's calls

    def connectionMade(self) -> None:
        # What is written leaves in few pieces; Nagle's algorithm would only hold them back.
        with contextlib.suppress(AttributeError, OSError):  # unix sockets, sockets of others
            self.transport.setTcpNoDelay(True)
        self.outbox = Outbox(self.transport, self._on_outbox, self.factory.departures)
        self.factory.connections.add(self)
        limits = self.factory.limits
        self._due(limits.linger_timeout if self.closing else limits.idle_connection_timeout)

    def dataReceived(self, data: bytes) -> None:
        state = self._state
        if state is not _HEAD and state is not _BUSY and state is not _BODY:
            if state is not _DETACHED:
                return
            if self._successor is not None:
                self._successor.dataReceived(data)
                return
        if self._received:
            if type(self._received) is bytes:
                self._received = bytearray(self._received)
            self._received += data
        else:
            self._received = data
        self._run()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._state = _CLOSED
        self._forget_deadlines()
        self._received = b""
        self.outbox.close()
        if self._shared is not None:
            self._shared.lost()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.connection_lost(reason)
        self._drop_intake()
        successor, self._successor = self._successor, None  # it may know us
        if successor is not None:
            self.__dict__.pop("dataReceived", None)
            successor.connectionLost(reason)
        self.factory.connection_gone(self)  # last, as an application may be told that it is over

    def readConnectionLost(self) -> None:
        """The peer has ended its side (IHalfCloseableProtocol); it may still read.

        A handler that watches for disconnects takes this as one, as in Tornado and twisted.web.
        Any other still gets its response out.
        """
        self._peer_ended = True
        exchange = self._exchange
        if self._state is _DETACHED:
            if IHalfCloseableProtocol.providedBy(self._successor):
                self._successor.readConnectionLost()
            else:
                self.transport.loseConnection()
        elif self._state is _BODY or self._state is _LINGER:
            self._lose_connection()
        elif exchange is not None:
            if exchange.watched:
                self.abort()
            else:
                self._due(self.factory.limits.half_close_timeout)
        else:
            self._end_if_idle()

    def writeConnectionLost(self) -> None:
        """Our side has been ended: by our half-close, or because the peer is gone."""
        if self._state is _DETACHED and IHalfCloseableProtocol.providedBy(self._successor):
            self._successor.writeConnectionLost()
        elif self._state is not _LINGER:
            self.abort()

    def _on_outbox(self) -> None:
        """The peer has stopped reading, or has caught up."""
        if self._shared is not None:
            self._shared.peer_changed(self.outbox.paused)
        if self.outbox.paused:
            self._expect_progress()
            return
        self._write_deadline = NEVER
        self.deadline = self._state_deadline
        if self.outbox.queued:
            return
        if self._state is _CLOSING:
            self._all_sent()
        else:
            self._run()

    # -- for the exchange

    @property
    def context(self) -> Context:
        """See `Context`; made when it is first asked for."""
        if self._context is None:
            factory = self.factory
            secure = factory.secure or ISSLTransport.providedBy(self.transport)
            self._context = Context(self.transport.getPeer(), secure, factory.forwarded)
        return self._context

    @property
    def shared_transport(self) -> Any:
        """The transport as handlers get it; see `SharedTransport`."""
        if self._shared is None:
            self._shared = SharedTransport(
                self.transport, self.outbox.send, self.close, self.factory.call_soon
            )
            self._shared.peer_changed(self.outbox.paused)
        return self._shared

    def admit(self) -> bool:
        """Whether more bytes may be queued for a peer that reads slowly.

        False means that the server's policy drops them, or has dropped the connection.
        """
        limits = self.factory.limits
        if self.outbox.queued <= limits.write_buffer_limit:
            return True
        if limits.write_buffer_policy == "close":
            _log.warn(
                "Connection aborted: {queued} bytes wait for a peer that does not read",
                queued=self.outbox.queued,
            )
            self.abort()
        return False

    def read_body(self, exchange: Exchange, consumer: BodyConsumer) -> None:
        """See `Exchange.read_body`."""
        if exchange is not self._exchange or self._state is not _BUSY:
            consumer.aborted()
            return
        head = exchange.head
        length = head.content_length or 0
        end = self._position + length
        whole = getattr(consumer, "whole", None)
        if (
            whole is not None
            and 0 < length <= exchange.max_body_size
            and end <= len(self._received)
        ):
            body = bytes(self._received[self._position : end])
            self._position = end
            exchange.body_complete = True
            whole(body)
            return
        self._intake = Intake(exchange, consumer, self.factory.limits, self._now)
        if length > exchange.max_body_size:
            self._refuse(BadRequest(413, "the body is larger than this server accepts"))
            return
        if head.expect_continue and len(self._received) == self._position:
            self.outbox.send(wire.CONTINUE)
        self._state = _BODY
        self._due(self._intake.next_check())
        self._run()

    def response_ended(self, exchange: Exchange) -> None:
        """The response of `exchange` has been written to its end."""
        self._exchange = None
        if self._intake is not None:
            self._drop_intake()
        if exchange.wants_close:
            self._close(linger=not exchange.body_complete or bool(self._unparsed()))
            return
        self._state = _HEAD
        if self._in_turn:
            return
        if self._received:
            # Not from inside the handler that has just ended its response.
            self._schedule_turn()
        else:
            self._settle(1)

    def detach(self, protocol: IProtocol | None) -> Any:
        """See `Exchange.detach`."""
        if self._state is not _DETACHED:
            self._state = _DETACHED
            self.outbox.release()  # may find the peer slow, and set a deadline
            self.outbox, self.base_context = closed_outbox(), _NO_CONTEXT
            self._forget_deadlines()
        self._successor = protocol
        if protocol is None:
            self._set_reading(False)
            return Detached(self.transport)
        received, self._received, self._position = self._unparsed(), b"", 0
        protocol.makeConnection(self.transport)
        # The transport asks for the method each time: one call less for each piece.
        self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        if received:
            protocol.dataReceived(bytes(received))
        self._set_reading(True)
        return self.transport

    def drop_detached(self, exchange: Exchange) -> None:
        """See `Exchange.drop_detached`."""
        if self._state is _DETACHED and self._successor is None and self._exchange is exchange:
            self.transport.loseConnection()

    def close(self) -> None:
        """End the connection when what has been written is out."""
        if self._state not in (_CLOSING, _LINGER, _CLOSED):
            exchange = self._exchange
            self._close(linger=False)
            if exchange is not None:
                exchange.connection_lost()

    def abort(self) -> None:
        """Drop the connection.  What waits for the peer is lost."""
        if self._state is not _CLOSED:
            self._state = _CLOSING
            self._forget_deadlines()
            self.outbox.flush()
            self.outbox.close()
            self.transport.abortConnection()

    def drain(self) -> None:
        """Part of a graceful stop: close now if nothing is in progress, else after it.

        A connection that has just been made is about to bring a request, and gets a moment for it.
        """
        self.closing = True
        moment = self.factory.limits.linger_timeout
        if self._state is _HEAD and self._idle_since is None and moment:
            self._due(moment)
        elif not self._in_turn:
            self._end_if_idle()

    # -- time

    def _time_is_up(self, now: float) -> None:
        """What the state has waited for has not come."""
        if self._state is _HEAD:
            if self._head_started:
                self._refuse(BadRequest(408, "the header section took too long"))
            else:
                self._end_if_unused(now)
        elif self._state is _BODY and self._intake is not None:
            self._check_body_time(self._intake, now)
        elif self._state is _LINGER:
            self._lose_connection()
        elif self._farewell is not None:
            self._see_it_off(self._farewell)
        elif self._peer_ended:
            self.abort()

    def _end_if_unused(self, now: float) -> None:
        """The connection may have been idle for the time that it is given."""
        timeout = self.factory.limits.idle_connection_timeout or 0
        if self._idle_since is None or self.closing or now >= self._idle_since + timeout:
            self._close(linger=False)
        else:
            self._due(self._idle_since + timeout - now)

    def _see_it_off(self, farewell: Farewell) -> None:
        """We have closed, and the peer has not."""
        over = farewell.is_over()
        if over:
            farewell.hang_up()
        elif over is not None:
            self._due(LOOK)

    def _check_body_time(self, intake: Intake, now: float) -> None:
        if intake.held:
            self._due(intake.next_check())
            return
        try:
            intake.check_time(now)
        except BadRequest as bad:
            self._refuse(bad)
        else:
            self._due(intake.next_check())

    # -- reading

    def _unparsed(self) -> bytes | bytearray:
        return self._received[self._position :]

    def _run(self) -> None:
        """Serve what has been received, until more is needed or somebody is waited for."""
        if self._in_turn:
            return
        self._in_turn = True
        outbox = self.outbox
        limits = self.factory.limits
        budget = limits.max_pipelined_requests or -1
        try:
            while not outbox.paused:
                if self._state is _HEAD:
                    if not budget or len(self._received) == self._position:
                        break
                    budget -= 1
                    if not self._read_head():
                        break
                elif self._state is not _BODY or not self._read_body():
                    break
        except BadRequest as bad:
            self._refuse(bad)
        except Exception:
            # User code is called in places that catch; this is ours.
            _log.failure("Connection aborted after an internal error")
            self.abort()
        finally:
            self._in_turn = False
            if outbox.holding:
                outbox.end_turn()
        if (
            self._state is _HEAD
            and self._position == len(self._received)
            and not (self.closing or self._peer_ended or outbox.paused or outbox.queued)
            and self._reading
            and limits.idle_connection_timeout
        ):
            # Most often everything has been answered.  The deadline is moved on when it has come:
            # requests are many.
            self._received = b""
            self._position = 0
            seconds = self.factory.seconds
            self._idle_since = seconds()
            if self._state_deadline == NEVER:
                self._due(limits.idle_connection_timeout)
        else:
            self._settle(budget)

    def hold(self) -> None:
        """What is sent from now on leaves at the end of the event that is being handled, if it is
        one of this connection's."""
        self.outbox.holding = self._in_turn

    def _settle(self, budget: int) -> None:
        """After a turn: what waits, for whom, and for how long."""
        if self._position:
            if self._position == len(self._received):
                self._received = b""
            else:
                self._received = bytes(self._unparsed())
            self._position = 0
        if self._state is _BUSY and not self._received and self._reading:
            return
        if self._state is _HEAD:
            if not self._received:
                self._idle()
            elif not budget:
                # Others get their turn before this connection's next requests.
                self._schedule_turn()
            if self._peer_ended or self.closing:
                self._end_if_idle()
        elif self._state is _BODY and self._peer_ended and self._wants_bytes():
            self._lose_connection()  # the rest of the body will never come
            return
        if (self._received or not self._reading or self._state is _BODY) and (
            self._state in (_HEAD, _BUSY, _BODY)
        ):
            self._set_reading(self._wants_bytes())

    def _idle(self) -> None:
        """Between two requests.  While a response is still on its way only progress counts."""
        clear = self.outbox.clear
        self._idle_since = self._now()
        self._due(self.factory.limits.idle_connection_timeout if clear else None)

    def _schedule_turn(self) -> None:
        if not self._again:
            self._again = True
            self.factory.call_soon(self._run_again)

    def _run_again(self) -> None:
        self._again = False
        self._run()

    def _wants_bytes(self) -> bool:
        """Whether the transport should read on."""
        if self._state is _BODY:
            return not (self._intake is not None and self._intake.held) and self.outbox.clear
        if self._state is _BUSY or self._again or self.outbox.paused:
            return len(self._received) < self.factory.limits.max_buffer_size
        return True

    def _set_reading(self, reading: bool) -> None:
        if reading is not self._reading and self._state is not _CLOSED:
            self._reading = reading
            if not reading:
                self.transport.pauseProducing()
            elif not self._peer_ended:
                self.transport.resumeProducing()

    def _read_head(self) -> bool:
        """Take one request head from what was received and start its exchange.

        Returns:
            whether there was something to take.
        """
        received, start = self._received, self._position
        if not start and type(received) is bytes:
            head = self.factory.heads.known.get(received)
            if head is not None:
                self._examined = self._skipped = 0
                self._position = len(received)
                self._start(head)
                return True
        if received[start] < 0x20:
            self._position, skipped, more = skip_empty_lines(received, start, self._skipped)
            self._skipped += skipped
            return more
        examined = self._examined
        end = received.find(b"\r\n\r\n", examined - 3 if examined > start + 3 else start)
        if end < 0:
            self._wait_for_head()
            return False
        self._examined = self._skipped = 0
        self._position = end = end + 4
        if end != len(received):
            self.outbox.holding = True  # more responses may follow in this turn
            received = bytes(received[start:end])
        elif start or type(received) is not bytes:
            received = bytes(received[start:])
        self._start(self.factory.heads.parse(received))
        return True

    def _start(self, head: RequestHead) -> None:
        """Have a request served."""
        if self._head_started:
            self._head_started = False
            self._due(None)
        if self._peer_ended:
            self._due(self.factory.limits.half_close_timeout)
        self._state = _BUSY
        exchange = self._exchange = Exchange(self, head)
        self.factory.start_request(exchange)

    def _wait_for_head(self) -> None:
        """A head has begun: refuse early what cannot become one, and start its time limit."""
        received = self._received
        check_partial_head(received, self._position, self._examined, self.factory.limits)
        self._examined = len(received) - self._position
        if not self._head_started:
            self._head_started = True
            self._due(self.factory.limits.header_timeout)

    def _read_body(self) -> bool:
        """Hand what was received of a body to its consumer.

        Returns:
            whether there may be more to do.
        """
        intake, exchange = self._intake, self._exchange
        if intake is None or exchange is None or intake.held:
            return False
        if not intake.complete:
            if len(self._received) == self._position:
                return False
            self._position = intake.take(self._received, self._position)
        if not intake.deliver(self._release_body):
            return False
        if intake.complete and self._intake is intake:
            self._intake = None
            self._state = _BUSY
            self._due(None)
            exchange.body_complete = True
            intake.finish()
        return True

    def _release_body(self, result: Any) -> None:
        """The consumer is ready for more, or has found the body unfit."""
        intake = self._intake
        if intake is None or not intake.held:
            return
        waited = intake.released()
        if isinstance(result, Failure):
            error = exception_of(result)
            if isinstance(error, BadRequest):
                self._refuse(error)
            else:
                _log.failure("Connection aborted: its request body cannot be taken", result)
                self._drop_intake()
                self.abort()
        elif waited:
            self._due(intake.next_check())
            self._run()

    def _drop_intake(self) -> None:
        intake, self._intake = self._intake, None
        if intake is not None:
            intake.abort()

    # -- the end

    def _refuse(self, bad: BadRequest) -> None:
        """Answer what cannot be served, and end the connection so that the answer can be read."""
        _log.info(
            "Refused a request from {peer}: {status} {why}",
            peer=self.context.peer_ip,
            status=bad.status,
            why=bad.message,
        )
        exchange, self._exchange = self._exchange, None
        started = exchange is not None and exchange.started
        if exchange is not None:
            exchange.connection_lost()
        self._drop_intake()
        if started:
            self.abort()  # a response is under way; what follows would be read as part of it
        elif self._state is not _CLOSED:
            self.outbox.send(wire.refusal(bad.status, bad.message))
            self._close(linger=True)

    def _end_if_idle(self) -> None:
        """Close when the peer or a graceful stop ends the connection and nothing is in progress."""
        waiting = self._state is _HEAD and not self._again and not self.outbox.paused
        if waiting and (self._peer_ended or not self._received):
            if self.factory.patience and not self._peer_ended:
                self._due(self.factory.patience)
            else:
                self._close(linger=False)

    def _close(self, linger: bool) -> None:
        """End the connection when everything has been sent.

        With `linger` in stages (RFC 9112 section 9.6): closing with unread input would reset the
        connection, and the reset can destroy the response before the peer has read it.
        """
        self._state = _CLOSING
        self._exchange = None
        self._received, self._position = b"", 0
        self._due(None)
        self._linger = linger
        self.outbox.flush()
        if self.outbox.clear:
            self._all_sent()

    def _all_sent(self) -> None:
        self.outbox.release()
        timeout = self.factory.limits.linger_timeout
        if not self._linger or self._peer_ended or not timeout:
            self._lose_connection()
            return
        self._state = _LINGER
        self._set_reading(True)
        self._due(timeout)
        if not ISSLTransport.providedBy(self.transport):
            # Over TLS the peer learns from Connection: close; there is no half-close to send.
            self.transport.loseWriteConnection()

    def _lose_connection(self) -> None:
        """Close; what the transport still holds for a peer that does not read gets its time."""
        self._state = _CLOSING
        self.outbox.release()
        self._due(None)
        if ISSLTransport.providedBy(self.transport):
            self._farewell = Farewell(self.transport)
            self._due(self.factory.limits.linger_timeout)
        self._expect_progress()
        self.transport.loseConnection()
