"""The part of a request's life that waits: for `prepare`, for a streamed body, for the method.

`RequestHandler._execute` runs handlers that never wait by itself.  The first result that has yet
to come makes an `Execution`, which goes on from there as a coroutine.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cyclone._async import Spawned, settle, spawn

from .dispatch import BodyStream, PeerGone

if TYPE_CHECKING:
    from .handler import RequestHandler

__all__ = ["Execution"]


class Execution:
    """A handler that is being waited for."""

    __slots__ = ("_body", "_handler", "_over", "_running")

    def __init__(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._body: BodyStream | None = None
        self._running: Spawned | None = None
        self._over = False

    def from_prepare(self, prepared: Any) -> None:
        """Go on when `prepared`, the result of `prepare`, has come."""
        self._running = spawn(self._prepare_and_call(prepared))

    def from_method(self, result: Any) -> None:
        """Go on when `result`, the result of the HTTP method, has come."""
        self._running = spawn(self._complete(result))

    def peer_gone(self, cancel: bool) -> bool:
        """The peer went away.  Returns whether there is still something that runs to its end.

        Args:
            cancel: cancel what is waited for.
        """
        if self._over:
            return False
        if self._body is not None:
            self._body.lost()
        elif cancel and self._running is not None:
            self._running.cancel()
        return True

    def response_ended(self) -> None:
        """The response has ended; a body that still comes in concerns nobody."""
        if self._body is not None:
            self._body.finish()

    async def _prepare_and_call(self, prepared: Any) -> None:
        handler = self._handler
        try:
            await settle(prepared)
            if handler._stream_request_body and not handler._finished:
                await self._receive_body()
            if handler._finished:
                self._end()
                return
            result = handler._call_method()
        except (Exception, asyncio.CancelledError) as error:
            self._fail(error)
        else:
            await self._complete(result)

    async def _complete(self, result: Any) -> None:
        handler = self._handler
        try:
            await settle(result)
            if handler._auto_finish and not handler._finished:
                handler.finish()
        except (Exception, asyncio.CancelledError) as error:
            self._fail(error)
        else:
            self._end()

    async def _receive_body(self) -> None:
        """Have the body of a streaming handler delivered to its `data_received`."""
        handler = self._handler
        connection = handler.request.connection
        if connection.body_complete:
            return
        self._body = body = BodyStream(handler.data_received)
        connection.read_body(handler.application.body_consumer(body, handler.request))
        try:
            await body.ended
        finally:
            self._body = None

    def _fail(self, error: BaseException) -> None:
        """The handler raised `error`: answer it, if there is somebody to answer."""
        handler = self._handler
        if handler.request.connection.done and not handler._finished:
            handler._finished = True
            if not isinstance(error, (PeerGone, asyncio.CancelledError)):
                handler.log_exception(type(error), error, error.__traceback__)
        else:
            handler._handle_request_exception(error)
        self._end()

    def _end(self) -> None:
        self._over = True
        handler = self._handler
        if handler._finished or handler.request.connection.done:
            handler._end()
