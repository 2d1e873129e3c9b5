"""What happens to fifty clients when the database is killed, stopped, cut off, or refuses.

On the stock reactor PostgreSQL is spoken to in threads, on one with an asyncio loop by psycopg's
asynchronous interface: the suite runs on both.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from bench.postgres import USER
from cyclone.sql import Pool, PoolTimeout, StoreUnavailable
from tests.plugins.databases import Proxy, postgres_url
from tests.plugins.reactor import global_reactor
from tests.sql.support import SHORT, Site

pytestmark = [pytest.mark.xdist_group("databases"), pytest.mark.reactor_timeout(50)]

Connect = Callable[..., Pool]


async def sleep(seconds: float) -> None:
    await deferLater(global_reactor(), seconds)


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A server that can be killed and stopped, and the URL of a database on it."""
    name = {"postgresql": "postgres", "mysql": "mariadb"}[request.param]
    url = request.getfixturevalue(f"{request.param}_url")
    return request.getfixturevalue(name), url


async def test_killed_and_restarted(server: tuple[Any, str], connect: Connect) -> None:
    process, url = server
    site = Site(connect(url, size=5, **SHORT))
    await site.start()
    loads = [Deferred.fromCoroutine(site.load("PUT"))]
    process.kill()
    seen = set().union(*await gatherResults(loads))
    seen |= set(await site.load())
    await until_down(site)
    assert await site.load() == {503: 50}
    assert seen <= {200, 503}
    await deferToThread(process.start)
    await site.whole_again()
    await site.check_writes()


async def until_down(site: Site) -> None:
    while site.pool.state != "down":
        assert set(await site.load()) <= {200, 503}
        await sleep(0.02)
    answer = await site.client.get("/ready")
    assert (answer.status, json.loads(answer.body)["stores"]["sql"]["state"]) == (503, "down")


async def test_stopped_and_continued(server: tuple[Any, str], connect: Connect) -> None:
    process, url = server
    site = Site(connect(url, size=5, **SHORT))
    await site.start()
    process.signal(signal.SIGSTOP)
    try:
        assert await site.load() == {503: 50}
        await until_down(site)
        assert await site.load("PUT") == {503: 50}
    finally:
        process.signal(signal.SIGCONT)
    await site.whole_again()
    await site.check_writes()
    answer = await site.client.get("/ready")
    assert (answer.status, json.loads(answer.body)["ready"]) == (200, True)


async def test_threads_of_others_do_not_keep_a_pool_down(
    server: tuple[Any, str], connect: Connect
) -> None:
    process, url = server
    pool = connect(url, size=2, asynchronous=False, **SHORT)
    site = Site(pool, clients=4)
    await site.start()
    process.kill()
    while pool.state == "up":
        await site.load()
    hold = threading.Event()
    size = global_reactor().getThreadPool().max
    busy = [deferToThread(hold.wait, 45) for _ in range(size)]
    started = threading.Thread(target=process.start)
    started.start()
    try:
        await site.whole_again()
    finally:
        hold.set()
        started.join()
        await gatherResults(busy)


@asynccontextmanager
async def proxied(server: Any) -> AsyncIterator[Proxy]:
    proxy = Proxy(server.port)
    try:
        yield proxy
    finally:
        await proxy.close()


