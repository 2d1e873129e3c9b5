"""cyclone.sqlite: on the calling thread, and on one of its own."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, gatherResults

from cyclone.outages import PoolTimeout, StoreTimeout, StoreUnavailable, is_outage
from cyclone.sqlite import InlineSQLite, ThreadedSQLite
from tests.plugins.reactor import run_on_reactor

TABLE = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)"
INSERT = "INSERT INTO item VALUES (?, ?)"
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "file.db")


@pytest.fixture
def inline(file: str) -> Iterator[Callable[..., InlineSQLite]]:
    with contextlib.ExitStack() as stack:

        def make(name: str = file, **options: Any) -> InlineSQLite:
            return stack.enter_context(contextlib.closing(InlineSQLite(name, **options)))

        yield make


def test_what_is_not_committed_is_seen_by_nobody_else(
    inline: Callable[..., InlineSQLite],
) -> None:
    first, second = inline(autoCommit=False), inline()
    first.runOperation(TABLE)
    first.commit()
    first.runOperation(INSERT, (1, "a"))
    assert second.runQuery("SELECT * FROM item") == []
    first.rollback()
    first.runOperation(INSERT, (2, "b"))
    first.commit()
    assert second.runQuery("SELECT * FROM item") == [(2, "b")]


def test_an_operation_that_fails_leaves_nothing_behind(
    inline: Callable[..., InlineSQLite],
) -> None:
    database = inline()
    database.runOperation(TABLE)
    with pytest.raises(sqlite3.IntegrityError):
        database.runOperationMany(INSERT, [(1, "a"), (2, "b"), (1, "c")])
    assert database.runQuery("SELECT * FROM item") == []
    assert not database.conn.in_transaction


def test_wal_and_busy_timeout(inline: Callable[..., InlineSQLite]) -> None:
    writing, other = inline(wal=True, autoCommit=False), inline(busy_timeout=0.01)
    assert other.runQuery("PRAGMA journal_mode") == [("wal",)]
    writing.runOperation(TABLE)
    writing.commit()
    writing.runOperation(INSERT, (1, "a"))
    assert other.runQuery("SELECT * FROM item") == []  # a reader does not wait
    with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
        other.runOperation(INSERT, (2, "b"))
    assert is_outage(caught.value), "503, where the method is database_safe"


def test_a_file_that_cannot_be_opened() -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open") as caught:
        InlineSQLite("/no/such/directory/file.db")
    assert is_outage(caught.value)


def test_something_that_is_no_database(file: str) -> None:
    Path(file).write_bytes(b"no database at all, and longer than a header of one" * 9)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        InlineSQLite(file, wal=True)


# --- the threaded twin ---------------------------------------------------------------------------


@pytest.fixture
def threaded(file: str) -> Iterator[Callable[..., ThreadedSQLite]]:
    made: list[ThreadedSQLite] = []

    def make(name: str = file, **options: Any) -> ThreadedSQLite:
        made.append(ThreadedSQLite(name, **options))
        return made[-1]

    yield make
    for one in made:
        run_on_reactor(one.close)


async def test_the_same_verbs_in_the_order_of_the_calls(
    threaded: Callable[..., ThreadedSQLite],
) -> None:
    database = threaded(autoCommit=False, wal=True)
    calls = [
        database.runOperation(TABLE),
        database.runOperationMany(INSERT, [(1, "a"), (2, "b")]),
        database.commit(),
        database.runOperation(INSERT, (3, "c")),
        database.rollback(),
        database.runQuery("SELECT * FROM item WHERE id > :least", {"least": 1}),
        database.ping(),
    ]
    results = await gatherResults(calls)
    assert results == [None, None, None, None, None, [(2, "b")], None]


async def test_mistakes_and_outages(threaded: Callable[..., ThreadedSQLite], file: str) -> None:
    database = threaded(busy_timeout=0.01)
    await database.runOperation(TABLE)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        await database.runQuery("SELECT * FROM nowhere")
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await database.runOperation(INSERT, (1, "a"))
    await database.runOperation(INSERT, (1, "a"))
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await threaded("/no/such/directory/file.db").ping()


async def test_a_statement_that_takes_too_long_is_interrupted(
    threaded: Callable[..., ThreadedSQLite],
) -> None:
    database = threaded(timeout=0.3)
    await database.ping()
    with pytest.raises(StoreTimeout, match=r"0\.3 s"):
        await database.runQuery(SLOW)
    await database.ping()
    running, waiting = database.runQuery(SLOW), database.runOperation(TABLE)
    waiting.cancel()
    running.cancel()
    for one in (running, waiting):
        with pytest.raises(CancelledError):
            await one
    assert await database.runQuery("SELECT * FROM sqlite_master") == []


async def test_calls_that_wait_are_bounded(threaded: Callable[..., ThreadedSQLite]) -> None:
    database = threaded(max_waiting=2, timeout=None)
    calls = [database.ping() for _ in range(3)]
    with pytest.raises(PoolTimeout, match="2 calls are waiting"):
        await database.ping()
    await gatherResults(calls)


async def test_auto_commit_is_an_attribute_of_the_twin_too(
    threaded: Callable[..., ThreadedSQLite],
) -> None:
    database = threaded()
    assert database.autoCommit
    committed = [database.runOperation(TABLE), database.runOperation(INSERT, (1, "a"))]
    database.autoCommit = False
    await gatherResults([*committed, database.runOperation(INSERT, (2, "b"))])
    await database.rollback()
    assert await database.runQuery("SELECT id FROM item") == [(1,)]


async def test_only_the_call_whose_time_is_over_is_interrupted(
    threaded: Callable[..., ThreadedSQLite], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reactor may not have heard yet that the thread is at the next one."""
    database = threaded(timeout=None)
    begun, hold = threading.Event(), threading.Event()
    plain = InlineSQLite.runQuery

    def runQuery(self: InlineSQLite, query: str) -> list[Any]:
        begun.set()
        hold.wait(5)
        return plain(self, query)

    first = database.runOperation(TABLE)
    monkeypatch.setattr(InlineSQLite, "runQuery", runQuery)
    second = database.runQuery("SELECT * FROM item")
    assert begun.wait(5)
    first.cancel()
    hold.set()
    with pytest.raises(CancelledError):
        await first
    assert await second == []
    # What is interrupted before it begins never does.
    begun.clear()
    hold.clear()
    third = database.runQuery(SLOW)
    assert begun.wait(5)
    third.cancel()
    hold.set()
    with pytest.raises(CancelledError):
        await third
    monkeypatch.undo()
    await database.ping()


