"""Names of Tornado's and cyclone 1.x's ``httpserver``: the server for anything that takes requests.

An `Application` is a factory of its own and needs none of this; `HTTPServer` serves a plain
callable, or an application with other server settings than its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .http1 import Exchange, HTTP1Connection, HTTPFactory
from .httputil import BodyBuffer, HTTPServerRequest, TrustedProxies

__all__ = ["HTTPConnection", "HTTPRequest", "HTTPServer"]

#: cyclone 1.x's names.
HTTPConnection = HTTP1Connection
HTTPRequest = HTTPServerRequest


class HTTPServer(HTTPFactory):
    """Serves requests to a callable (Tornado's `HTTPServer`).

    Args:
        request_callback: an `Application`, or a callable that is given each
            `HTTPServerRequest` when its body is there, and writes the response through
            ``request.connection``.
        xheaders: believe X-Real-Ip and its like.
        trusted_downstream: addresses and networks of the proxies that are believed.
        protocol: "https" when the peers' connections are, although the server's are not.
        settings: the limits of `cyclone.http1.Limits`.
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
        if exchange.body_complete:
            callback(request)
        else:
            exchange.read_body(_WholeBody(request, callback))


class _WholeBody:
    """Collects a body for the callback."""

    def __init__(
        self, request: HTTPServerRequest, callback: Callable[[HTTPServerRequest], Any]
    ) -> None:
        self._request = request
        self._callback = callback
        self._buffer = BodyBuffer()

    def data_received(self, chunk: bytes) -> None:
        self._buffer.append(chunk)

    def finish(self) -> None:
        self._request.body_buffer = self._buffer
        self._callback(self._request)
