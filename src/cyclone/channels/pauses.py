"""Waiting a little, by a clock that may be stopped."""

from __future__ import annotations

from typing import Any

from cyclone._async import Waiter

__all__ = ["Pauses"]


class Pauses:
    """Timers that somebody waits for."""

    def __init__(self) -> None:
        self._timers: dict[Waiter, Any] = {}

    def wait(self, clock: Any, seconds: float) -> Waiter:
        """To await: the time has passed, or `end` was called."""
        waiter = Waiter()
        self._timers[waiter] = clock.callLater(seconds, self._over, waiter)
        return waiter

    def _over(self, waiter: Waiter) -> None:
        timer = self._timers.pop(waiter)
        if timer.active():
            timer.cancel()
        if not waiter.called:
            waiter.callback(None)

    def end(self) -> None:
        """Let nobody wait any more."""
        for waiter in list(self._timers):
            self._over(waiter)
