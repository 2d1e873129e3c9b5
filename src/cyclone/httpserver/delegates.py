"""From an exchange to Tornado's delegates, and to plain callables.

A delegate that knows exchanges may have a method ``take_over() -> bool``, called when it has got
the head of the request: if it returns True, it has everything else done by itself. Those of
applications do, so a request that comes through a router is served as any other: errors before
the body is read, streamed bodies, limits by handler class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from cyclone._async import HandlerErrors, as_deferred, exception_of, resolve, settle
from cyclone.http1 import BadRequest, Exchange
from cyclone.httputil import HTTPMessageDelegate, HTTPServerRequest
from cyclone.log import app_log

from .bodies import BufferedBody, body_consumer

__all__ = ["serve_callable", "serve_message"]


def serve_callable(
    callback: Callable[[HTTPServerRequest], Any], request: HTTPServerRequest, exchange: Exchange
) -> None:
    """Call `callback` with the request when its body is there; files are closed at its end."""
    exchange.when_done(request.close)

    def handle() -> None:
        exchange.new_context().run(callback, request)

    if exchange.body_complete:
        handle()
    else:
        exchange.read_body(body_consumer(BufferedBody(request, handle), request, exchange))


def serve_message(
    delegate: HTTPMessageDelegate, request: HTTPServerRequest, exchange: Exchange
) -> None:
    """Give a request to a delegate: its head, then its body in pieces of at most ``chunk_size``.

    A delegate that raises ends the connection, and what it raised is logged (as in Tornado).
    """
    delivery = _Delivery(delegate, request, exchange)
    exchange.new_context().run(delivery.begin)


class _Delivery:
    """One request on its way to a delegate; consumes its body."""

    def __init__(
        self, delegate: HTTPMessageDelegate, request: HTTPServerRequest, exchange: Exchange
    ) -> None:
        self._delegate = delegate
        self._request = request
        self._exchange = exchange
        self._over = False

    def begin(self) -> None:
        """Give the delegate the head."""
        request, exchange = self._request, self._exchange
        consumer = None
        if not exchange.body_complete and not hasattr(self._delegate, "take_over"):
            # Before the delegate sees the header: the coding of the body may be taken off it.
            consumer = body_consumer(self, request, exchange)
        try:
            waiting = self._delegate.headers_received(request.start_line, request.headers)
        except HandlerErrors as error:
            self._fail(error)
            return
        if waiting is not None:
            exchange.on_lost = lambda reason: self.aborted()
        resolve(waiting, lambda _: self._go_on(consumer), self._fail)

    def _go_on(self, consumer: Any) -> None:
        exchange = self._exchange
        exchange.on_lost = None
        if self._over:
            return
        try:
            take_over = getattr(self._delegate, "take_over", None)
            if take_over is not None and take_over():
                self._over = True
                return
        except HandlerErrors as error:
            self._fail(error)
            return
        if exchange.body_complete:
            self.finish()
        elif not exchange.done:
            exchange.read_body(consumer or body_consumer(self, self._request, exchange))

    # -- as a consumer of the body

    def data_received(self, chunk: bytes) -> Deferred[Any] | None:
        """Pass a piece on, cut to size."""
        if self._over:
            return None
        size = self._exchange.factory.chunk_size
        if len(chunk) <= size:
            try:
                waiting = as_deferred(self._delegate.data_received(chunk))
            except HandlerErrors as error:
                self._fail(error)
                return None
            if waiting is not None:
                waiting.addErrback(self._failed)
            return waiting
        return as_deferred(self._in_pieces(chunk, size))

    async def _in_pieces(self, chunk: bytes, size: int) -> None:
        try:
            for start in range(0, len(chunk), size):
                if self._over:
                    return
                await settle(self._delegate.data_received(chunk[start : start + size]))
        except HandlerErrors as error:
            self._fail(error)

    def _failed(self, failure: Any) -> None:
        self._fail(exception_of(failure))

    def finish(self) -> None:
        """The request is complete."""
        if self._over:
            return
        self._over = True
        try:
            self._delegate.finish()
        except BadRequest:
            raise
        except HandlerErrors as error:
            self._fail(error)

    def aborted(self) -> None:
        """The request will not be completed."""
        if self._over:
            return
        self._over = True
        try:
            self._delegate.on_connection_close()
        except Exception:
            app_log.error("Uncaught exception in on_connection_close", exc_info=True)

    def _fail(self, error: BaseException) -> None:
        self._over = True
        app_log.error("Uncaught exception", exc_info=error)
        if self._exchange.started:
            self._exchange.abort()
        else:
            self._exchange.close()
