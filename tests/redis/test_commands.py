"""Commands, transactions and subscriptions, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, gatherResults

import cyclone.redis as redis
from tests.plugins.valkey import Valkey

from .support import eventually

HOST = "127.0.0.1"


@pytest.mark.parametrize("kind", ["Connection", "ConnectionPool"])
@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_each_way_to_connect(
    kind: str, unix: bool, valkey: Valkey, reactor_run: Callable[..., Any]
) -> None:
    place: tuple[Any, ...] = (valkey.path,) if unix else (HOST, valkey.port)
    name = f"Unix{kind}" if unix else kind

    async def run() -> None:
        handler = await getattr(redis, name)(*place)
        assert await handler.set("a", "b") == "OK"
        assert repr(place[-1]).strip("'") in repr(handler)
        assert f"{10 if kind == 'ConnectionPool' else 1} connection(s)" in repr(handler)
        await handler.disconnect()
        with pytest.raises(redis.ConnectionError):
            await handler.get("a")
        lazy = getattr(redis, f"lazy{name}")(*place)
        assert repr(lazy) == "<Redis Connection: Not connected>"
        assert await lazy.get("a") == "b"
        await lazy.disconnect()

    reactor_run(run)


OLD_NAMES: list[tuple[str, bool]] = [
    ("RedisConnection", False),
    ("RedisConnectionPool", False),
    ("RedisShardingConnection", True),
    ("RedisShardingConnectionPool", True),
]


@pytest.mark.parametrize(("name", "sharded"), OLD_NAMES)
def test_old_names(
    name: str, sharded: bool, valkey: Valkey, reactor_run: Callable[..., Any]
) -> None:
    place: Any = {"hosts": [f"{HOST}:{valkey.port}"]} if sharded else {"port": valkey.port}
    size: Any = {"pool_size": 2} if name.endswith("Pool") else {}

    async def run() -> None:
        handler = await getattr(redis, name)(**place, **size, reconnect=True, db=1)
        await handler.set("a", 3)
        await handler.disconnect()
        lazy = getattr(redis, f"lazy{name}")(**place, **size, db=1)
        assert await lazy.get("a") == 3
        await lazy.disconnect()

    reactor_run(run)


async def test_values(valkey: Valkey) -> None:
    text = redis.lazyConnection(HOST, valkey.port)
    raw = redis.lazyConnection(HOST, valkey.port, charset=None, convertNumbers=False)
    await text.set("greeting", "grüße")
    await text.set("number", "12")
    await text.set("empty", "")
    await text.set("bytes", b"\xff\r\n\x00")
    assert await text.mget(["greeting", "number", "empty", "nothing"]) == ["grüße", 12, "", None]
    assert await text.get("bytes") == b"\xff\r\n\x00"
    assert await raw.mget(["greeting", "number"]) == ["grüße".encode(), b"12"]
    big = "x" * 3_000_000
    await text.set("big", big)
    assert await text.get("big") == big
    with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
        await text.execute_command("GET")
    with pytest.raises(AttributeError, match="fetch"):
        _ = text.fetch
    await gatherResults([text.disconnect(), raw.disconnect()])


async def test_long_lists_take_no_turn_for_each_piece(valkey: Valkey) -> None:
    connection = redis.lazyConnection(HOST, valkey.port)
    values = [f"value {number}" for number in range(3000)]
    assert await connection.execute_command("RPUSH", "list", *values) == 3000
    turns = 0
    found: Deferred[Any] = connection.lrange("list", 0, -1)

    async def count() -> None:
        nonlocal turns
        await eventually(lambda: found.called)

    from twisted.internet import reactor

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not found.called:
            reactor.callLater(0, turn)  # type: ignore[attr-defined]

    turn()
    assert await found == values
    assert turns < 300
    await connection.disconnect()


async def test_transactions_and_pipelines(valkey: Valkey) -> None:
    pool = redis.lazyConnectionPool(HOST, valkey.port, poolsize=2)
    transaction = await pool.multi()
    transaction.set("a", 1)
    transaction.get("a")
    assert await transaction.commit() == ["OK", 1]
    discarded = await pool.multi()
    discarded.set("a", 2)
    await discarded.discard()
    watched = await pool.multi("a")
    await pool.set("a", 5)
    watched.set("a", 6)
    with pytest.raises(redis.WatchError):
        await watched.commit()
    pipeline = await pool.pipeline()
    pipeline.get("a")
    pipeline.incr("a")
    assert await pipeline.execute_pipeline() == [5, 6]
    with pytest.raises(redis.RedisError):
        await pipeline.execute_pipeline()
    # Both connections are free again.
    assert pool.describe() == {"state": "up", "size": 2, "in_use": 0, "waiting": 0}
    await gatherResults([pool.multi(), pool.multi()])
    waiting = pool.get("a")
    assert pool.describe() == {"state": "up", "size": 2, "in_use": 2, "waiting": 1}
    waiting.addErrback(lambda failure: failure.trap(redis.ConnectionError))
    await pool.disconnect()


async def test_scripts(valkey: Valkey) -> None:
    connection = redis.lazyConnection(HOST, valkey.port)
    script = "return {KEYS[1], ARGV[1]}"
    for _ in range(2):
        assert await connection.eval(script, ["k"], ["v"]) == ["k", "v"]
    await connection.disconnect()


async def test_blocking_commands_have_a_connection_for_themselves(valkey: Valkey) -> None:
    pool = redis.lazyConnectionPool(HOST, valkey.port, poolsize=2, poolTimeout=0.2)
    one, two = pool.blpop(["queue"]), pool.brpop("queue")
    with pytest.raises(redis.TimeoutError, match="no connection became free within"):
        await pool.get("a")
    other = await redis.Connection(HOST, valkey.port)
    await other.execute_command("RPUSH", "queue", "a", "b")
    assert [await one, await two] == [["queue", "a"], ["queue", "b"]]
    assert await pool.ping() == "PONG"
    await gatherResults([pool.disconnect(), other.disconnect()])


async def test_a_blocking_command_that_is_cancelled_blocks_nobody(valkey: Valkey) -> None:
    pool = redis.lazyConnectionPool(HOST, valkey.port, poolsize=1, poolTimeout=5)
    await pool.ping()
    blocked = pool.blpop(["queue"])
    blocked.cancel()
    with pytest.raises(CancelledError):
        await blocked
    assert await pool.ping() == "PONG"
    with pytest.raises(TypeError):
        await pool.blpop()
    assert await pool.ping() == "PONG"
    await pool.disconnect()


async def test_commands_that_wait_are_limited(free_port: int) -> None:
    pool = redis.lazyConnection(HOST, free_port, poolTimeout=None, maxWaiting=3)
    waiting = [pool.get("a") for _ in range(3)]
    with pytest.raises(redis.ConnectionError, match="3 commands wait for a connection already"):
        await pool.get("a")
    waiting[0].cancel()
    with pytest.raises(CancelledError):
        await waiting[0]
    await pool.disconnect()
    for one in waiting[1:]:
        with pytest.raises(redis.ConnectionError, match="Disconnected"):
            await one


async def test_subscriptions_and_monitors_over_connect_tcp(valkey: Valkey, reactor: Any) -> None:
    """The pattern of cyclone 1.x's demos, whose protocols do not call what they override."""
    got: list[Any] = []
    seen: list[Any] = []

    class Subscriber(redis.SubscriberProtocol):
        def connectionMade(self) -> None:
            self.subscribe("news")
            self.psubscribe(["w*"])

        def messageReceived(self, pattern: Any, channel: Any, message: Any) -> None:
            got.append((pattern, channel, message))

        def connectionLost(self, reason: Any) -> None:
            got.append("lost")

    class Monitor(redis.MonitorProtocol):
        def connectionMade(self) -> None:
            self.monitor()

        def messageReceived(self, message: Any) -> None:
            seen.append(str(message))

    subscribers = redis.SubscriberFactory()
    subscribers.maxDelay = 20
    subscribers.protocol = Subscriber
    reactor.connectTCP(HOST, valkey.port, subscribers)
    monitors = redis.MonitorFactory()
    monitors.protocol = Monitor
    reactor.connectUNIX(valkey.path, monitors)
    await eventually(lambda: valkey.call("PUBSUB", "NUMPAT") == 1)
    await eventually(lambda: "OK" in seen)
    valkey.call("PUBLISH", "news", "one")
    valkey.call("PUBLISH", "weather", "2")
    await eventually(lambda: len(got) == 2 and any("PUBLISH" in line for line in seen))
    assert got == [(None, "news", "one"), ("w*", "weather", 2)]
    # What is subscribed again when the connection is back is the protocol's own doing.
    valkey.call("CLIENT", "KILL", "TYPE", "pubsub")
    await eventually(lambda: valkey.call("PUBSUB", "NUMPAT") == 1)
    valkey.call("PUBLISH", "news", "three")
    await eventually(lambda: len(got) == 4)
    assert got[2:] == ["lost", (None, "news", "three")]
    await gatherResults([subscribers.disconnect(), monitors.disconnect()])


