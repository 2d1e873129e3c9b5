"""The part of a request's life that waits: for `prepare`, for a streamed body, for the method.

`RequestHandler._execute` runs handlers that never wait by itself.  The first result that has yet
to come makes an `Execution`, which goes on from there as a coroutine.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from cyclone._async import CancelledErrors, Spawned, resolve, settle, spawn
from cyclone.http1 import PeerGone
from cyclone.httpserver import body_consumer
from cyclone.log import app_log

from .streaming import BodyStream

if TYPE_CHECKING:
    from .handler import RequestHandler

__all__ = ["Execution", "run_on_finish", "tell_connection_closed"]


class Execution:
    """A handler that is being waited for."""

    __slots__ = ("_handler", "_over", "_running", "_streaming")

    def __init__(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._running: Spawned | None = None
        self._over = False
        self._streaming = False

    def from_prepare(self, prepared: Any) -> None:
        """Go on when `prepared`, the result of `prepare`, has come."""
        self._running = spawn(self._prepare_and_call(prepared))

    def from_method(self, result: Any) -> None:
        """Go on when `result`, the result of the HTTP method, has come."""
        self._running = spawn(self._complete(result))

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function` in the request's context."""
        running = self._running
        if running is None:  # in the first step of the coroutine
            return function(*args)
        return running.call(function, *args)

    def peer_gone(self, cancel: bool) -> bool:
        """The peer went away.  Returns whether there is still something that runs to its end.

        Args:
            cancel: cancel what is waited for.
        """
        if self._over:
            return False
        if cancel and not self._streaming and self._running is not None:
            self._running.cancel()
        return True

    async def _prepare_and_call(self, prepared: Any) -> None:
        handler = self._handler
        try:
            await settle(prepared)
            if handler._stream_request_body and handler._open:
                await self._receive_body()
            if not handler._open:
                self._end()
                return
            result = handler._call_method()
        except asyncio.CancelledError as error:
            self._fail(error)
            raise  # asyncio's rule: who is cancelled ends so
        except (Exception, SystemExit) as error:
            self._fail(error)
        else:
            await self._complete(result)

    async def _complete(self, result: Any) -> None:
        handler = self._handler
        try:
            await settle(result)
            if handler._auto_finish and handler._open:
                handler.finish()
        except asyncio.CancelledError as error:
            self._fail(error)
            raise  # asyncio's rule: who is cancelled ends so
        except (Exception, SystemExit) as error:
            self._fail(error)
        else:
            self._end()

    async def _receive_body(self) -> None:
        """Have the body of a streaming handler delivered to its `data_received`."""
        handler = self._handler
        connection = handler.request.connection
        if connection.body_complete:
            if body := handler.request.body:  # whoever passed the request on has read it
                await settle(self._take_piece(body))
            return
        if connection.done:
            raise PeerGone
        stream = BodyStream(self._take_piece)
        self._streaming = True
        connection.read_body(body_consumer(stream, handler.request, connection))
        try:
            await stream.ended
        finally:
            self._streaming = False

    def _take_piece(self, chunk: bytes) -> Any:
        handler = self._handler
        if not handler._open:
            return None
        # Connections of others may know Tornado's interface only.
        factory = getattr(handler.request.connection, "factory", None)
        size = getattr(factory, "chunk_size", len(chunk))
        if len(chunk) > size:
            return self._take_pieces(chunk, size)
        return self.call(handler.data_received, chunk)

    async def _take_pieces(self, chunk: bytes, size: int) -> None:
        """Deliver what has come at once in pieces of setting ``chunk_size`` (Tornado)."""
        handler = self._handler
        for start in range(0, len(chunk), size):
            if handler._open:
                await settle(self.call(handler.data_received, chunk[start : start + size]))

    def _fail(self, error: BaseException) -> None:
        """The handler raised `error`: answer it, if there is somebody to answer."""
        handler = self._handler
        if handler.request.connection.done and not handler._finished:
            handler._finished = True
            if not isinstance(error, (PeerGone, *CancelledErrors)):
                handler.log_exception(type(error), error, error.__traceback__)
        elif not isinstance(error, PeerGone):
            handler._handle_request_exception(error)
        self._end()

    def _end(self) -> None:
        self._over = True
        handler = self._handler
        if handler._finished or handler.request.connection.done:
            handler._end()


def tell_connection_closed(handler: RequestHandler, reason: Failure | None) -> None:
    """Call `on_connection_close`: Tornado's has no argument, cyclone 1.x's has the reason."""
    hook = handler.on_connection_close
    try:
        takes_reason = inspect.signature(hook).parameters
        hook(*[reason][: len(takes_reason)])
    except Exception:
        app_log.error("Uncaught exception in on_connection_close", exc_info=True)


def run_on_finish(handler: RequestHandler) -> None:
    """Call `on_finish`, which may be asynchronous; what it raises is logged."""
    try:
        resolve(handler.on_finish(), lambda _: None, _log_on_finish)
    except Exception as error:
        _log_on_finish(error)


def _log_on_finish(error: BaseException) -> None:
    app_log.error("Uncaught exception in on_finish", exc_info=error)
