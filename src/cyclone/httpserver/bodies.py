"""Request bodies on their way to whoever takes them whole, or decompressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclone.http1 import BodyConsumer, Exchange, Gunzip
from cyclone.httputil import BodyBuffer, HTTPServerRequest

__all__ = ["BufferedBody", "body_consumer"]


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
