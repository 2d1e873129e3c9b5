"""What the tests of cyclone.redis share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

__all__ = ["eventually", "pause"]


async def pause(seconds: float = 0.01) -> None:
    await deferLater(reactor, seconds)  # type: ignore[arg-type]


async def eventually(true: Callable[[], Any]) -> Any:
    """Wait until something is true; the limit is that of the test."""
    while not (result := true()):
        await pause()
    return result
