"""Request bodies on their way to handlers: buffered, streamed, decompressed.

The engine delivers a body to a `cyclone.http1.BodyConsumer`; these are the ones there are.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cyclone._async import as_deferred, exception_of
from cyclone.http1 import BadRequest, BodyConsumer
from cyclone.httputil import BodyBuffer

__all__ = ["BodyStream", "BufferedBody", "Gunzip", "PeerGone"]


class PeerGone(Exception):
    """The peer went away while its request body was being read."""


class BufferedBody:
    """Collects a whole body, on disk beyond a size, then has the request handled."""

    __slots__ = ("_handle", "buffer")

    def __init__(self, buffer: BodyBuffer, handle: Callable[[], None]) -> None:
        self.buffer = buffer
        self._handle = handle

    def data_received(self, chunk: bytes) -> None:
        self.buffer.append(chunk)

    def finish(self) -> None:
        self._handle()


class BodyStream:
    """Gives a body to a handler piece by piece.

    Attributes:
        ended: fires when the body is complete; fails when `data_received` does, or with
            `PeerGone`.
    """

    __slots__ = ("_receive", "ended")

    def __init__(self, receive: Callable[[bytes], Any]) -> None:
        self._receive = receive
        self.ended: Deferred[None] = Deferred()

    def data_received(self, chunk: bytes) -> Deferred[Any] | None:
        try:
            waiting = as_deferred(self._receive(chunk))
        except Exception as error:
            self._fail(error)
            return None
        if waiting is not None:
            waiting.addErrback(self._failed)
        return waiting

    def finish(self) -> None:
        if not self.ended.called:
            self.ended.callback(None)

    def lost(self) -> None:
        """The peer went away."""
        self._fail(PeerGone())

    def _failed(self, failure: Failure) -> None:
        self._fail(exception_of(failure))

    def _fail(self, error: BaseException) -> None:
        if not self.ended.called:
            self.ended.errback(error)


class Gunzip:
    """Decompresses a gzip body for another consumer (setting ``decompress_request``).

    The size limit holds for what comes out: a small body must not become a large one unseen.
    """

    __slots__ = ("_chunk_size", "_consumer", "_inflate", "_left")

    def __init__(self, consumer: BodyConsumer, max_size: int, chunk_size: int) -> None:
        self._consumer = consumer
        self._left = max_size
        self._chunk_size = chunk_size
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def data_received(self, chunk: bytes) -> Deferred[Any] | None:
        return as_deferred(self._feed(chunk)) if chunk else None

    async def _feed(self, chunk: bytes) -> None:
        """Give the consumer what `chunk` expands to, a bounded piece at a time.

        Raises:
            BadRequest: the data are not gzip (400) or expand beyond the limit (413).
        """
        while chunk:
            try:
                data = self._inflate.decompress(chunk, self._chunk_size)
            except zlib.error:
                raise BadRequest(400, "the body is not in the gzip format") from None
            self._left -= len(data)
            if self._left < 0:
                raise BadRequest(413, "the decompressed body is larger than this server accepts")
            if data:
                waiting = self._consumer.data_received(data)
                if waiting is not None:
                    await waiting
            chunk = self._inflate.unconsumed_tail
            if self._inflate.eof:
                chunk = self._next_member()

    def _next_member(self) -> bytes:
        """RFC 1952 section 2.2: gzip data may be several members in a row."""
        rest = self._inflate.unused_data
        if rest:
            self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        return rest

    def finish(self) -> None:
        """The compressed body has ended.

        Raises:
            BadRequest: in the middle of the gzip data.
        """
        if not self._inflate.eof:
            raise BadRequest(400, "the gzip body is incomplete")
        self._consumer.finish()
