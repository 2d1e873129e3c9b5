"""The verbs of pools, on every kind of database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import deferLater

from cyclone import sql
from cyclone.sql import Pool, StoreTimeout, StoreUnavailable, URLError
from tests.plugins.reactor import global_reactor

pytestmark = pytest.mark.xdist_group("databases")

Connect = Callable[..., Pool]


def placed(pool: Pool, statement: str) -> str:
    """A statement with the placeholders of the pool's driver."""
    return statement if pool.target.startswith("sqlite") else statement.replace("?", "%s")


async def test_statements(any_url: str, connect: Connect) -> None:
    pool = connect(any_url, size=3)
    assert await pool.runOperation(placed(pool, "INSERT INTO item VALUES (?)"), (1,)) is None
    rows = [(2,), (3,)]
    assert await pool.runOperationMany(placed(pool, "INSERT INTO item VALUES (?)"), rows) is None
    found = await pool.runQuery(placed(pool, "SELECT id FROM item WHERE id > ? ORDER BY id"), (1,))
    assert [tuple(row) for row in found] == [(2,), (3,)]
    assert list(await pool.runQuery("DELETE FROM item")) == []
    assert await pool.ping() is None
    assert pool.describe() == {"state": "up", "size": 3, "in_use": 0, "waiting": 0}


async def test_rows_as_dicts(any_url: str, connect: Connect) -> None:
    pool = connect(any_url, dict_rows=True)
    await pool.runOperation("INSERT INTO item VALUES (7)")
    assert list(await pool.runQuery("SELECT id, id + 1 AS next FROM item")) == [
        {"id": 7, "next": 8}
    ]

    def first(cursor: Any) -> Any:
        cursor.execute("SELECT id FROM item")
        return cursor.fetchone()

    assert await pool.runInteraction(first) == {"id": 7}


async def test_transactions(any_url: str, connect: Connect) -> None:
    pool = connect(any_url, size=1)
    insert = placed(pool, "INSERT INTO item VALUES (?)")

    def add(cursor: Any, *numbers: int, wrong: bool = False) -> int:
        for number in numbers:
            cursor.execute(insert, (number,))
        if wrong:
            raise KeyError("wrong")
        return len(numbers)

    assert await pool.runInteraction(add, 1, 2) == 2
    with pytest.raises(KeyError):
        await pool.runInteraction(add, 3, wrong=True)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        await pool.runOperationMany(insert, [(4,), (1,)])

    def count(connection: Any) -> int:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM item")
        (number,) = cursor.fetchone()
        return int(number)

    assert await pool.runWithConnection(count) == 2
    await pool.runOperation(insert, (5,))
    assert await pool.runWithConnection(count) == 3


async def test_mistakes_come_as_the_driver_says_and_change_nothing(
    any_url: str, connect: Connect
) -> None:
    pool = connect(any_url, size=1)
    for _ in range(2):
        with pytest.raises(Exception, match="nowhere") as caught:
            await pool.runQuery("SELECT 1 FROM nowhere")
        assert not isinstance(caught.value, StoreUnavailable)
    assert pool.state == "up"
    await pool.ping()


async def test_a_transaction_that_a_statement_leaves_open_is_rolled_back(
    any_url: str, connect: Connect
) -> None:
    pool = connect(any_url, size=1)
    await pool.runOperation("BEGIN")
    await pool.runOperation("INSERT INTO item VALUES (1)")
    await pool.runOperation("BEGIN")
    assert len(await pool.runQuery("SELECT id FROM item")) == 1


async def answering(pool: Pool) -> None:
    """Wait until the pool answers: on a busy machine that may take longer than a call may."""
    while True:
        try:
            return await pool.ping()
        except StoreUnavailable:
            await deferLater(global_reactor(), 0.01)


SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(20)",
    "mysql": "SELECT sleep(20)",
}


@pytest.mark.parametrize("limit", ["timeout", "statement_timeout", "cancel"])
async def test_no_statement_takes_longer_than_it_may(
    any_url: str, connect: Connect, limit: str
) -> None:
    kind = "mysql" if any_url.startswith("maria") else any_url.partition(":")[0]
    if kind == "sqlite" and limit == "statement_timeout":
        pytest.skip("SQLite has no server: the other limit is the only one")
    times: dict[str, Any] = {"timeout": None, "statement_timeout": None, limit: 0.4}
    times.pop("cancel", None)
    pool = connect(any_url, size=1, **times)
    await answering(pool)
    running = pool.runQuery(SLOW[kind])
    if limit == "cancel":
        running.cancel()
    with pytest.raises(CancelledError if limit == "cancel" else StoreTimeout):
        await running
    await answering(pool)
    await pool.close()


async def test_calls_wait_for_connections(any_url: str, connect: Connect) -> None:
    pool = connect(any_url, size=2)
    answers = [pool.runQuery("SELECT 1") for _ in range(20)]
    assert pool.describe()["waiting"] == 18
    assert [list(map(tuple, rows)) for rows in await gatherResults(answers)] == [[(1,)]] * 20


