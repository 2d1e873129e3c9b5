"""`Attempt`: one request over one connection, within its time limits."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.client import (
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)

from cyclone._async import exception_of

from .connections import Connections
from .errors import (
    HTTPClientError,
    HTTPConnectError,
    HTTPResponseError,
    HTTPStreamClosedError,
    HTTPTimeoutError,
)
from .guard import Guard
from .heads import ResponseHead
from .outgoing import Outgoing
from .preparation import Prepared
from .receiving import Receiver, too_large

__all__ = ["DROP", "Attempt", "Limits", "Received"]

#: Bytes of a body nobody wants that are read to keep the connection.
_WORTH_READING = 65536


def DROP(_: bytes) -> None:
    """Takes the body of a response that is not wanted."""


class Limits:
    """What a response may cost.

    Attributes:
        max_header_size: bytes of a head.
        max_body_size: bytes of a body, compressed and decompressed.
        connect_timeout: seconds until the connection is there, None for no limit.
        deadline: reactor's time when everything has to be over, None for no limit.
    """

    def __init__(
        self,
        max_header_size: int,
        max_body_size: int,
        connect_timeout: float | None,
        deadline: float | None,
    ) -> None:
        self.max_header_size = max_header_size
        self.max_body_size = max_body_size
        self.connect_timeout = connect_timeout
        self.deadline = deadline


class Received:
    """A response that is complete.

    Attributes:
        head: its head.
        headers: its fields, as the caller sees them.
        buffer: its body.
        connected_at: reactor's time when the connection was there.
    """

    def __init__(
        self, head: ResponseHead, headers: Any, buffer: BytesIO, connected_at: float
    ) -> None:
        self.head = head
        self.headers = headers
        self.buffer = buffer
        self.connected_at = connected_at


class Attempt:
    """Sends a prepared request and collects what comes back.

    Args:
        reactor: the clock.
        connections: where connections come from.
        prepared: the request.
        limits: of the response.
        decompress: whether gzip is decompressed.
        on_head: called with the head; returns what is to be given the pieces of the body, None to
            collect them, or `DROP`.

    Attributes:
        stale: whether it failed because a connection that was kept had ended meanwhile, without a
            byte of an answer.
    """

    def __init__(
        self,
        reactor: Any,
        connections: Connections,
        prepared: Prepared,
        limits: Limits,
        decompress: bool,
        on_head: Callable[[ResponseHead], Callable[[bytes], Any] | None],
    ) -> None:
        self.method = prepared.method
        self.max_header_size = limits.max_header_size
        self.stale = False
        self._reactor = reactor
        self._connections = connections
        self._prepared = prepared
        self._limits = limits
        self._decompress = decompress
        self._on_head = on_head
        self._outgoing: Outgoing | None = None
        self._guard: Guard | None = None
        self._connecting: Deferred[Any] | None = None
        self._requesting: Deferred[Any] | None = None
        self._timer: Any = None
        self._head: ResponseHead | None = None
        self._headers: Any = None
        self._sink: Callable[[bytes], Any] | None = None
        self._connected_at = 0.0
        self._over = False
        self._result: Deferred[Received] = Deferred(lambda _: self.fail(CancelledError()))

    def start(self) -> Deferred[Received]:
        """Connect and send; a Deferred of the response, which can be cancelled."""
        limits = self._limits
        self._set_timer(limits.connect_timeout, "while connecting")
        try:
            connecting = self._connections.get(
                self._prepared.route, self._prepared.target, limits.connect_timeout
            )
        except Exception as exc:
            self.fail(exc)
            return self._result
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._not_connected)
        return self._result

    # -- stages

    def _connected(self, protocol: Any) -> None:
        self._connecting = None
        if self._over:
            protocol.transport.abortConnection()
            return
        guard: Guard = protocol.transport
        self._guard = guard
        self._connected_at = self._reactor.seconds()
        self._set_timer(None, "during request")
        p = self._prepared
        self._outgoing = Outgoing(self._reactor, p.method, p.path, p.headers, p.body, p.expects)
        guard.begin(self)
        self._requesting = protocol.request(self._outgoing)
        self._requesting.addCallbacks(self._responded, self._request_failed)

    def _not_connected(self, failure: Failure) -> None:
        self._connecting = None
        self.fail(_connect_error(exception_of(failure)))

    def continue_received(self) -> None:
        if self._outgoing is not None:
            self._outgoing.continue_received()

    def head_received(self, head: ResponseHead) -> None:
        """From the guard, before Twisted's parser sees the head."""
        self._head = head
        self._headers = head.headers.copy()
        try:
            self._sink = self._on_head(head)
        except Exception as exc:
            self.fail(exc)
            return
        if self._sink is not DROP and (head.length or 0) > self._limits.max_body_size:
            raise too_large()
        if self._outgoing is not None:
            if not head.keep_alive:
                self._outgoing.persistent = False
            self._outgoing.answered()

    def _responded(self, response: Any) -> None:
        self._requesting = None
        if self._over:
            return
        wanted = self._sink is not DROP
        response.deliverBody(
            Receiver(
                self._limits.max_body_size if wanted else _WORTH_READING,
                wanted and self._take_over_gzip(),
                self._sink,
                self._body_ended,
                self._connection_end,
                self._complete,
                self.fail if wanted else self._not_worth_reading,
            )
        )

    def _not_worth_reading(self, _: BaseException) -> None:
        """A body that nobody wants is too large, or broken: rather have a new connection."""
        self._abandon()
        self._complete(b"")

    def _take_over_gzip(self) -> bool:
        """Whether the body has to be decompressed; the field is renamed then, as in Tornado."""
        headers = self._headers
        coding = headers.get("Content-Encoding", "")
        if not self._decompress or coding.strip().lower() not in ("gzip", "x-gzip"):
            return False
        headers["X-Consumed-Content-Encoding"] = coding
        del headers["Content-Encoding"]
        return True

    def more_received(self) -> None:
        """From the guard: the server says more than it was asked, so nothing it says is clear."""
        if self._outgoing is not None:
            self._outgoing.persistent = False

    def _connection_end(self) -> bool | None:
        """Whether the connection ended in good order, None if it did not end."""
        guard = self._guard
        return guard.ended_well if guard is not None and guard.lost else None

    def _body_ended(self) -> None:
        if self._guard is not None:
            self._guard.end(self)
        # From now on the connection may serve another request: it is no longer ours to end.
        if self._head is not None and self._head.keep_alive:
            self._guard = None

    def _complete(self, body: bytes) -> None:
        head = self._head
        if self._finish() and head is not None:
            self._result.callback(Received(head, self._headers, BytesIO(body), self._connected_at))

    def _request_failed(self, failure: Failure) -> None:
        self._requesting = None
        if self._over:
            return
        guard = self._guard
        cause = _cause(exception_of(failure), guard is None or guard.lost)
        if guard is not None and not guard.answered and guard.requests > 1:
            self.stale = not isinstance(exception_of(failure), RequestGenerationFailed)
        self.fail(cause)

    # -- the end

    def fail(self, error: BaseException) -> None:
        """Give up; the connection is ended, for nobody knows what is still to come on it."""
        if not self._finish():
            return
        connecting, requesting = self._connecting, self._requesting
        self._connecting = self._requesting = None
        if connecting is not None:
            connecting.cancel()
        self._abandon()
        if requesting is not None:
            requesting.addErrback(lambda _: None)
        self._result.errback(error)

    def _abandon(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.end(self)
            if self._outgoing is not None:
                # The end of the response may be in the parser's hands already: not into the pool.
                self._outgoing.persistent = False
            guard.abortConnection()

    def _finish(self) -> bool:
        if self._over:
            return False
        self._over = True
        self._stop_timer()
        return True

    # -- time

    def _set_timer(self, seconds: float | None, stage: str) -> None:
        """Limit a stage to `seconds`, and to what is left until the deadline."""
        self._stop_timer()
        if self._limits.deadline is not None:
            left = max(0.0, self._limits.deadline - self._reactor.seconds())
            if seconds is None or left < seconds:
                seconds = left
        if seconds is not None:
            self._timer = self._reactor.callLater(
                seconds, lambda: self.fail(HTTPTimeoutError(f"Timeout {stage}"))
            )

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def _connect_error(error: BaseException) -> BaseException:
    """The error of a connection that did not come about."""
    if isinstance(error, HTTPClientError | CancelledError):
        return error
    text = str(error) or type(error).__name__
    converted = HTTPConnectError(f"Cannot connect: {text}", getattr(error, "osError", None))
    converted.__cause__ = error
    return converted


def _cause(error: BaseException, lost: bool) -> BaseException:
    """What is behind the errors of Twisted's client.

    Args:
        error: what a request failed with.
        lost: whether the connection had ended, or else the parser gave up.
    """
    if isinstance(error, RequestGenerationFailed):
        return exception_of(error.reasons[0])
    if isinstance(error, ResponseFailed | RequestTransmissionFailed):
        reasons = [exception_of(reason) for reason in error.reasons if reason is not None]
        converted: HTTPStreamClosedError = HTTPStreamClosedError("Connection closed")
        if not lost:
            converted = HTTPResponseError("Malformed response")
        converted.__cause__ = reasons[0] if reasons else error
        return converted
    return error
