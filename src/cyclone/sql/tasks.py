"""Statements by a driver's own asynchronous interface, on a reactor with an asyncio loop.

Single statements go this way; what is given as a function, which may block, is left to an engine
of threads beside this one.  Both together never do more at once than the pool allows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from cyclone._async import failure_of

from .links import Driver, Link, Ticket
from .settings import PoolSettings
from .threads import Threads
from .work import PING, Statement, Work, outage_of, unreachable

__all__ = ["Tasks"]


class Tasks:
    """An engine of a pool: it does statements in asyncio tasks, and other work in threads.

    Args:
        make_threads: makes the engine for other work, when the first of it comes.
    """

    def __init__(
        self, driver: Driver, settings: PoolSettings, make_threads: Callable[[], Threads]
    ) -> None:
        self._driver = driver
        self._settings = settings
        self._make_threads = make_threads
        self._threads: Threads | None = None
        self._idle: list[Link] = []
        self._closed = False
        # The loop keeps no strong reference.  Tasks take themselves out: a callback of one would be
        # another turn of the loop.
        self._tasks: dict[Ticket, asyncio.Task[None]] = {}

    def run(self, ticket: Ticket, work: Work, done: Callable[[Any], None]) -> None:
        """Do the work; `done` gets the result, or a Failure."""
        # Before the loop runs, as while the reactor starts, there are only threads.
        loop = _loop()
        if isinstance(work, Statement) and loop is not None:
            self._tasks[ticket] = loop.create_task(self._perform(ticket, work, done))
        else:
            self._other().run(ticket, work, done)

    def _other(self) -> Threads:
        if self._threads is None:
            self._threads = self._make_threads()
        return self._threads

    def probe(self) -> Deferred[Any]:
        """Try whether the server answers, with a connection of its own, outside the pool."""
        if _loop() is None:
            return self._other().probe()
        return _started(self._probe())

    async def _probe(self) -> None:
        link = await self._connected()
        try:
            await self._ping(link)
        finally:
            link.close()

    async def _perform(self, ticket: Ticket, work: Statement, done: Callable[[Any], None]) -> None:
        # What comes of it is told from within: a callback of the task would be another turn.
        try:
            result = await self._performed(ticket, work)
        except (Exception, asyncio.CancelledError) as error:
            result = failure_of(error)
        del self._tasks[ticket]
        done(result)

    async def _performed(self, ticket: Ticket, work: Statement) -> Any:
        link = await self._link()
        try:
            ticket.attach(link)
            return await self._do(work, link)
        finally:
            ticket.detach()
            self._put_back(link)

    def _put_back(self, link: Link) -> None:
        link.used = time.monotonic()
        if self._closed or self._driver.broken(link.raw) or self._driver.dirty(link.raw):
            link.close()
        else:
            self._idle.append(link)

    async def _link(self) -> Link:
        """A connection that was used before, looked at, or a new one."""
        while self._idle:
            link = self._idle.pop()
            if await self._usable(link):
                return link
            link.close()
        return await self._connected()

    async def _connected(self) -> Link:
        try:
            return await self._driver.connect_asynchronously()
        except Exception as error:
            raise unreachable(error) from error

    async def _usable(self, link: Link) -> bool:
        if self._driver.broken(link.raw):
            return False
        if link.quiet() and time.monotonic() - link.used <= self._settings.ping_after:
            return True
        try:
            await self._ping(link)
        except Exception:
            return False
        return link.quiet()

    async def _ping(self, link: Link) -> None:
        # Cut, not cancelled: psycopg would try to tell a server that does not listen.
        patience = self._settings.connect_timeout
        loop = asyncio.get_running_loop()
        watch = loop.call_later(patience, link.cut) if patience else None
        try:
            await PING.asynchronously(self._driver, link)
        finally:
            if watch is not None:
                watch.cancel()

    async def _do(self, work: Statement, link: Link) -> Any:
        try:
            return await work.asynchronously(self._driver, link)
        except Exception as error:
            outage = outage_of(error, self._driver, link)
            if outage is None:
                raise
            raise outage from error

    def close(self, *, idle: bool) -> None:
        """Close the connections; those in use when they are put back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        if self._threads is not None:
            self._threads.close(idle=idle)


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _started(coroutine: Any) -> Deferred[Any]:
    task = asyncio.get_running_loop().create_task(coroutine)
    deferred: Deferred[Any] = Deferred.fromFuture(task)
    return deferred