@asynccontextmanager
async def through_proxy(server: tuple[Any, str]) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before a server, and the URL of the database by it."""
    process, url = server
    async with proxied(process) as proxy:
        yield proxy, url.replace(f":{process.port}/", f":{proxy.port}/")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
async def test_cut_in_mid_answer_a_hundred_times(server: tuple[Any, str], connect: Connect) -> None:
    _, url = server
    # The answer of MySQL to what is asked here has 11 bytes.
    most = 40 if url.startswith("postgresql") else 11
    async with through_proxy(server) as (proxy, url):
        site = Site(connect(url, size=2, retry_first=0.01, **SHORT), clients=3)
        counted = []
        for cycle in range(100):
            await site.whole_again()
            proxy.answer = cycle % most
            got = await site.load("PUT")
            assert set(got) <= {200, 503}
            assert got[503]
            proxy.answer = None
            if cycle in (10, 99):
                await site.whole_again()
                gc.collect()
                counted.append((descriptors(), things()))
        await site.check_writes()
        (first, before), (last, after) = counted
        assert last <= first + 6  # both ends of a connection or two that are just being made
        assert after <= before + 60


def things() -> int:
    """How many of those objects there are that a leak would leave."""
    from cyclone.sql.links import Link, Ticket

    return sum(isinstance(one, Deferred | Link | Ticket) for one in gc.get_objects())


async def test_cut_under_fifty_handlers(server: tuple[Any, str], connect: Connect) -> None:
    async with through_proxy(server) as (proxy, url):
        site = Site(connect(url, size=5, **SHORT))
        await site.start()
        proxy.answer = 5
        got = await site.load("PUT")
        assert set(got) <= {200, 503}
        assert got[503]
        proxy.answer = None
        await site.whole_again()
        await site.check_writes()
        # Idle connections that are cut: nobody has to know.
        proxy.cut()
        await sleep(0.05)
        assert await site.load() == {200: 50}


@pytest.mark.parametrize("ping_after", [0.0, 30.0])
async def test_connections_that_get_no_answer_come_back(
    postgres: Any, postgresql_url: str, connect: Connect, ping_after: float
) -> None:
    """Whoever waits for the server, the statement or the look before it, is cut off in time."""
    async with proxied(postgres) as proxy:
        times = {**SHORT, "connect_timeout": 0.3, "ping_after": ping_after}
        pool = connect(postgres_url(proxy), size=2, **times)
        await Site(pool, clients=4).whole_again()
        proxy.silent = True
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await pool.runOperation("SELECT 1")
        while pool.describe()["in_use"]:
            await sleep(0.02)
        proxy.silent = False
        await Site(pool).whole_again()
        await pool.close()


@contextmanager
def hba(postgres: Any, rule: str) -> Iterator[None]:
    """Have the server ask those who come for what `rule` says, and let nobody stay."""
    path = postgres.path / "data" / "pg_hba.conf"
    before = path.read_text()

    def write(text: str) -> None:
        path.write_text(text)
        os.kill(postgres.pid, signal.SIGHUP)

    write(f"host all {USER} 127.0.0.1/32 {rule}\n")
    try:
        yield
    finally:
        write(before)


async def test_authentication_changed(postgres: Any, postgresql_url: str, connect: Connect) -> None:
    async with proxied(postgres) as proxy:
        site = Site(connect(postgres_url(proxy), size=5, **SHORT))
        await site.start()
        with hba(postgres, "scram-sha-256"):
            await sleep(0.05)
            proxy.cut()
            await until_down(site)
            assert await site.load() == {503: 50}
        await site.whole_again()
        await site.check_writes()


async def test_pool_exhausted(server: tuple[Any, str], connect: Connect) -> None:
    _, url = server
    pool = connect(url, size=2, max_waiting=10, wait_timeout=0.1, timeout=None)
    slow = "SELECT pg_sleep(30)" if url.startswith("postgresql") else "SELECT sleep(30)"
    site = Site(pool, clients=12)
    await site.whole_again()
    site.clients = 50
    holding = [pool.runQuery(slow) for _ in range(2)]
    assert await site.load() == {503: 50}
    with pytest.raises(PoolTimeout, match="no connection became free"):
        await pool.ping()
    waiting = [pool.runQuery("SELECT 1") for _ in range(10)]
    with pytest.raises(PoolTimeout, match="10 calls are waiting"):
        await pool.ping()
    for one in waiting:
        with pytest.raises(PoolTimeout):
            await one
    for one in holding:
        one.cancel()
        with pytest.raises(CancelledError):
            await one
    assert pool.state == "up"
    site.clients = 12
    await site.whole_again()


async def test_mistakes_stay_500(postgresql_url: str, connect: Connect) -> None:
    site = Site(connect(postgresql_url, size=2, **SHORT))
    assert await site.load("DELETE") == {500: 50}


async def test_a_server_that_is_not_there_yet(free_port: int, connect: Connect) -> None:
    pool = connect(f"mysql://me:geheim@127.0.0.1:{free_port}/x", **SHORT)
    with pytest.raises(StoreUnavailable, match="cannot connect") as caught:
        await pool.ping()
    while pool.state == "up":
        await sleep(0.01)
    with pytest.raises(StoreUnavailable, match="is away") as away:
        await pool.ping()
    assert away.value.retry_after == SHORT["retry_most"]
    assert "geheim" not in f"{pool!r}{caught.value}{away.value}"
    await pool.close()


async def test_a_peer_that_says_nothing(connect: Connect) -> None:
    """It accepts, and that is all: neither an attempt to connect nor a call waits for ever."""
    from twisted.internet.protocol import Factory, Protocol

    reactor = global_reactor()
    port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    try:
        url = f"mysql://127.0.0.1:{port.getHost().port}/x"
        pool = connect(url, connect_timeout=0.2, close_timeout=0.5, **SHORT)
        with pytest.raises(StoreUnavailable):
            await pool.ping()
        await pool.close()
        await sleep(0.05)
    finally:
        await port.stopListening()