async def test_a_pool_over_connect_tcp(valkey: Valkey, reactor: Any) -> None:
    factory = redis.RedisFactory(None, 2, 3)
    for _ in range(3):
        reactor.connectTCP(HOST, valkey.port, factory)
    handler = await factory.deferred
    assert factory.size == 3
    await handler.set("a", 1)
    assert await handler.get("a") == 1
    factory.continueTrying = False
    valkey.call("CLIENT", "KILL", "TYPE", "normal")
    await eventually(lambda: not factory.size)
    with pytest.raises(redis.ConnectionError, match="Not connected"):
        await handler.get("a")
    assert factory.slots == []
    await handler.disconnect()


async def test_an_attempt_over_connect_tcp_that_fails(free_port: int, reactor: Any) -> None:
    factory = redis.RedisFactory("x", None, 1)
    factory.continueTrying = False
    reactor.connectTCP(HOST, free_port, factory)
    with pytest.raises(ValueError, match="could not connect: Connection was refused"):
        await factory.deferred
    patient = redis.SubscriberFactory(isLazy=True)
    patient.noisy = False
    reactor.connectTCP(HOST, free_port, patient)
    await eventually(lambda: [slot.attempts for slot in patient.slots] == [1])
    patient.resetDelay()
    assert [slot.attempts for slot in patient.slots] == [0]
    await patient.stopTrying()
    await patient.disconnect()
    busy = redis.SubscriberFactory(isLazy=True)
    reactor.connectTCP(HOST, free_port, busy)
    await busy.stopTrying()  # while it connects
    await busy.disconnect()


