"""Names of Tornado's and cyclone 1.x's ``httpserver``: the server for anything that takes requests.

An `Application` is a factory of its own and needs none of this; `HTTPServer` serves a plain
callable, or an application with other server settings than its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .http1 import BodyConsumer, Exchange, Gunzip, HTTP1Connection, HTTPFactory
from .httputil import BodyBuffer, HTTPServerRequest, TrustedProxies

__all__ = ["BufferedBody", "HTTPConnection", "HTTPRequest", "HTTPServer", "body_consumer"]

#: cyclone 1.x's names.
HTTPConnection = HTTP1Connection
HTTPRequest = HTTPServerRequest


class BufferedBody:
    """Collects the whole body of a request, on disk beyond a size, then has it handled.

    Args:
        request: gets the body as its `body_buffer`.
        handle: called when the body is complete.
        spool_size: bytes that are kept in memory.
    """

    __slots__ = ("_buffer", "_handle", "_request", "_spool_size")

    def __init__(
        self,
        request: HTTPServerRequest,
        handle: Callable[[], Any],
        spool_size: int | None = 1024 * 1024,
    ) -> None:
        self._request = request
        self._handle = handle
        self._spool_size = spool_size
        self._buffer: BodyBuffer | None = None

    def data_received(self, chunk: bytes) -> None:
        if self._buffer is None:
            self._buffer = BodyBuffer(self._spool_size)
        self._buffer.append(chunk)

    def finish(self) -> None:
        self._request.body_buffer = self._buffer
        self._handle()

    def whole(self, body: bytes) -> None:
        if self._spool_size is None or len(body) <= self._spool_size:
            self._request.body = body
        else:
            self.data_received(body)
        self.finish()

    def aborted(self) -> None:
        if self._buffer is not None:
            self._buffer.close()


def body_consumer(
    consumer: BodyConsumer, request: HTTPServerRequest, exchange: Exchange
) -> BodyConsumer:
    """`consumer`, or gunzip before it when the server and the request's body say so.

    The request's Content-Encoding is renamed then: the application sees the decoded body.
    """
    factory = exchange.factory
    if not factory.decompress_request:
        return consumer
    headers = request.headers
    coding = headers.get("Content-Encoding", "")
    if coding.strip().lower() not in ("gzip", "x-gzip"):
        return consumer
    headers["X-Consumed-Content-Encoding"] = coding  # Tornado's name
    del headers["Content-Encoding"]
    return Gunzip(consumer, exchange.max_body_size, factory.chunk_size)


class HTTPServer(HTTPFactory):
    """Serves requests to a callable (Tornado's `HTTPServer`).

    Args:
        request_callback: an `Application`, or a callable that is given each
            `HTTPServerRequest` when its body is there, and writes the response through
            ``request.connection``.
        xheaders: believe X-Real-Ip and its like.
        trusted_downstream: addresses and networks of the proxies that are believed.
        protocol: "https" when the peers' connections are, although the server's are not.
        settings: the limits of `cyclone.http1.Limits`, and ``decompress_request``.
    """

    def __init__(
        self,
        request_callback: Callable[[HTTPServerRequest], Any],
        *,
        xheaders: bool = False,
        trusted_downstream: Any = (),
        protocol: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(settings)
        self._request_callback = request_callback
        if xheaders:
            self.forwarded = TrustedProxies(trusted_downstream)
        self.secure = protocol == "https"

    def start_request(self, exchange: Exchange) -> None:
        callback = self._request_callback
        if isinstance(callback, HTTPFactory):
            callback.start_request(exchange)
            return
        request = HTTPServerRequest.from_head(exchange.head, exchange)
        exchange.when_done(request.close)

        def handle() -> None:
            exchange.new_context().run(callback, request)

        if exchange.body_complete:
            handle()
        else:
            exchange.read_body(body_consumer(BufferedBody(request, handle), request, exchange))
