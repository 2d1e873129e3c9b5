"""`Outgoing`: a request on its way to the server."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IClientRequest
from zope.interface import implementer

from cyclone._async import DONE, HandlerErrors, Settled, Waiter, resolve
from cyclone.httputil import HTTPHeaders

from .errors import HTTPStreamClosedError
from .messages import BodyProducer

__all__ = ["Outgoing"]

#: Seconds until a body is sent although the server did not ask for it: not all of them know how
#: to (RFC 9110 section 10.1.1).
CONTINUE_TIMEOUT = 1.0


@implementer(IClientRequest, IPushProducer)
class Outgoing:
    """Writes one request; what `HTTP11ClientProtocol.request` of Twisted wants to be given.

    Unlike Twisted's own it keeps the spelling of names, waits for "100 Continue", and is done when
    the response has come, sent or not: a server need not read a body to refuse it.

    Args:
        clock: for the time limit of waiting for "100 Continue".
        method: the method, a token.
        path: the request target.
        headers: fields; those for the framing of the body are there already.
        body: the body, or what produces it, or None.
        expects: whether to wait for "100 Continue".

    Attributes:
        persistent: whether the connection may be used again afterwards.
    """

    def __init__(
        self,
        clock: IReactorTime,
        method: str,
        path: str,
        headers: HTTPHeaders,
        body: bytes | BodyProducer | None,
        expects: bool,
    ) -> None:
        self.method = method.encode("ascii")
        self.absoluteURI = None
        self.headers = Headers()
        self.persistent = headers.get("Connection", "").lower() != "close"
        self._clock = clock
        self._head = f"{method} {path} HTTP/1.1\r\n".encode("ascii") + headers.encode() + b"\r\n"
        self._body = body
        self._expects = expects and body is not None
        length = headers.get("Content-Length")
        self._left: int | None = None if length is None else int(length)
        self._connection: Any = None
        self._written: Deferred[None] | None = None
        self._timer: Any = None
        self._over = False
        self._waiter: Waiter | None = None
        self._paused = False

    # -- for Twisted's protocol

    def writeTo(self, connection: Any) -> Deferred[None]:
        """Begin to write; the Deferred fires when no more will be written."""
        self._connection = connection
        if not self._expects and not callable(self._body):
            # In one piece: it goes into one segment, and the answer may come at any time.
            connection.write(self._head + (self._body or b""))
            return succeed(None)
        connection.write(self._head)
        self._written = Deferred(lambda _: self._stop())
        written = self._written
        if self._expects:
            self._timer = self._clock.callLater(CONTINUE_TIMEOUT, self._send_body)
        else:
            self._send_body()
        return written

    def stopWriting(self) -> None:
        """The connection is lost, or given up."""
        self._stop()

    # -- what the server says meanwhile

    def continue_received(self) -> None:
        """The server wants the body."""
        if self._timer is not None:
            self._send_body()

    def answered(self) -> None:
        """The final response has begun: what is not yet sent nobody needs."""
        if self._written is not None and not self._written.called:
            # The server still takes the next bytes for the rest of the body.
            self.persistent = False
            self._stop()
            self._written.callback(None)

    # -- the body

    def _send_body(self) -> None:
        self._stop_timer()
        if callable(self._body):
            self._connection.registerProducer(self, True)
            try:
                result = self._body(self._write)
            except HandlerErrors as exc:
                self._failed(exc)
            else:
                resolve(result, self._produced, self._failed)
        else:
            self._connection.write(self._body)
            self._done()

    def _write(self, data: bytes) -> Settled | Waiter:
        """Write a piece of the body; may be awaited to keep pace with the connection."""
        if self._over:
            raise HTTPStreamClosedError("the request is over: no more of its body can be sent")
        if not data:
            return DONE
        if self._left is None:
            self._connection.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            if len(data) > self._left:
                raise ValueError("the body is longer than its Content-Length")
            self._left -= len(data)
            self._connection.write(data)
        if not self._paused:
            return DONE
        if self._waiter is None or self._waiter.called:
            self._waiter = Waiter()
        return self._waiter

    def _produced(self, _: Any) -> None:
        if self._over:
            return
        if self._left:
            self._failed(ValueError("the body is shorter than its Content-Length"))
            return
        if self._left is None:
            self._connection.write(b"0\r\n\r\n")
        self._stop()
        self._done()

    def _failed(self, error: BaseException) -> None:
        if not self._over:
            self._stop()
            if self._written is not None:
                self._written.errback(error)

    def _done(self) -> None:
        self._over = True
        if self._written is not None:
            self._written.callback(None)

    def _stop(self) -> None:
        self._stop_timer()
        if not self._over:
            self._over = True
            if callable(self._body) and self._connection is not None:
                self._connection.unregisterProducer()
            self.resumeProducing()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    # -- IPushProducer, for the connection

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)

    def stopProducing(self) -> None:
        self._stop()
