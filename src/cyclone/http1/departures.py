"""What the connections of a server send leaves together, at the end of the reactor's turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Departures"]


class _Departing(Protocol):
    def flush(self) -> None: ...


class Departures:
    """Flushes, once in a turn of the reactor, all that asked for it."""

    __slots__ = ("_call_soon", "_waiting")

    def __init__(self, call_soon: Callable[[Callable[[], None]], Any]) -> None:
        """`call_soon` calls a function when the events at hand have been handled."""
        self._call_soon = call_soon
        self._waiting: list[_Departing] = []

    def add(self, departing: _Departing) -> None:
        """Flush `departing` at the end of the turn."""
        if not self._waiting:
            self._call_soon(self._depart)
        self._waiting.append(departing)

    def _depart(self) -> None:
        waiting, self._waiting = self._waiting, []
        for departing in waiting:
            departing.flush()
