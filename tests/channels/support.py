"""What the tests of cyclone.channels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

__all__ = ["Gate", "eventually", "result_of"]


async def eventually(true: Callable[[], Any]) -> Any:
    """Wait until something is true; the limit is that of the test."""
    while not (result := true()):
        await deferLater(reactor, 0.01)  # type: ignore[arg-type]
    return result


def result_of(deferred: Deferred[Any]) -> Any:
    """What a Deferred has, which must be there; raises what it failed with."""
    results: list[Any] = []
    failures: list[Any] = []
    deferred.addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    assert results, "nothing is there yet"
    return results[0]


class Gate:
    """A subscriber that takes its time: `open` lets it go on with the next message."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self._waiting: Deferred[None] | None = None

    async def __call__(self, message: Any) -> None:
        self.got.append(message.data)
        self._waiting = Deferred()
        await self._waiting

    def open(self) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        waiting.callback(None)
