"""`Relay`: an asynchronous iterator whose items become events."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

from cyclone._async import CancelledErrors, Spawned, Waiter, spawn
from cyclone.http1 import PeerGone

from .events import Event, Message

if TYPE_CHECKING:
    from .handler import SSEHandler

__all__ = ["Relay"]


class Relay:
    """Sends what an iterator gives, as fast as the client takes it.

    When the client goes, what the iterator waits for is cancelled, and the iterator closed.

    Attributes:
        done: fires with None when either has come to its end; fails with what the iterator raises.
    """

    def __init__(self, handler: SSEHandler, source: AsyncIterable[Message | Event]) -> None:
        self._handler = handler
        self._source = source
        self._running: Spawned | None = None
        self._stopped = False
        self._over = False
        self._awaited = False
        self.done: Waiter = _Done(self)

    def start(self) -> None:
        """Begin."""
        running = spawn(self._run())
        if not self._over:
            self._running = running

    def stop(self) -> None:
        """Cancel what the iterator waits for, and close it; one that runs ends with its item."""
        if self._stopped:
            return
        self._stopped = True
        running, self._running = self._running, None
        if running is not None and not running.entered:
            running.cancel()
        if not self.done.called:
            self.done.callback(None)

    def somebody_waits(self, _: Waiter) -> None:
        """`done` is waited for: errors go there."""
        self._awaited = True

    async def _run(self) -> None:
        try:
            await self._send_all()
        except PeerGone:
            self._end(None)
        except CancelledErrors as error:
            self._end(None if self._stopped else error)
        except Exception as error:
            self._end(error)
        else:
            self._end(None)

    async def _send_all(self) -> None:
        iterator = aiter(self._source)
        try:
            while not self._stopped:
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    return
                await self._handler.sendEvent(item)
        finally:
            close: Any = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    def _end(self, error: BaseException | None) -> None:
        self._over = True
        self._running = None
        self._handler.relay_ended(self)
        if self.done.called:
            return
        if error is None:
            self.done.callback(None)
        elif self._awaited:
            self.done.errback(error)
        else:
            self.done.callback(None)
            self._handler.relay_failed(error)


class _Done(Waiter):
    """Cancelling it stops the relay."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay.somebody_waits)
        self._relay = relay

    def cancel(self) -> None:
        super().cancel()
        self._relay.stop()