async def test_closing_does_not_wait_for_ever(threaded: Callable[..., ThreadedSQLite]) -> None:
    database = threaded(timeout=None, close_timeout=0.1)
    running = database.runQuery(SLOW)
    closing, again = database.close(), database.close()
    with pytest.raises(StoreTimeout, match="closed"):
        await running
    assert await closing is await again is None


def test_one_that_was_never_asked_leaves_no_thread() -> None:
    before = threading.active_count()
    database = ThreadedSQLite()
    assert threading.active_count() == before
    run_on_reactor(database.close)


async def test_it_closes_with_its_service(file: str) -> None:
    before = threading.active_count()
    database = ThreadedSQLite(file)
    services: Any = MultiService()
    database.setServiceParent(services)
    services.startService()
    last = database.runOperation(TABLE)
    await services.stopService()
    assert await last is None
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.ping()
    await database.close()
    assert threading.active_count() == before


def test_the_end_of_the_reactor_ends_the_process(file: str) -> None:
    """Threads that nobody stops would keep it."""
    program = f"""
from twisted.internet import reactor
from cyclone import sql
from cyclone.sqlite import ThreadedSQLite
database, pool = ThreadedSQLite({file!r}, close_timeout=0.2), sql.connect("sqlite://")
def begun(_):
    for one in (database.runQuery({SLOW!r}), pool.runQuery({SLOW!r})):
        one.addErrback(lambda failure: None)
    reactor.callLater(0.1, reactor.stop)
database.ping().addCallback(lambda _: pool.ping()).addCallback(begun)
reactor.run()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
