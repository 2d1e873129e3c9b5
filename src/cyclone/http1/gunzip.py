"""Compressed request bodies, decompressed on their way (setting ``decompress_request``)."""

from __future__ import annotations

import zlib
from typing import Any

from twisted.internet.defer import Deferred

from cyclone._async import as_deferred

from .interfaces import BodyConsumer
from .refusal import BadRequest

__all__ = ["Gunzip"]

#: Each member copies what follows it in the same read; whoever sends many is up to no good.
_MAX_MEMBERS = 1000


class Gunzip:
    """Decompresses a gzip body for another consumer.

    The size limit holds for what comes out: a small body must not become a large one unseen.
    """

    __slots__ = ("_chunk_size", "_consumer", "_inflate", "_left", "_members")

    def __init__(self, consumer: BodyConsumer, max_size: int, chunk_size: int) -> None:
        self._consumer = consumer
        self._left = max_size
        self._chunk_size = chunk_size
        self._members = 1
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
            self._members += 1
            if self._members > _MAX_MEMBERS:
                raise BadRequest(400, "the body has more gzip members than this server accepts")
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

    def aborted(self) -> None:
        """The body will not be completed."""
        self._consumer.aborted()
