"""One request and its response on an HTTP/1.1 connection: what handlers know as the connection.

A handler writes through ``request.connection``, and that is an `Exchange`, not the connection: a
handler that writes after its response has ended writes into nothing, never into the response of
the next request.  HTTP/2 streams and test doubles can stand in its place.

    WAITING --write_headers/respond--> STREAMING --finish--> DONE
       any  --connection lost, aborted--------------------> DONE
"""

from __future__ import annotations

import contextvars
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from cyclone._async import DONE, Settled, Waiter

from . import response as wire
from .gone import GONE
from .interfaces import BodyConsumer, Fields, StatusLine
from .parser import RequestHead
from .response import Framing, FramingError

if TYPE_CHECKING:
    from .connection import HTTP1Connection
    from .context import Context
    from .outbox import Outbox

__all__ = ["Exchange"]


class _Phase(enum.Enum):
    WAITING = 1
    STREAMING = 2
    DONE = 3


_log = Logger(namespace="cyclone.general")

_WAITING, _STREAMING, _DONE = _Phase.WAITING, _Phase.STREAMING, _Phase.DONE
_CHUNKED = Framing.CHUNKED


class Exchange:
    """The connection as one request sees it (Tornado's `httputil.HTTPConnection` interface).

    Attributes:
        head: the request head.
        no_keep_alive: set it to have the connection closed after this response (cyclone 1.x).
        max_body_size: bytes the request body may have.
        body_timeout: seconds the request body may take; None for no limit.
        body_complete: no more body bytes are to come from the peer.
        on_lost: called, with Twisted's reason, when the connection is lost before the response
            has ended; the framework's own, beside `set_close_callback`, which is the user's.
        watched: somebody asked to be told when the peer goes away.  A peer that ends its side
            of the connection then counts as gone.
        wants_close: the connection ends with this response.
        lost: the connection was lost before the response had ended.
    """

    __slots__ = (
        "_close_callback",
        "_connection",
        "_framing",
        "_left",
        "_phase",
        "_when_done",
        "body_complete",
        "body_timeout",
        "head",
        "lost",
        "max_body_size",
        "no_keep_alive",
        "on_lost",
        "wants_close",
        "watched",
    )

    def __init__(self, connection: HTTP1Connection, head: RequestHead) -> None:
        limits = connection.factory.limits
        self.head = head
        self._connection = connection
        self._phase = _WAITING
        self._close_callback: Callable[[], Any] | None = None
        self._when_done: list[Callable[[], Any]] | None = None
        self.on_lost: Callable[[Failure | None], None] | None = None
        self.watched = self.wants_close = self.lost = False
        self.no_keep_alive = limits.no_keep_alive
        self.max_body_size = limits.max_body_size
        self.body_timeout = limits.body_timeout
        self.body_complete = not head.has_body

    # -- what surrounds it

    @property
    def transport(self) -> Any:
        """The connection's transport; a producer may be registered with it (cyclone 1.x)."""
        return self._connection.shared_transport

    @property
    def factory(self) -> Any:
        """The factory that accepted the connection: the Application."""
        return self._connection.factory

    @property
    def server_connection(self) -> object:
        """What stands for the whole connection, the same for all its requests (Tornado)."""
        return self._connection

    @property
    def context(self) -> Context:
        """Addresses and protocol of the connection."""
        return self._connection.context

    @property
    def xheaders(self) -> bool:
        """Whether addresses in X-Real-Ip and its like are believed (cyclone 1.x)."""
        return self._connection.context.forwarded is not None

    @property
    def done(self) -> bool:
        """Nothing can be written any more: the response has ended or the connection is lost."""
        return self._phase is _DONE

    @property
    def closing(self) -> bool:
        """The connection ends with this response: the server is about to stop."""
        return self._connection.closing

    @property
    def started(self) -> bool:
        """The response head has been written."""
        return self._phase is not _WAITING

    # -- request body

    def read_body(self, consumer: BodyConsumer) -> None:
        """Have the request body delivered to `consumer`.

        A peer that expects ``100 Continue`` is told to go on now (RFC 9110 section 10.1.1).  A
        body larger than `max_body_size` is refused with 413.
        """
        self._connection.read_body(self, consumer)

    def set_max_body_size(self, max_body_size: int) -> None:
        """Set the size limit of this request's body, in bytes (Tornado)."""
        self.max_body_size = max_body_size

    def set_body_timeout(self, timeout: float | None) -> None:
        """Set how long this request's body may take, in seconds (Tornado)."""
        self.body_timeout = timeout

    # -- response

    def respond(
        self, status: int, reason: str | None, fields: bytes, body: bytes
    ) -> Settled | Waiter:
        """Write a whole response at once.

        Args:
            status: a final status code.
            reason: reason phrase, None for the standard one.
            fields: encoded header fields without framing fields and Connection.
            body: the whole body.  Dropped for HEAD, whose Content-Length still tells its size.

        Returns:
            an awaitable that is done when the peer can take more.
        """
        if self._phase is not _WAITING and not self._open():
            return DONE
        head, connection = self.head, self._connection
        if self.no_keep_alive or not (head.keep_alive and self.body_complete) or connection.closing:
            self.wants_close = True
        end = b"\r\n"
        if self.wants_close or head.version == "HTTP/1.0":
            end = self._connection_field() + end
        line = wire.OK if status == 200 and reason is None else wire.status_line(status, reason)
        if status == 200 or wire.body_allowed(status):
            length = b"Content-Length: %d\r\n" % len(body)
            if head.method == "HEAD":
                body = b""
        elif body:
            raise FramingError(f"a response with status {status} has no body")
        else:
            length = b""
        outbox = connection.outbox
        outbox.send(b"".join((line, fields, length, end, body)), True)
        self._phase = _DONE
        connection.response_ended(self)
        if self._when_done is not None:
            self._notify()
        return outbox.drained() if outbox.paused or outbox.queued else DONE

    def write_headers(
        self, start_line: StatusLine, headers: Fields, chunk: bytes | None = None
    ) -> Settled | Waiter:
        """Write the response head, and `chunk` with it (Tornado).

        The framing follows `headers`: Content-Length, else chunked, else, for HTTP/1.0, the end of
        the connection.

        Raises:
            FramingError: the response has begun already, or `chunk` does not fit the header.
            ValueError: status or reason cannot be sent.
        """
        status = start_line.code
        if 100 <= status < 200 and status != 101:
            return self._inform(start_line, headers)
        line = wire.status_line(status, start_line.reason)
        if not self._open():
            return GONE
        self._connection.hold()
        head = self.head
        sized = "Content-Length" in headers
        self._left = 0
        self._framing = framing = wire.framing_for(head.method, head.version, status, sized)
        dropped = {"transfer-encoding", "connection"}
        if sized:
            self._left = self._declared_length(headers["Content-Length"])
            if not wire.body_allowed(status):
                dropped.add("content-length")
        if "Connection" in headers and _lists_close(headers["Connection"]):
            self.wants_close = True
        extra = b"Transfer-Encoding: chunked\r\n" if framing is Framing.CHUNKED else b""
        if framing is Framing.CLOSE:
            self.wants_close = True
        fields = wire.encode_fields(
            field for field in headers.get_all() if field[0].lower() not in dropped
        )
        connection = self._connection_field()
        if "Connection" in headers and not connection:
            connection = wire.encode_fields([("Connection", headers["Connection"])])
        try:
            body = self._frame(chunk) if chunk else b""
        except FramingError:
            self._phase = _WAITING  # nothing is out yet, the handler may answer otherwise
            raise
        self._connection.outbox.send(b"%b%b%b%b\r\n%b" % (line, fields, extra, connection, body))
        return self._connection.outbox.drained()

    def write(self, chunk: bytes) -> Settled | Waiter:
        """Write a piece of the response body.

        Returns:
            an awaitable that is done when the peer can take more, and fails with `PeerGone` when
            it is gone.  When nobody awaits and too much is waiting already, the server's
            `write_buffer_policy` decides.

        Raises:
            FramingError: no response is open, or the piece exceeds Content-Length.
        """
        if self._phase is _DONE:
            return GONE
        if self._phase is _WAITING:
            raise FramingError("write_headers() comes before write()")
        connection, outbox = self._connection, self._connection.outbox
        if chunk and (not outbox.queued or connection.admit()):
            if self._framing is _CHUNKED:  # such as an event
                outbox.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            else:
                self._send_unchunked(chunk)
        return outbox.drained() if outbox.paused or outbox.queued else DONE

    def finish(self) -> Settled | Waiter:
        """End the response.

        Raises:
            FramingError: less was written than Content-Length promised.  The connection is
                aborted, since the peer could not tell.
        """
        if self._phase is _DONE:
            return DONE
        if self._phase is _WAITING:
            raise FramingError("write_headers() comes before finish()")
        if self._framing is Framing.SIZED and self._left:
            self._connection.abort()
            raise FramingError(f"the body ended {self._left} bytes short of Content-Length")
        if self._framing is Framing.CHUNKED:
            self._connection.outbox.send(wire.LAST_CHUNK)
        self._end()
        return self._connection.outbox.drained()

    def drained(self) -> Settled | Waiter:
        """An awaitable that is done when the peer can take more; fails when it is gone.

        For HEAD nothing is sent that the peer could be slow to take, so it lasts a turn of the
        reactor: a handler that writes as long as it may must let others have theirs.
        """
        if self._phase is _DONE:
            return GONE
        if self.head.method != "HEAD":
            return self._connection.outbox.drained()
        waiter = Waiter()
        self._connection.factory.call_soon(lambda: waiter.callback(None))
        return waiter

    # -- for responses without end, which limit by themselves what waits for the peer

    @property
    def outbox(self) -> Outbox:
        """What goes out to the peer.  Who sends to it directly sees to the framing, and stops when
        `when_done` says so."""
        return self._connection.outbox

    @property
    def chunked(self) -> bool:
        """The response has begun, and its body goes out in chunks."""
        return self._phase is _STREAMING and self._framing is Framing.CHUNKED

    def push(self, chunk: bytes) -> None:
        """As `write`, and the `write_buffer_policy` is not asked."""
        if self._phase is _STREAMING and chunk:
            self._connection.outbox.send(self._frame(chunk))

    # -- its end

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Have `callback` called when the peer goes away before the response has ended (Tornado).

        None removes it.
        """
        self._close_callback = callback
        self.watched = self.watched or callback is not None

    def notifyFinish(self) -> Deferred[None]:
        """A Deferred that fires, with None, when the response has ended or the peer is gone.

        cyclone 1.x semantics: never an errback, unlike ``twisted.web``.
        """
        deferred: Deferred[None] = Deferred()
        self.watched = True
        self.when_done(lambda: None if deferred.called else deferred.callback(None))
        return deferred

    def when_done(self, callback: Callable[[], Any]) -> None:
        """Have `callback` called when the response has ended in any way; now if it has."""
        if self._phase is _DONE:
            callback()
        elif self._when_done is None:
            self._when_done = [callback]
        else:
            self._when_done.append(callback)

    def new_context(self) -> contextvars.Context:
        """A context for the request's code: that of the server, whoever happens to be running."""
        return self._connection.base_context.copy()

    def close(self) -> None:
        """End the connection when what has been written is out."""
        self._connection.close()

    def abort(self) -> None:
        """Drop the connection now."""
        self._connection.abort()

    def detach(self, protocol: IProtocol | None = None) -> Any:
        """Take the connection out of HTTP and return its transport.

        Args:
            protocol: what gets the bytes from now on, beginning with those that came after the
                request.  Without one the transport stays paused until `detach` is called again
                with one.
        """
        self._phase = _DONE
        connection = self._connection
        transport = connection.detach(protocol)
        connections: set[Any] = connection.factory.connections
        if protocol in connections:  # it stands for itself in a graceful stop
            connections.discard(connection)
        return transport

    def drop_detached(self) -> None:
        """End a connection that `detach` has given to no protocol; nobody else would notice it."""
        self._connection.drop_detached(self)

    def connection_lost(self, reason: Failure | None = None) -> None:
        """Called by the connection when this exchange cannot go on."""
        if self._phase is not _DONE:
            self._phase = _DONE
            self.lost = True
            callback, self._close_callback = self._close_callback, None
            on_lost, self.on_lost = self.on_lost, None
            if on_lost is not None:
                _shielded(on_lost, reason)
            if callback is not None:
                _shielded(callback)
        self._notify()

    # -- inside

    def _open(self) -> bool:
        """Begin the response.  False when there is nobody to send it to any more."""
        if self._phase is _DONE:
            return False
        if self._phase is _STREAMING:
            raise FramingError("the response has begun already")
        self._phase = _STREAMING
        return True

    def _end(self) -> None:
        self._phase = _DONE
        self._connection.response_ended(self)
        if self._when_done is not None:
            self._notify()

    def _notify(self) -> None:
        callbacks, self._when_done = self._when_done, None
        for callback in callbacks or ():
            _shielded(callback)

    def _inform(self, start_line: StatusLine, headers: Fields) -> Settled | Waiter:
        """An interim response (RFC 9110 section 15.2); HTTP/1.0 peers do not know them."""
        if self._phase is not _WAITING:
            raise FramingError("an interim response comes before the final one")
        if self.head.version == "HTTP/1.1":
            self._connection.outbox.send(
                wire.status_line(start_line.code, start_line.reason)
                + wire.encode_fields(headers.get_all())
                + b"\r\n"
            )
        return self._connection.outbox.drained()

    def _connection_field(self) -> bytes:
        """Whether the connection outlives this response, and how the peer is told so."""
        connection = self._connection
        if (
            self.wants_close
            or self.no_keep_alive
            or not self.head.keep_alive
            or not self.body_complete
            or connection.closing
        ):
            self.wants_close = True
            return wire.CLOSE_FIELD
        if self.head.version == "HTTP/1.0":
            return wire.KEEP_ALIVE_FIELD
        return b""

    def _declared_length(self, value: str) -> int:
        if not (value.isascii() and value.isdigit()):
            self._phase = _WAITING
            raise FramingError(f"Content-Length must be a number of bytes, not {value!r}")
        return int(value)

    def _send_unchunked(self, chunk: bytes) -> None:
        try:
            framed = self._frame(chunk)
        except FramingError:
            self._connection.abort()
            raise
        self._connection.outbox.send(framed)

    def _frame(self, chunk: bytes) -> bytes:
        framing = self._framing
        if framing is Framing.CHUNKED:
            return wire.chunk(chunk)
        if framing is Framing.NONE:
            if self.head.method != "HEAD":
                raise FramingError("this status allows no body")
            return b""
        if framing is Framing.SIZED:
            if len(chunk) > self._left:
                raise FramingError(
                    f"{len(chunk)} bytes written where Content-Length leaves {self._left}"
                )
            self._left -= len(chunk)
        return chunk


def _shielded(callback: Callable[..., Any], *args: Any) -> None:
    """Call user code from a place that has more to do."""
    try:
        callback(*args)
    except Exception:
        _log.failure("A callback of a connection failed")


def _lists_close(value: str) -> bool:
    return "close" in [option.strip().lower() for option in value.split(",")]
