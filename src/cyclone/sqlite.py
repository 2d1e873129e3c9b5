"""SQLite, on the calling thread or on one of its own.

`InlineSQLite` is cyclone 1.x's: each call runs its statement there and then, in the thread of the
reactor, which does nothing else meanwhile.  That is right for small databases on the local disk,
whose statements take microseconds; one that takes long, or waits for the lock of another process,
holds up every client.  `ThreadedSQLite` has the same verbs, and returns Deferreds: one thread, one
connection, statements in the order of the calls.

For several connections to one file, see `cyclone.sql` (``sqlite:///file``).
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from cyclone._async import exception_of, failure_of
from cyclone.outages import PoolTimeout, StoreTimeout, StoreUnavailable

__all__ = ["InlineSQLite", "SQLiteUnavailable", "ThreadedSQLite"]

#: What SQLite says when the file cannot be had, or not now.
_AWAY = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    )
)

#: A statement looks whether it is still wanted each time it has done so many of SQLite's steps.
_LOOK = 10_000


class SQLiteUnavailable(StoreUnavailable, sqlite3.OperationalError):
    """The file is locked, or cannot be used at present.

    `InlineSQLite` raises it: an outage for ``database_safe``, and still what applications for
    cyclone 1.x expect.
    """


class InlineSQLite:
    """A connection to SQLite whose statements run on the calling thread (cyclone 1.x).

    Args:
        dbname: path of the file; by default the database is in memory.
        autoCommit: commit after each operation.  Otherwise a transaction begins with the first
            that changes something, and ends with `commit` or `rollback`.
        wal: write-ahead log: readers, of other processes as well, and a writer do not wait for
            each other.
        busy_timeout: seconds to wait for the lock of another connection; the calling thread waits.

    Attributes:
        autoCommit: may be changed at any time.
        conn: the `sqlite3.Connection`.
        curs: its cursor, of cyclone 1.x.

    Raises:
        SQLiteUnavailable: the file cannot be opened, or a statement cannot be run now.
        sqlite3.Error: a statement is wrong.
    """

    def __init__(
        self,
        dbname: str = ":memory:",
        autoCommit: bool = True,
        *,
        wal: bool = False,
        busy_timeout: float = 5.0,
    ) -> None:
        self.autoCommit = autoCommit
        with _outages_named():
            self.conn = sqlite3.connect(dbname, timeout=busy_timeout, check_same_thread=False)
            try:
                if wal:
                    self.conn.execute("PRAGMA journal_mode=WAL")
                    self.conn.execute("PRAGMA synchronous=NORMAL")
                self.curs = self.conn.cursor()
            except BaseException:
                self.conn.close()
                raise

    def runQuery(self, query: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Run a statement and return its rows.

        Args:
            args: one sequence or mapping, for the statement's placeholders (``?`` or ``:name``).
        """
        with self._finishing():
            return list(self.curs.execute(query, *args, **kwargs))

    def runOperation(self, command: str, *args: Any, **kwargs: Any) -> None:
        """Run a statement that returns nothing; with `autoCommit`, commit it."""
        with self._finishing():
            self.curs.execute(command, *args, **kwargs)

    def runOperationMany(self, command: str, *args: Any, **kwargs: Any) -> None:
        """Run a statement once for each of several rows of parameters; all or none.

        Args:
            args: an iterable of sequences or mappings.
        """
        with self._finishing():
            self.curs.executemany(command, *args, **kwargs)

    @contextlib.contextmanager
    def _finishing(self) -> Iterator[None]:
        with _outages_named():
            try:
                yield
            except BaseException:
                if self.autoCommit:
                    self.conn.rollback()
                raise
            if self.autoCommit and self.conn.in_transaction:
                self.conn.commit()

    def commit(self) -> None:
        """Make what was done since the last commit last."""
        with _outages_named():
            self.conn.commit()

    def rollback(self) -> None:
        """Take back what was done since the last commit."""
        self.conn.rollback()

    def close(self) -> None:
        """Close the connection; what is not committed is lost.  May be called again."""
        self.conn.close()


class _Call(threading.Event):
    """A call; set when nobody waits for it any more."""


