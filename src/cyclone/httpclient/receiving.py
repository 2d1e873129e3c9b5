"""`Receiver`: a response body on its way in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from cyclone._async import HandlerErrors, as_deferred, resolve
from cyclone.http1 import BadRequest, Gunzip

from .errors import HTTPResponseError, HTTPStreamClosedError

__all__ = ["Receiver", "too_large"]

#: Bytes that are decompressed at a time.
_PIECE = 65536


def too_large() -> HTTPResponseError:
    """The error of a body beyond the limit."""
    return HTTPResponseError("The body of the response is larger than max_body_size")


class Receiver(Protocol):
    """Collects a body, or gives its pieces to a callback, within a limit.

    Args:
        max_size: most bytes there may be, before and after decompression.
        gzip: whether to decompress.
        callback: is given each piece; when it returns something to wait for, the peer is slowed
            down until then.
        ended: called as soon as no more will come, before `done`.
        connection_end: asked when no more will come: whether the connection ended in good order,
            None if it did not end, but could not be understood.
        done: called with the body (empty if `callback` took it) when everything is processed.
        failed: called with the error instead.
    """

    def __init__(
        self,
        max_size: int,
        gzip: bool,
        callback: Callable[[bytes], Any] | None,
        ended: Callable[[], None],
        connection_end: Callable[[], bool | None],
        done: Callable[[bytes], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._left = max_size
        self._gunzip = Gunzip(self, max_size, _PIECE) if gzip else None
        self._callback = callback
        self._ended = ended
        self._connection_end = connection_end
        self._done = done
        self._failed = failed
        self._pieces: list[bytes] = []
        self._waiting: deque[bytes] = deque()
        self._busy = False
        self._started = False
        self._over = False
        self._complete = False

    # -- from the connection

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        self._left -= len(data)
        if self._left < 0:
            self._fail(too_large())
            return
        self._waiting.append(data)
        if not self._busy:
            self._next()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        connection_end = self._connection_end()
        self._ended()
        if self._over:
            return
        end = reason.value
        if isinstance(end, ResponseDone) or (isinstance(end, PotentialDataLoss) and connection_end):
            self._complete = True
            if not self._busy:
                self._next()
        elif connection_end is None:
            self._fail(HTTPResponseError("Malformed response: the body is not correctly framed"))
        else:
            self._fail(HTTPStreamClosedError("Connection closed before the response was complete"))

    # -- piece by piece

    def _next(self) -> None:
        self._busy = True
        while self._waiting and not self._over:
            self._started = True
            result: Any = self._process(self._waiting.popleft())
            if result is not None:
                self._pause()
                resolve(result, self._processed, self._fail)
                return
        self._busy = False
        if self._complete and not self._over:
            self._finish()

    def _process(self, data: bytes) -> Deferred[Any] | None:
        try:
            consumer = self if self._gunzip is None else self._gunzip
            return self._unless_done(consumer.data_received(data))
        except HandlerErrors as exc:
            self._fail(exc)
            return None

    @staticmethod
    def _unless_done(result: Deferred[Any] | None) -> Deferred[Any] | None:
        """None for a Deferred that has succeeded: there is nothing to wait for.

        Each of many small pieces would take the stack further down otherwise.
        """
        if result is None:
            return None
        outcome: list[Any] = []
        now = True

        def look(value: Any) -> Any:
            outcome.append(value)
            # A failure that is raised below is not to be reported by the Deferred as well.
            return None if now and isinstance(value, Failure) else value

        result.addBoth(look)
        now = False
        if not outcome:
            return result
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return None

    def _processed(self, _: Any) -> None:
        if self._over:
            return
        if self.transport is not None and not self._complete:
            self.transport.resumeProducing()  # type: ignore[attr-defined]
        self._next()

    def _pause(self) -> None:
        if self.transport is not None and not self._complete:
            self.transport.pauseProducing()  # type: ignore[attr-defined]

    def data_received(self, chunk: bytes) -> Deferred[Any] | None:
        """A piece that is decompressed."""
        if self._callback is None:
            self._pieces.append(chunk)
            return None
        return as_deferred(self._callback(chunk))

    def finish(self) -> None:
        """The decompressed body is complete."""

    def aborted(self) -> None:
        """It will not be completed."""

    def _finish(self) -> None:
        try:
            # A body of no bytes at all is what HEAD and 304 have, whatever the coding.
            if self._gunzip is not None and self._started:
                self._gunzip.finish()
        except BadRequest as exc:
            self._fail(exc)
            return
        self._over = True
        self._done(b"".join(self._pieces))

    def _fail(self, error: BaseException) -> None:
        if self._over:
            return
        self._over = True
        self._waiting.clear()
        self._pieces.clear()
        if isinstance(error, asyncio.CancelledError):
            # It would pass for the cancellation of whoever waits for the response.
            error = HTTPStreamClosedError("streaming_callback was cancelled")
        if isinstance(error, BadRequest):  # of gunzip, which servers use too
            error = (
                too_large()
                if error.status == 413
                else HTTPResponseError("Malformed response: the body is not correct gzip data")
            )
        self._failed(error)
