"""Who calls whom between a server and an application (Tornado's names).

An application that is no `cyclone.web.Application` implements `HTTPServerConnectionDelegate`, and
answers each request through the `HTTPConnection` that it is given.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from .headers import HTTPHeaders
from .startline import RequestStartLine, ResponseStartLine

__all__ = ["HTTPConnection", "HTTPMessageDelegate", "HTTPServerConnectionDelegate"]


class HTTPServerConnectionDelegate:
    """Takes the requests of connections."""

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return who takes the next request.

        Args:
            server_conn: stands for the connection.
            request_conn: what to answer that request through.
        """
        raise NotImplementedError

    def on_close(self, server_conn: object) -> None:
        """The connection that was given to `start_request` is closed."""


class HTTPMessageDelegate:
    """Takes one message.

    After `headers_received` either `finish` or `on_connection_close` is called, never both.
    """

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """The head of the message is here.  The body waits for what is returned, if anything."""
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece of the body is here.  The next waits for what is returned, if anything."""
        return None

    def finish(self) -> None:
        """The message is complete."""

    def on_connection_close(self) -> None:
        """The connection was lost before the message was complete."""


class HTTPConnection:
    """What a response is written through."""

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Awaitable[Any]:
        """Write the head of the message, and the first piece of its body if there is one.

        The version in `start_line` is ignored.  What is returned waits for a slow reader, as that
        of `write` and `finish` does.
        """
        raise NotImplementedError

    def write(self, chunk: bytes) -> Awaitable[Any]:
        """Write a piece of the body."""
        raise NotImplementedError

    def finish(self) -> Awaitable[Any] | None:
        """End the message."""
        raise NotImplementedError