class ThreadedSQLite(Service):
    """The verbs of `InlineSQLite`, in one thread of their own; each returns a Deferred.

    Calls are done one after the other, in their order.  A Deferred fails with `StoreTimeout` when
    its call has not ended in time (a statement that runs is interrupted), with `PoolTimeout` when
    too many wait, with `StoreUnavailable` when the file is locked or cannot be used, and with what
    `sqlite3` raises when the statement is wrong; one that is cancelled is not done, or is
    interrupted.  The thread starts with the first call.  Closed by `close`, `stopService`, and the
    end of the reactor.

    Args:
        dbname, autoCommit, wal, busy_timeout: as of `InlineSQLite`.
        timeout: seconds from a call to its end, waiting included; None for no limit.
        max_waiting: calls that may wait.
        close_timeout: seconds that `close` waits for calls; those left then are interrupted.
        reactor: default: the one that runs.

    Attributes:
        autoCommit: of the calls that follow.
    """

    def __init__(
        self,
        dbname: str = ":memory:",
        autoCommit: bool = True,
        *,
        wal: bool = False,
        busy_timeout: float = 5.0,
        timeout: float | None = 15.0,
        max_waiting: int = 1000,
        close_timeout: float = 5.0,
        reactor: Any = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.autoCommit = autoCommit
        self._reactor: Any = reactor
        self._timeout = timeout
        self._max_waiting = max_waiting
        self._close_timeout = close_timeout
        self._calls: dict[_Call, Deferred[Any]] = {}
        self._running = _Call()  # in the thread
        self._closed: Deferred[None] | None = None
        self._inner: InlineSQLite | None = None
        self._open: Callable[[], InlineSQLite] = functools.partial(
            InlineSQLite, dbname, autoCommit, wal=wal, busy_timeout=busy_timeout
        )
        self._pool = ThreadPool(1, 1, name="cyclone.sqlite")
        self._trigger: Any = self._reactor.addSystemEventTrigger("during", "shutdown", self._ends)

    def runQuery(self, query: str, *args: Any, **kwargs: Any) -> Deferred[list[Any]]:
        """See `InlineSQLite.runQuery`."""
        return self._submit(lambda inner: inner.runQuery(query, *args, **kwargs))

    def runOperation(self, command: str, *args: Any, **kwargs: Any) -> Deferred[None]:
        """See `InlineSQLite.runOperation`."""
        return self._submit(lambda inner: inner.runOperation(command, *args, **kwargs))

    def runOperationMany(self, command: str, rows: Iterable[Any]) -> Deferred[None]:
        """See `InlineSQLite.runOperationMany`."""
        parameters = list(rows)
        return self._submit(lambda inner: inner.runOperationMany(command, parameters))

    def commit(self) -> Deferred[None]:
        """See `InlineSQLite.commit`."""
        return self._submit(lambda inner: inner.commit())

    def rollback(self) -> Deferred[None]:
        """See `InlineSQLite.rollback`."""
        return self._submit(lambda inner: inner.rollback())

    def ping(self) -> Deferred[None]:
        """Whether the database can be asked: for `cyclone.storage.ReadinessHandler`."""
        answer: Deferred[Any] = self.runQuery("SELECT 1")
        return answer.addCallback(lambda rows: None)

    # -- a call's way

    def _submit(self, work: Callable[[InlineSQLite], Any]) -> Deferred[Any]:
        if self._closed is not None:
            return fail(StoreUnavailable("the database is closed"))
        if len(self._calls) > self._max_waiting:
            return fail(PoolTimeout(f"{self._max_waiting} calls are waiting already"))
        if not self._pool.started:
            self._pool.start()
        call, auto_commit = _Call(), self.autoCommit

        def in_thread() -> Any:
            return self._do(work, call, auto_commit)

        running = deferToThreadPool(self._reactor, self._pool, in_thread)
        answer: Deferred[Any] = Deferred(lambda _: call.set())
        timer = None
        if self._timeout is not None:
            message = f"not done within {self._timeout:g} s"
            timer = self._reactor.callLater(self._timeout, self._expire, call, message)

        def done(result: Any) -> None:
            del self._calls[call]
            if timer is not None and timer.active():
                timer.cancel()
            if not answer.called:
                answer.callback(result)

        self._calls[call] = answer
        running.addErrback(lambda failure: failure_of(_outage(exception_of(failure))))
        running.addBoth(done)
        return answer

    def _expire(self, call: _Call, why: str) -> None:
        call.set()
        answer = self._calls[call]
        if not answer.called:
            answer.errback(StoreTimeout(why))

    def _do(self, work: Callable[[InlineSQLite], Any], call: _Call, auto_commit: bool) -> Any:
        """In the thread."""
        if call.is_set():
            return None
        self._running = call
        if self._inner is None:
            self._inner = self._open()
            self._inner.conn.set_progress_handler(lambda: self._running.is_set(), _LOOK)
        self._inner.autoCommit = auto_commit
        return work(self._inner)

    # -- the end

    def stopService(self) -> Deferred[None]:
        """Close with the service."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self.close()

    def close(self) -> Deferred[None]:
        """Take no more calls, do those that wait, close.  May be called again."""
        answer: Deferred[None] = Deferred(lambda _: None)
        if self._closed is None:
            self._closed = self._end()
        self._closed.addCallback(lambda _: None if answer.called else answer.callback(None))
        return answer

    def _end(self) -> Deferred[None]:
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        if not self._pool.started:
            return succeed(None)
        late = self._reactor.callLater(self._close_timeout, self._cut_off)

        def closed(result: Any) -> None:
            if late.active():
                late.cancel()
            self._pool.stop()

        return deferToThreadPool(self._reactor, self._pool, self._close).addBoth(closed)

    def _cut_off(self) -> None:
        for call in list(self._calls):
            self._expire(call, "the database is closed")

    def _ends(self) -> None:
        """The reactor ends, and waits for nothing that is said here: the thread is waited for."""
        self._trigger = None
        if self._closed is not None or not self._pool.started:
            self.close()
            return
        self._closed = succeed(None)

        def interrupt() -> None:
            for call in [*self._calls]:
                call.set()

        late = threading.Timer(self._close_timeout, interrupt)
        late.daemon = True
        late.start()
        self._pool.callInThread(self._close)
        self._pool.stop()
        late.cancel()

    def _close(self) -> None:
        if self._inner is not None:
            self._inner.close()


def _code(error: BaseException) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


@contextlib.contextmanager
def _outages_named() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if _code(error) not in _AWAY:
            raise
        raise SQLiteUnavailable(str(error)) from error


def _outage(error: BaseException) -> BaseException:
    """The error itself, or what says that the call has taken too long."""
    if _code(error) != sqlite3.SQLITE_INTERRUPT:
        return error
    outage = StoreTimeout(f"{type(error).__name__}: {error}")
    outage.__cause__ = error
    return outage