async def test_a_closed_pool_ends_what_runs_and_takes_no_more(
    any_url: str, connect: Connect
) -> None:
    pool = connect(any_url, size=1)
    first, second = pool.runQuery("SELECT 1"), pool.runQuery("SELECT 2")
    closing, again = pool.close(), pool.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await pool.runQuery("SELECT 3")
    assert [tuple(row) for row in await first] == [(1,)]
    assert [tuple(row) for row in await second] == [(2,)]
    await closing
    await again
    await pool.stopService()
    assert pool.state == "closed"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://host/x?nosuch=1", "options: .*nosuch"),
        ("postgresql://host/x?prepare_threshold=x", "prepare_threshold"),
        ("mysql://host/x?nosuch=1", "options: 'nosuch' is unknown; there are: charset"),
        ("mysql://host/x?charset=nosuch", "options: .*nosuch"),
        ("mysql://host/x?ssl=maybe", "ssl must be true or false"),
        ("mysql://host/x?ssl_ca=/no/such/file", "files of TLS"),
        ("sqlite:///x?nosuch=1", "options: 'nosuch' is unknown; there are: busy_timeout"),
        ("sqlite:///x?wal=maybe", "wal must be one of true, false"),
        ("sqlite:///x?busy_timeout=long", "busy_timeout must be a number"),
    ],
)
def test_options_that_no_driver_knows(url: str, message: str) -> None:
    with pytest.raises(URLError, match=message):
        sql.connect(url)


def test_a_url_is_text() -> None:
    with pytest.raises(TypeError, match="bytes"):
        sql.connect(b"sqlite://")  # type: ignore[arg-type]


async def test_sqlite_in_memory_is_one_database(connect: Connect) -> None:
    pool = connect("sqlite://?foreign_keys=true", size=5)
    assert pool.size == 1
    await pool.runOperation(TABLE)
    await gatherResults([pool.runOperation("INSERT INTO item VALUES (NULL)") for _ in range(5)])
    assert await pool.runQuery("SELECT count(*) FROM item") == [(5,)]


TABLE = "CREATE TABLE item (id INTEGER PRIMARY KEY)"


async def test_sqlite_options(sqlite_url: str, connect: Connect) -> None:
    writing = connect(f"{sqlite_url}?wal=true&begin=exclusive")
    assert await writing.runQuery("PRAGMA journal_mode") == [("wal",)]
    reading = connect(f"{sqlite_url}?mode=ro")
    with pytest.raises(Exception, match="readonly"):
        await reading.runOperation("INSERT INTO item VALUES (1)")


async def test_sqlite_locked_by_another_is_an_outage(sqlite_url: str, connect: Connect) -> None:
    first, second = connect(sqlite_url), connect(f"{sqlite_url}?busy_timeout=0.01")

    def locked(cursor: Any) -> None:
        cursor.execute("INSERT INTO item VALUES (1)")
        result.append(second_outcome())

    result: list[Any] = []

    def second_outcome() -> type[BaseException]:
        import threading

        done, seen = threading.Event(), []

        def ended(failure: Any) -> None:
            seen.append(failure.type)
            done.set()

        def start() -> None:
            second.runOperation("INSERT INTO item VALUES (2)").addErrback(ended)

        global_reactor().callFromThread(start)
        done.wait(5)
        return seen[0]

    await first.runInteraction(locked)
    assert result == [StoreUnavailable]


async def test_a_file_that_cannot_be_opened_is_an_outage(connect: Connect) -> None:
    pool = connect("sqlite:////no/such/directory/file.db")
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await pool.ping()
    await pool.close()


@pytest.mark.parametrize("options", ["ssl_ca={ca}", "ssl_ca={ca}&unix_socket={socket}"])
async def test_mysql_over_tls_and_over_a_unix_socket(
    mysql_url: str, mariadb: Any, connect: Connect, options: str
) -> None:
    over = options.format(ca=mariadb.directory / "ca.pem", socket=mariadb.directory / "socket")
    pool = connect(f"{mysql_url}?{over}")
    ((_, cipher),) = await pool.runQuery("SHOW STATUS LIKE 'Ssl_cipher'")
    assert cipher


@pytest.mark.parametrize(("options", "encrypted"), [("", True), ("?ssl=false", False)])
async def test_mysql_over_tls_where_the_server_has_it(
    mysql_url: str, connect: Connect, options: str, encrypted: bool
) -> None:
    pool = connect(f"{mysql_url}{options}", size=1)
    ((_, cipher),) = await pool.runQuery("SHOW STATUS LIKE 'Ssl_cipher'")
    assert bool(cipher) is encrypted


async def test_mysql_s_certificate_is_verified(mysql_url: str, connect: Connect) -> None:
    pool = connect(f"{mysql_url}?ssl=true")
    with pytest.raises(StoreUnavailable, match=r"(?i)certificate"):
        await pool.ping()
    await pool.close()


async def test_a_unix_socket_that_is_not_there(connect: Connect) -> None:
    pool = connect("mysql:///x?unix_socket=/no/such/socket&ssl=false", connect_timeout=0)
    with pytest.raises(StoreUnavailable, match="cannot connect"):
        await pool.ping()
    await pool.close()


async def test_options_of_libpq(postgresql_url: str, connect: Connect) -> None:
    pool = connect(f"{postgresql_url}?application_name=shop&prepare_threshold=none", size=1)
    assert await pool.runQuery("SHOW application_name") == [("shop",)]
