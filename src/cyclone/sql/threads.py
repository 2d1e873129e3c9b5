"""Statements in threads: one connection each, over Twisted's adbapi.

Threads and the connection that belongs to each are adbapi's.  Ours are, by its hooks: how a
connection is made and looked at before use, what happens after an error, and that closing waits
for nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred

from cyclone._async import failure_of

from .links import Driver, Link, Ticket
from .settings import PoolSettings
from .work import PING, Work, connected, perform, usable

__all__ = ["Threads"]


class _Connection(adbapi.Connection):
    """What adbapi wraps around a link: the work commits and rolls back by itself."""

    def commit(self) -> None:
        """Nothing: the work has."""

    def rollback(self) -> None:
        """Nothing: the work has."""


class _Pool(adbapi.ConnectionPool):
    """Threads with links."""

    connectionFactory = _Connection

    def __init__(self, driver: Driver, settings: PoolSettings, size: int, reactor: Any) -> None:
        self._driver = driver
        self._ping_after = settings.ping_after
        self._patience = settings.connect_timeout
        arguments: dict[str, Any] = {"cp_min": 1, "cp_max": size, "cp_reactor": reactor}
        super().__init__(driver.dbapi, **arguments)  # type: ignore[no-untyped-call]

    def start(self) -> None:
        """Start the threads; no trigger for the end of the reactor, which is the pool's own."""
        if not self.running:
            self.threadpool.start()
            self.running = True

    def connect(self) -> Link:
        """The link of the thread that asks, looked at, or a new one."""
        identity = threading.get_ident()
        link: Link | None = self.connections.get(identity)
        if link is not None:
            idle = time.monotonic() - link.used > self._ping_after
            if usable(link, self._driver, idle=idle, patience=self._patience):
                return link
            del self.connections[identity]
            link.close()
        link = self.connections[identity] = connected(self._driver)
        return link

    def do(self, connection: Any, ticket: Ticket, work: Work) -> Any:
        """Do a call's work, in a thread."""
        link: Link = connection.link
        ticket.attach(link)
        try:
            return perform(work, self._driver, link)
        finally:
            ticket.detach()
            link.used = time.monotonic()


class Threads:
    """An engine of a pool: it does work in threads.

    Args:
        size: threads, and connections, at most.
    """

    def __init__(self, driver: Driver, settings: PoolSettings, size: int, reactor: Any) -> None:
        self._driver = driver
        self._patience = settings.connect_timeout
        self._reactor = reactor
        self._pool = _Pool(driver, settings, size, reactor)

    def run(self, ticket: Ticket, work: Work, done: Callable[[Any], None]) -> None:
        """Do the work in a thread, with its connection; `done` gets the result, or a Failure."""
        self._pool.start()
        run: Callable[..., Deferred[Any]] = self._pool.runWithConnection
        run(self._pool.do, ticket, work).addBoth(done)

    def probe(self) -> Deferred[Any]:
        """Try whether the server answers, with a connection of its own, outside the pool.

        The thread is its own, too: those of the reactor may all be busy, or wait for the same
        server, and the pool would not hear that it is back.
        """
        answer: Deferred[Any] = Deferred()

        def attempt() -> None:
            try:
                self._probe()
            except Exception as error:
                self._reactor.callFromThread(answer.errback, failure_of(error))
            else:
                self._reactor.callFromThread(answer.callback, None)

        threading.Thread(target=attempt, name="cyclone.sql", daemon=True).start()
        return answer

    def _probe(self) -> None:
        link = connected(self._driver)
        try:
            with link.limited(self._patience):
                perform(PING, self._driver, link)
        finally:
            link.close()

    def close(self, *, idle: bool) -> None:
        """End the threads and close the connections.

        Threads that are not `idle` are busy with something else than the server, which has been
        cut off: they end when that does, and nobody waits for them here.
        """
        if idle:
            self._pool.close()  # type: ignore[no-untyped-call]
            return
        end = threading.Thread(target=self._pool.finalClose, name="cyclone.sql", daemon=True)
        end.start()
