"""Servers that die, stand still, change their password; connections that are cut."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol

import cyclone.redis as redis
from cyclone.testing import DeferredClient
from cyclone.web import Application, HTTPError, RequestHandler
from tests.plugins.valkey import Valkey

from .support import eventually, pause

HOST = "127.0.0.1"
CLIENTS = 50


class Counter(RequestHandler):
    """What 50 at a time do."""

    async def get(self) -> None:
        try:
            self.write(str(await self.application.settings["redis"].incr("count")))
        except redis.ConnectionError as error:
            raise HTTPError(503, str(error)) from error


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0


class Crowd:
    """Fifty clients that never stop asking, and what they are told."""

    def __init__(self, pool: Any) -> None:
        self.client = DeferredClient(Application([(r"/", Counter)], redis=pool))
        self.statuses: list[int] = []
        self.counts: list[int] = []
        self.slowest = 0.0
        self.going = True
        self.done = gatherResults([Deferred.fromCoroutine(self._ask()) for _ in range(CLIENTS)])

    async def _ask(self) -> None:
        from twisted.internet import reactor

        clock: Any = reactor
        while self.going:
            began = clock.seconds()
            response = await self.client.get("/")
            self.slowest = max(self.slowest, clock.seconds() - began)
            self.statuses.append(response.status)
            if response.status == 200:
                self.counts.append(int(response.text))
            await pause(0.01)

    async def served(self, answers: int = 100) -> None:
        """Wait for more successes."""
        wanted = len(self.counts) + answers
        await eventually(lambda: len(self.counts) >= wanted)

    async def end(self) -> None:
        self.going = False
        await self.done
        # Whatever happened, the counts that were told are each told once.
        assert set(self.statuses) <= {200, 503}
        self.client.close()


@pytest.mark.reactor_timeout(40)
async def test_killed_and_restarted(new_valkey: Callable[..., Valkey]) -> None:
    server = new_valkey()
    pool = redis.lazyConnectionPool(HOST, server.port, poolsize=5, replyTimeout=1, poolTimeout=0.5)
    crowd = Crowd(pool)
    await crowd.served()
    before = descriptors()
    for _ in range(2):
        server.kill()
        await eventually(lambda: crowd.statuses[-1] == 503)
        server.start()
        await eventually(lambda: pool._factory.size == 5)
        await crowd.served()
        assert descriptors() <= before
    await crowd.end()
    assert crowd.slowest < 10  # and not for ever: both limits, and a slow machine
    assert pool._factory.connectionQueue.wanted == 0
    await pool.disconnect()


@pytest.mark.reactor_timeout(40)
async def test_stopped_and_continued(new_valkey: Callable[..., Valkey]) -> None:
    server = new_valkey()
    pool = redis.lazyConnectionPool(HOST, server.port, poolsize=5, replyTimeout=0.3, poolTimeout=1)
    crowd = Crowd(pool)
    await crowd.served()
    server.freeze()
    await eventually(lambda: crowd.statuses[-1] == 503)
    server.thaw()
    await crowd.served()
    await eventually(lambda: pool._factory.size == 5)
    await crowd.end()
    counts = crowd.counts
    assert len(set(counts)) == len(counts)  # no answer was given to another question
    await pool.disconnect()


@pytest.mark.reactor_timeout(60)
async def test_a_hundred_cuts_leave_nothing(valkey: Valkey) -> None:
    pool = redis.lazyConnectionPool(HOST, valkey.port, poolsize=3, dbid=1, replyTimeout=5)
    pool._factory.initialDelay = 0.001
    await eventually(lambda: pool._factory.size == 3)
    before = descriptors()
    for _ in range(100):
        blocked = pool.blpop("nothing")
        asked = [pool.incr("count") for _ in range(10)]
        await asked[0]
        valkey.call("CLIENT", "KILL", "TYPE", "normal")
        for one in [blocked, *asked]:
            with contextlib.suppress(redis.ConnectionError):
                await one
        await eventually(lambda: pool._factory.size == 3)
    assert descriptors() <= before
    queue = pool._factory.connectionQueue
    assert (len(queue.usable()), queue.wanted) == (3, 0)
    count = await pool.get("count")
    assert count == int(await pool.incr("count")) - 1
    await pool.disconnect()


@pytest.mark.reactor_timeout(20)
async def test_a_password_that_changes(new_valkey: Callable[..., Valkey], capsys: Any) -> None:
    server = new_valkey("--requirepass", "old")
    with pytest.raises(ValueError, match="could not log in: WRONGPASS"):
        await redis.Connection(HOST, server.port, password="new")
    with pytest.raises(ValueError, match=r"could not log in: .*out of range"):
        await redis.Connection(HOST, server.port, password="old", dbid=99)
    named = await redis.Connection(HOST, server.port, password="old", username="default")
    await named.disconnect()
    pool = redis.lazyConnectionPool(HOST, server.port, poolsize=2, password="new", dbid=1)
    with pytest.raises(redis.ConnectionError, match="WRONGPASS"):
        await pool.get("a")
    with pytest.raises(redis.ConnectionError, match="WRONGPASS"):
        await pool.get("a")
    keeper = await redis.Connection(HOST, server.port, password="old")
    await keeper.execute_command("CONFIG", "SET", "requirepass", "new")
    await eventually(lambda: pool._factory.size == 2)
    assert await pool.set("a", 1) == "OK"
    await gatherResults([pool.disconnect(), keeper.disconnect()])


def test_delays_are_bounded() -> None:
    """Two seconds after its server a pool is back: it asks more often than that."""
    factory = redis.RedisFactory("x", None, 1)
    assert max(factory.retryDelay(attempt) for attempt in range(500)) < 1.5


@pytest.mark.reactor_timeout(20)
async def test_a_server_that_loads_lets_pools_in_later(free_port: int) -> None:
    """Such errors pass; they do not end a pool."""
    answers = [b"-LOADING dataset\r\n", b"+OK\r\n"]

    class Loading(Protocol):
        def dataReceived(self, data: bytes) -> None:
            reply = answers.pop(0) if b"SELECT" in data else b"+PONG\r\n"
            self.transport.write(reply)  # type: ignore[union-attr]

    port = await TCP4ServerEndpoint(reactor, free_port, interface=HOST).listen(
        Factory.forProtocol(Loading)
    )
    connection = await redis.Connection(HOST, free_port, dbid=1)
    assert await connection.ping() == "PONG"
    await connection.disconnect()
    await port.stopListening()


NONSENSE = [b"$-7\r\n", b"x" * 20000, b"$x\r\n", b"*x\r\n", b":x\r\n", b"-\xff\r\n"]


@pytest.mark.parametrize("reply", NONSENSE)
def test_replies_that_make_no_sense(
    reply: bytes, free_port: int, reactor_run: Callable[..., Any]
) -> None:
    class Strange(Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(reply)  # type: ignore[union-attr]

    async def run() -> None:
        port = await TCP4ServerEndpoint(reactor, free_port, interface=HOST).listen(
            Factory.forProtocol(Strange)
        )
        connection = redis.lazyConnection(HOST, free_port, replyTimeout=5)
        with pytest.raises(redis.RedisError):
            await connection.get("a")
        await connection.disconnect()
        await port.stopListening()

    reactor_run(run)


@pytest.mark.parametrize("classic", [False, True], ids=["endpoint", "connector"])
def test_the_end_while_a_server_stands_still(
    classic: bool, new_valkey: Callable[..., Valkey], reactor_run: Callable[..., Any]
) -> None:
    """What has been written and is not taken does not keep a connection open."""

    async def run() -> None:
        server = new_valkey()
        if classic:
            factory = redis.RedisFactory(None, None, 1)
            reactor.connectTCP(HOST, server.port, factory)  # type: ignore[attr-defined]
        else:
            factory = redis.lazyConnection(HOST, server.port)._factory
        factory.disconnectTimeout = 0.2
        await eventually(lambda: factory.size == 1)
        server.freeze()
        lost = factory.handler.set("a", b"x" * 30_000_000)
        await pause(0.1)
        await factory.disconnect()
        with pytest.raises(redis.ConnectionError):
            await lost
        server.thaw()

    reactor_run(run)


async def test_a_connection_that_is_cut_in_the_middle_of_an_answer(free_port: int) -> None:
    answers = [b"$10\r\nabc", b"*2\r\n$1\r\na\r\n", b"$3\r\nabc\r\n"]

    class Cutting(Protocol):
        def dataReceived(self, data: bytes) -> None:
            transport: Any = self.transport
            answer = answers.pop(0)
            transport.write(answer)
            if answers:
                transport.loseConnection()

    port = await TCP4ServerEndpoint(reactor, free_port, interface=HOST).listen(
        Factory.forProtocol(Cutting)
    )
    connection = redis.lazyConnection(HOST, free_port)
    for _ in range(2):
        with pytest.raises(redis.ConnectionError, match="Lost connection"):
            await connection.get("a")
    assert await connection.get("a") == "abc"
    await connection.disconnect()
    await port.stopListening()
