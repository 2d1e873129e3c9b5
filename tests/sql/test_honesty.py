"""What is acknowledged has happened, and a connection that is of no use is not used again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, DeferredList, succeed
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread, deferToThread

from cyclone.sql import Pool, StoreUnavailable
from tests.plugins.reactor import global_reactor
from tests.sql.test_verbs import SLOW, placed

pytestmark = pytest.mark.xdist_group("databases")

Connect = Callable[..., Pool]


async def test_a_transaction_with_an_error_that_was_passed_over_is_not_acknowledged(
    postgresql_url: str, connect: Connect
) -> None:
    """PostgreSQL answers such a COMMIT by rolling back, and raises nothing."""
    pool = connect(postgresql_url, size=1)

    def careless(cursor: Any) -> str:
        cursor.execute("INSERT INTO item VALUES (1)")
        try:
            cursor.execute("SELECT 1 FROM nowhere")
        except Exception:
            return "done"
        return "never"

    def careful(connection: Any) -> str:
        with connection.transaction():
            connection.execute("INSERT INTO item VALUES (2)")
        try:
            with connection.transaction():
                connection.execute("SELECT 1 FROM nowhere")
        except Exception:
            return "done"
        return "never"

    with pytest.raises(Exception, match="nothing of it can be committed") as caught:
        await pool.runInteraction(careless)
    assert not isinstance(caught.value, StoreUnavailable)
    assert await pool.runWithConnection(careful) == "done"
    assert await pool.runQuery("SELECT id FROM item") == [(2,)]


@pytest.mark.parametrize("kind", ["coroutine", "Deferred"])
async def test_what_would_have_to_be_awaited_is_refused(
    any_url: str, connect: Connect, kind: str
) -> None:
    pool = connect(any_url, size=1)

    async def coroutine(cursor: Any) -> None:
        cursor.execute("INSERT INTO item VALUES (1)")

    def deferred(cursor: Any) -> Any:
        cursor.execute("INSERT INTO item VALUES (1)")
        return succeed(None)

    with pytest.raises(TypeError, match=f"awaited: a {kind}"):
        await pool.runInteraction({"coroutine": coroutine, "Deferred": deferred}[kind])
    assert await pool.runQuery("SELECT id FROM item") == []


async def test_rows_are_a_list(any_url: str, connect: Connect) -> None:
    pool = connect(any_url, size=1)
    assert await pool.runQuery("SELECT id FROM item") == []
    assert await pool.runQuery("SELECT 1") == [(1,)]


async def test_a_table_that_is_changed_by_somebody_else(any_url: str, connect: Connect) -> None:
    """PostgreSQL refuses prepared statements then, for as long as the connection lives."""
    first, second = connect(any_url, size=1), connect(any_url, size=1)
    await first.runOperation("INSERT INTO item VALUES (1)")
    for _ in range(8):
        assert await first.runQuery("SELECT * FROM item") == [(1,)]
    await second.runOperation("ALTER TABLE item ADD COLUMN extra INTEGER")
    assert await first.runQuery("SELECT * FROM item") == [(1, None)]
    assert await first.runQuery("SELECT * FROM item") == [(1, None)]


async def test_a_feature_that_is_not_there_stays_an_error(
    postgresql_url: str, connect: Connect
) -> None:
    pool = connect(postgresql_url, size=1)
    with pytest.raises(Exception, match="cross-database"):
        await pool.runQuery("SELECT 1 FROM elsewhere.public.item")


async def test_a_connection_that_was_closed_by_a_function(any_url: str, connect: Connect) -> None:
    pool = connect(any_url, size=1)
    with pytest.raises(StoreUnavailable):
        await pool.runWithConnection(lambda connection: connection.close())
    assert await pool.runQuery("SELECT 1") == [(1,)]


@pytest.mark.parametrize("direction", ["TO STDOUT", "FROM STDIN"])
async def test_a_mistake_that_costs_the_connection_is_no_outage(
    postgresql_url: str, connect: Connect, direction: str
) -> None:
    """A connection that is left in the midst of a COPY cannot be rolled back."""
    pool = connect(postgresql_url, size=1)
    with pytest.raises(pool.dbapi.ProgrammingError, match="COPY"):
        await pool.runQuery(f"COPY item {direction}")
    assert await pool.runQuery("SELECT 1") == [(1,)]


async def test_mistakes_in_transactions_are_no_outages(any_url: str, connect: Connect) -> None:
    """Deadlocks, conflicts and constraints: whoever asked has to know, and may ask again."""
    pool = connect(any_url, size=2)
    insert = placed(pool, "INSERT INTO item VALUES (?)")
    await pool.runOperationMany(insert, [(1,), (2,)])
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        await pool.runInteraction(lambda cursor: cursor.execute(insert, (1,)))
    if any_url.startswith("sqlite"):
        return
    both = threading.Barrier(2, timeout=10)

    def crossing(cursor: Any, first: int, second: int) -> None:
        lock = placed(pool, "SELECT id FROM item WHERE id = ? FOR UPDATE")
        cursor.execute(lock, (first,))
        both.wait()
        cursor.execute(lock, (second,))

    calls = [pool.runInteraction(crossing, 1, 2), pool.runInteraction(crossing, 2, 1)]
    results = await DeferredList(calls, consumeErrors=True)
    ((_, failure),) = [one for one in results if not one[0]]
    assert "deadlock" in str(failure.value).lower()
    assert not isinstance(failure.value, StoreUnavailable)
    assert (pool.state, pool.describe()["in_use"]) == ("up", 0)
    if any_url.startswith("postgresql"):
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"
        assert await pool.runQuery(idle.replace("%%", "%")) == [(0,)]


async def test_a_call_from_another_thread_is_refused(any_url: str, connect: Connect) -> None:
    pool = connect(any_url, size=1)
    with pytest.raises(RuntimeError, match="blockingCallFromThread"):
        await deferToThread(pool.runQuery, "SELECT 1")
    reactor = global_reactor()
    found = deferToThread(blockingCallFromThread, reactor, pool.runQuery, "SELECT 1")
    assert await found == [(1,)]


async def test_a_statement_of_sqlite_that_is_unwanted_before_it_begins(
    sqlite_url: str, connect: Connect
) -> None:
    pool = connect(sqlite_url, size=1, timeout=None)
    begun, hold = threading.Event(), threading.Event()

    def late(cursor: Any) -> None:
        begun.set()
        hold.wait(10)
        cursor.execute(SLOW["sqlite"])

    running = pool.runInteraction(late)
    while not begun.is_set():
        await deferLater(global_reactor(), 0.005)
    running.cancel()
    hold.set()
    with pytest.raises(CancelledError):
        await running
    assert await pool.runQuery("SELECT 1") == [(1,)]
