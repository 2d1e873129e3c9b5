"""A reactor of its own for each test, on both kinds of loops, whatever reactor the session has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvloop
from twisted.python import threadable

from cyclone.uvloopreactor import UvloopReactor

Run = Callable[[Callable[[], Awaitable[Any]]], Any]


@pytest.fixture(params=["uvloop", "plain"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """A new loop."""
    make = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
    loop = make()
    yield loop
    loop.close()


@pytest.fixture
def ours(loop: asyncio.AbstractEventLoop) -> Iterator[UvloopReactor]:
    """Our reactor on that loop."""
    before = threadable.ioThread
    reactor = UvloopReactor(loop)
    yield reactor
    reactor.removeAll()
    reactor.waker.connectionLost(None)
    threadable.ioThread = before


@pytest.fixture
def run(ours: UvloopReactor, loop: asyncio.AbstractEventLoop) -> Run:
    """Run a coroutine function on the loop while the reactor is its guest."""

    def start(function: Callable[[], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            ours.join()
            try:
                async with asyncio.timeout(10):
                    return await function()
            finally:
                left = ours.connections
                ours.stop()
                await ours.stopped()
                await asyncio.sleep(0)  # closed streams say so in the next turn
                assert left == []

        return loop.run_until_complete(main())

    return start
