"""Asking a store, which may fail, or take too long; and taking turns."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.interfaces import IReactorTime

from cyclone._async import Waiter, failure_of, is_pending, resolve, settle
from cyclone.log import app_log
from cyclone.outages import is_outage
from cyclone.web import HTTPError

__all__ = ["Asking", "StoreUnavailable"]


class StoreUnavailable(HTTPError):
    """The store of sessions fails or does not answer: 503 with Retry-After."""

    def __init__(self, message: str) -> None:
        super().__init__(503, "%s", message, headers={"Retry-After": "1"})


class Asking:
    """Asks a store, with a limit to how long that may take.

    What a store has begun goes on after that, and nobody looks at its result: to cancel a command
    on its way would have some clients take the next answer for this one's.

    Args:
        timeout: seconds, None for any time.
        max_pending: answers that may be awaited at a time, those that nobody waits for included.

    Attributes:
        clock: measures that; without one nothing does.
    """

    def __init__(self, timeout: float | None, max_pending: int) -> None:
        self._timeout = timeout
        self._max_pending = max_pending
        self.pending = 0
        self._queues: dict[str, deque[Waiter]] = {}
        self.clock: IReactorTime | None = None

    def __len__(self) -> int:
        """How many sessions are being saved."""
        return len(self._queues)

    async def __call__(self, method: Any, *arguments: Any) -> Any:
        """The result of a method of the store.

        Raises:
            StoreUnavailable: it failed, or did not come in time.
            HTTPError: what the method has raised itself.
        """
        if self.pending >= self._max_pending:
            raise StoreUnavailable(f"{self.pending} answers of the store of sessions are awaited")
        try:
            result = method(*arguments)
            return await self._in_time(result) if is_pending(result) else result
        except HTTPError:
            raise
        except Exception as error:
            if is_outage(error):  # one line: as long as it lasts there is one for each request
                app_log.warning(
                    "The store of sessions is away: %s: %s", type(error).__name__, error
                )
            else:
                app_log.error("The store of sessions fails", exc_info=error)
            raise StoreUnavailable("the store of sessions fails") from error

    async def _in_time(self, result: Any) -> Any:
        waiter: Any = Waiter()

        def came(value: Any) -> None:
            self.pending -= 1
            if not waiter.called:
                waiter.callback(value)

        def failed(error: BaseException) -> None:
            self.pending -= 1
            if not waiter.called:
                waiter.errback(failure_of(error))

        self.pending += 1
        resolve(settle(result), came, failed)
        return await self._wait(waiter)

    async def _wait(self, waiter: Any) -> Any:
        """Wait, but not for too long."""
        if waiter.called or self.clock is None or self._timeout is None:
            return await waiter
        message = f"the store of sessions has not answered within {self._timeout} seconds"
        late = self.clock.callLater(
            self._timeout, lambda: waiter.errback(failure_of(StoreUnavailable(message)))
        )
        try:
            return await waiter
        finally:
            if late.active():
                late.cancel()

    async def take_turn(self, key: str) -> None:
        """Wait until no other request of this process saves the session; `end_turn` has to follow.

        Raises:
            StoreUnavailable: that took too long.
        """
        queue = self._queues.get(key)
        if queue is None:
            self._queues[key] = deque()
            return
        waiter = Waiter()
        queue.append(waiter)
        await self._wait(waiter)

    def end_turn(self, key: str, error: StoreUnavailable | None = None) -> None:
        """It is the next one's turn.

        Args:
            error: why nobody else needs to try.
        """
        queue = self._queues[key]
        while queue:
            waiter = queue.popleft()
            if waiter.called:  # it has given up
                continue
            if error is None:
                waiter.callback(None)
                return
            waiter.errback(failure_of(error))
        del self._queues[key]
