"""Pools: calls wait their turn, end in time, and learn at once that a server is away.

A pool is *up* until a new connection to its server fails.  Then it is *down*: calls fail at once,
and one attempt after the other is made to reach the server, with pauses that grow and are never the
same.  The first that succeeds brings the pool up again.  A call that fails because its connection
did, or whose time is over, starts such an attempt.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from importlib import import_module
from threading import get_ident
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python import threadable
from twisted.python.failure import Failure

from cyclone._async import failure_of
from cyclone.log import gen_log
from cyclone.outages import Backoff, PoolTimeout, StoreTimeout, StoreUnavailable

from .links import Driver, Ticket
from .settings import PoolSettings
from .tasks import Tasks
from .threads import Threads
from .urls import Target
from .work import PING, Statement, Work, many, transaction

__all__ = ["Pool"]

#: An attempt to connect that takes longer than so many seconds does not keep callers hoping.
_HOPE = 1.0
#: What is left of a closing pool after its connections have been cut gets so many seconds.
_LAST = 1.0


class Engine(Protocol):
    """What does the work of a pool."""

    def run(self, ticket: Ticket, work: Work, done: Callable[[Any], None]) -> None:
        """Do it; `done` gets the result, or a Failure."""

    def probe(self) -> Deferred[Any]:
        """Try to reach the server by a new connection."""

    def close(self, *, idle: bool) -> None:
        """End; `idle`: nothing is under way."""


class _Call:
    """A call from beginning to end."""

    __slots__ = ("context", "deadline", "deferred", "done", "due", "ticket", "work")

    def __init__(self, work: Work, deadline: float) -> None:
        self.work = work
        self.deadline = deadline  # of the result
        self.due = deadline  # of what comes next: the result, or a connection
        self.ticket = Ticket()
        self.context = copy_context()  # of who calls; a call that waits is started by another
        self.deferred: Deferred[Any] | None = None
        self.done = False

    def finish(self, result: Any) -> None:
        """Hand the result to who called, unless that has happened."""
        if self.done or self.deferred is None:
            return
        self.done = True
        if isinstance(result, Failure):
            self.deferred.errback(result)
        else:
            self.deferred.callback(result)


class Pool(Service):
    """Connections to a database, shared by all that run in a process.

    Made by `cyclone.sql.connect`.  Connections are opened when they are needed, so a pool can be
    made while its server is away.  It is closed by `close`, by `stopService`, and when the reactor
    ends, after the services have stopped.

    Statements have the placeholders of the driver: ``%s`` (PostgreSQL, MySQL) or ``?`` (SQLite).
    Each method returns a Deferred, which may be awaited, and fails with `StoreUnavailable` (or
    one of its kinds, `StoreTimeout` and `PoolTimeout`) when the server is away; errors that are
    the statement's own come as the driver raises them.  A Deferred that is cancelled cuts the
    connection of its call.

    Attributes:
        settings: the `PoolSettings`.
        target: the place of the database, without password.
        dbapi: the driver's module (DB-API 2.0), which has the classes of its errors, as adbapi's.
        state: ``"up"``, ``"down"`` or ``"closed"``.
    """

    def __init__(
        self, target: Target, driver: Driver, settings: PoolSettings, reactor: Any
    ) -> None:
        self.target = str(target)
        self.settings = settings
        self.dbapi = import_module(driver.dbapi)
        self.state = "up"
        self.size = min(settings.size, driver.most or settings.size)
        self._driver = driver
        self._reactor = reactor
        self._engine: Engine | None = None
        self._running: set[_Call] = set()
        self._waiting: deque[_Call] = deque()
        self._backoff = Backoff(settings.retry_first, settings.retry_most)
        self._probing = False
        self._successes = 0
        self._retry: Any = None
        self._reason = ""
        self._closed: Deferred[None] | None = None
        self._cut: Any = None
        self._timer: Any = None
        self._timer_due = math.inf
        self._trigger = reactor.addSystemEventTrigger("during", "shutdown", self._reactor_ends)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.target} {self.state}>"

    # -- the verbs

    def runQuery(self, sql: Any, *parameters: Any) -> Deferred[Any]:
        """Run a statement; its rows are the result, a list.

        Args:
            sql: the statement.
            parameters: one sequence or mapping, for its placeholders.
        """
        return self._submit(Statement(sql, parameters, rows=True))

    def runOperation(self, sql: Any, *parameters: Any) -> Deferred[None]:
        """Run a statement; the result is None."""
        return self._submit(Statement(sql, parameters))

    def runOperationMany(self, sql: Any, rows: Iterable[Any]) -> Deferred[None]:
        """Run a statement once for each of `rows`, in one transaction; the result is None."""
        return self._submit(many(sql, list(rows)))

    def runInteraction(
        self, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Deferred[Any]:
        """Call ``function(cursor, ...)`` in a thread and a transaction.

        What it returns is the result, once the transaction is committed.  If it raises, the
        transaction is rolled back.  It may block, and must not touch what belongs to the reactor.
        """
        return self._submit(transaction(function, args, kwargs, whole=False))

    def runWithConnection(
        self, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Deferred[Any]:
        """The same with the driver's connection in place of a cursor."""
        return self._submit(transaction(function, args, kwargs, whole=True))

    def ping(self) -> Deferred[None]:
        """Ask the server whether it answers.  Fires with None, or fails with what is wrong."""
        answer: Deferred[Any] = self._submit(PING)
        return answer.addCallback(lambda rows: None)

    def describe(self) -> dict[str, Any]:
        """What a monitor may show: state, size, calls that run and that wait."""
        return {
            "state": self.state,
            "size": self.size,
            "in_use": len(self._running),
            "waiting": len(self._waiting),
        }

    # -- a call's way

    def _submit(self, work: Work) -> Deferred[Any]:
        if threadable.ioThread not in (None, get_ident()):
            raise RuntimeError(
                "a pool is used in the thread of the reactor alone; from another one call "
                "twisted.internet.threads.blockingCallFromThread(reactor, pool.runQuery, ...)"
            )
        if self._closed is not None:
            return fail(StoreUnavailable(f"{self!r}: the pool is closed"))
        if self.state == "down":
            return fail(self._away())
        now = self._reactor.seconds()
        call = _Call(work, now + (self.settings.timeout or math.inf))
        call.deferred = Deferred(lambda _: self._cancelled(call))
        if len(self._running) < self.size:
            self._start(call)
        elif len(self._waiting) >= self.settings.max_waiting:
            return fail(self._exhausted(f"{len(self._waiting)} calls are waiting already"))
        else:
            call.due = min(call.deadline, now + (self.settings.wait_timeout or math.inf))
            self._waiting.append(call)
        self._watch(call.due, now)
        return call.deferred

    def _watch(self, due: float, now: float) -> None:
        """Have what is due looked after.  One timer does for all calls."""
        if due == math.inf or (self._timer is not None and self._timer_due <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.callLater(max(0.0, due - now), self._look)
        self._timer_due = due

    def _look(self) -> None:
        self._timer = None
        now = self._reactor.seconds()
        for call in [one for one in self._waiting if one.due <= now]:
            self._waiting.remove(call)
            call.finish(failure_of(self._exhausted("no connection became free in time")))
        for call in [one for one in self._running if one.due <= now and not one.done]:
            self._too_late(call)
        left = [one.due for one in (*self._waiting, *self._running) if not one.done]
        if left:
            self._watch(min(left), now)

    def _stop_watching(self) -> None:
        if self._timer is not None and not self._running and not self._waiting:
            self._timer.cancel()
            self._timer = None

    def _exhausted(self, why: str) -> PoolTimeout:
        return PoolTimeout(f"{self.target}: {why} (size {self.size})", retry_after=1.0)

    def _start(self, call: _Call) -> None:
        call.due = call.deadline
        self._running.add(call)
        self._use().run(call.ticket, call.work, partial(self._ended, call))

    def _ended(self, call: _Call, result: Any) -> None:
        """The engine is done with a call, and has its connection back."""
        self._running.discard(call)
        if not isinstance(result, Failure):
            self._successes += 1
        elif isinstance(result.value, StoreUnavailable) and not call.done:
            self._suspect(str(result.value))
        call.finish(result)
        self._next()

    def _next(self) -> None:
        while self._waiting and len(self._running) < self.size:
            call = self._waiting.popleft()
            call.context.run(self._start, call)
        self._stop_watching()
        if self._closed is not None and not self._running:
            self._all_done()

    def _too_late(self, call: _Call) -> None:
        call.ticket.expire()
        message = f"{self.target}: no answer within {self.settings.timeout:g} s"
        call.finish(failure_of(StoreTimeout(message, retry_after=self.settings.retry_most)))
        self._suspect("a call took too long")

    def _cancelled(self, call: _Call) -> None:
        if call in self._running:
            call.ticket.expire()
        elif call in self._waiting:
            self._waiting.remove(call)
            self._stop_watching()
        call.finish(failure_of(CancelledError()))

    def _use(self) -> Engine:
        if self._engine is None:
            self._engine = self._make_engine()
        return self._engine

    def _make_engine(self) -> Engine:
        def threads() -> Threads:
            return Threads(self._driver, self.settings, self.size, self._reactor)

        if self._driver.asynchronous and self.settings.asynchronous is not False:
            if isinstance(self._reactor, AsyncioSelectorReactor):
                return Tasks(self._driver, self.settings, threads)
            if self.settings.asynchronous:
                gen_log.warning("%r: the reactor has no asyncio loop; threads are used", self)
        return threads()

    # -- up and down

    def _suspect(self, reason: str) -> None:
        """Something went wrong with a connection: is the server still there?"""
        if not self._probing and self._retry is None and self._closed is None:
            self._probe(reason)

    def _probe(self, reason: str) -> None:
        self._retry = None
        self._probing = True
        began, successes = self._reactor.seconds(), self._successes
        self._reason = reason
        hope = self._reactor.callLater(_HOPE, self._down, successes)

        def ended(result: Any) -> None:
            self._probing = False
            if hope.active():
                hope.cancel()
            if self._closed is not None:
                self._next()
            elif not isinstance(result, Failure):
                self._up()
            else:
                self._reason = str(result.value)
                self._down(successes)
                if self.state == "down":
                    # Counted from the beginning: one that took long has been pause enough.
                    pause = began + self._backoff.pause() - self._reactor.seconds()
                    self._retry = self._reactor.callLater(
                        max(0.0, pause), self._probe, self._reason
                    )

        self._use().probe().addBoth(ended)

    def _up(self) -> None:
        self._backoff.reset()
        if self.state == "down":
            self.state = "up"
            gen_log.info("%s is back", self.target)

    def _down(self, successes: int) -> None:
        # A server with no room for one more connection may still serve those that it has.
        if self.state != "up" or self._successes != successes:
            return
        self.state = "down"
        gen_log.warning("%s is away: %s", self.target, self._reason)
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            call.finish(failure_of(self._away()))
        self._stop_watching()

    def _away(self) -> StoreUnavailable:
        message = f"{self.target} is away: {self._reason}"
        return StoreUnavailable(message, retry_after=self.settings.retry_most)

    # -- the end

    def stopService(self) -> Deferred[None]:
        """Close the pool with the service it is."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self.close()

    def close(self) -> Deferred[None]:
        """Take no more calls, let those under way end, close the connections.

        After ``close_timeout`` what still runs is cut.  Fires when that is done; calling it again
        is harmless.
        """
        if self._closed is not None:
            return _copy(self._closed)
        self._closed = Deferred()
        done = _copy(self._closed)
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._retry = None
        self._cut = self._reactor.callLater(self.settings.close_timeout, self._cut_all)
        self._next()
        return done

    def _reactor_ends(self) -> None:
        """Services have stopped, and the reactor waits for nothing that is said here."""
        self._trigger = None
        self.close()
        if self.state != "closed" and self._cut is not None:
            if self._cut.active():
                self._cut.cancel()
            for call in self._running:
                call.ticket.expire()
            self._all_done()

    def _cut_all(self) -> None:
        for call in self._running:
            call.ticket.expire()
        self._cut = self._reactor.callLater(_LAST, self._all_done)

    def _all_done(self) -> None:
        if self.state == "closed" or (self._probing and self._cut.active()):
            return
        self.state = "closed"
        idle = not self._running
        if self._cut.active():
            self._cut.cancel()
        for call in [*self._waiting, *self._running]:
            call.finish(failure_of(StoreUnavailable(f"{self!r}: the pool is closed")))
        self._waiting.clear()
        self._running.clear()
        self._stop_watching()
        if self._engine is not None:
            self._engine.close(idle=idle)
        if self._closed is not None:
            self._closed.callback(None)


def _copy(source: Deferred[None]) -> Deferred[None]:
    """A Deferred of one's own that fires with another, and may be cancelled."""
    if source.called:
        return succeed(None)
    copy: Deferred[None] = Deferred(lambda _: None)

    def relay(result: Any) -> Any:
        if not copy.called:
            copy.callback(None)
        return result

    source.addCallback(relay)
    return copy