async def test_quit_and_no_reconnect(valkey: Valkey, free_port: int) -> None:
    connection = await redis.Connection(HOST, valkey.port)
    assert await connection.quit() == "OK"
    await eventually(lambda: "Not connected" in repr(connection))
    with pytest.raises(redis.ConnectionError):
        await connection.get("a")
    once = redis.lazyConnection(HOST, free_port, reconnect=False)
    with pytest.raises(redis.ConnectionError):
        await once.get("a")
    with pytest.raises(ValueError, match="could not connect"):
        await redis.Connection(HOST, free_port, reconnect=False)
    await once.disconnect()
    await connection.disconnect()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: redis.ConnectionPool(poolsize="x"), "poolsize must be an integer"),
        (lambda: redis.ConnectionPool(dbid="x"), "dbid must be an integer"),
        (lambda: redis.ShardedConnection("a:1"), "list or tuple of host:port"),
        (lambda: redis.ShardedConnection(["a:b"]), "not 'a:b'"),
        (lambda: redis.ShardedConnection([]), "list or tuple of host:port"),
        (lambda: redis.ShardedUnixConnection("/x"), "list or tuple of paths"),
        (lambda: redis.lazyConnection(user="x"), "'user'"),
        (lambda: redis.lazyUnixConnection(ssl_context_factory=True), "'ssl_context_factory'"),
    ],
)
def test_arguments_that_make_no_sense(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_the_absence_of_txredisapi_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    import cyclone.redis.library as library

    monkeypatch.setitem(sys.modules, "txredisapi", None)
    with pytest.raises(ImportError, match=r"pip install 'cyclone\[redis\]'"):
        importlib.reload(library)
    monkeypatch.undo()
    importlib.reload(library)
