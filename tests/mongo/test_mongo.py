"""Pools of MongoDB, against its wire protocol in memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

from cyclone import mongo
from cyclone.mongo import Pool, PoolTimeout, StoreTimeout, StoreUnavailable
from cyclone.storage import ReadinessHandler, database_safe
from cyclone.testing import DeferredClient
from cyclone.web import Application, RequestHandler
from tests.mongo.double import Double
from tests.plugins.reactor import global_reactor

SHORT = {"timeout": 0.4, "wait_timeout": 0.4, "close_timeout": 0.1}


class Item(RequestHandler):
    """A document, read and written."""

    def initialize(self, pool: Pool) -> None:
        self.items = pool["shop"]["item"]

    @database_safe
    async def get(self, number: str) -> None:
        self.write(json.dumps(await self.items.find_one({"_id": int(number)})))

    @database_safe
    async def put(self, number: str) -> None:
        await self.items.insert_one({"_id": int(number)})
        self.write("done")


@asynccontextmanager
async def site(**settings: Any) -> AsyncIterator[tuple[Double, Pool, Callable[..., Any]]]:
    """A double, a pool, and fifty clients: a method to a count of statuses."""
    double = Double()
    pool = mongo.connect(f"mongodb://127.0.0.1:{double.port}/shop", **{**SHORT, **settings})
    routes: list[Any] = [
        (r"/item/([0-9]+)", Item, {"pool": pool}),
        (r"/ready", ReadinessHandler, {"stores": {"mongo": pool}}),
    ]
    client = DeferredClient(Application(routes, log_function=lambda handler: None))

    async def load(method: str = "GET", path: str = "/item/1") -> Counter[int]:
        answers = await gatherResults([client.request(method, path) for _ in range(50)])
        return Counter(answer.status for answer in answers)

    try:
        yield double, pool, load
    finally:
        await pool.close()
        await double.kill()


async def test_documents() -> None:
    async with site() as (double, pool, load):
        await pool.ping()
        assert pool.state == "up"
        assert await load("PUT") == {200: 50}
        assert len(double.collections["item"]) == 50
        assert await pool["shop"]["item"].find_one({"_id": 1}) == {"_id": 1}
        assert await load(path="/ready") == {200: 50}
        assert pool.describe() == {"state": "up", "size": 5, "in_use": 0, "waiting": 0}


async def test_a_mistake_stays_one() -> None:
    async with site() as (double, pool, load):
        await pool.ping()
        double.error = {"code": 2, "errmsg": "bad value"}
        with pytest.raises(Exception, match="bad value") as caught:
            await pool.ping()
        assert not isinstance(caught.value, StoreUnavailable)
        assert await load() == {500: 50}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 91, "errmsg": "shutting down"}, StoreUnavailable),
        ({"code": 10107, "errmsg": "not primary"}, StoreUnavailable),
        ({"code": 18, "errmsg": "Authentication failed."}, StoreUnavailable),
        ({"code": 13, "errmsg": "Command find requires authentication"}, StoreUnavailable),
        ({"code": 50, "errmsg": "operation exceeded time limit"}, StoreTimeout),
    ],
)
async def test_errors_that_are_outages(error: dict[str, Any], kind: type[Exception]) -> None:
    async with site() as (double, pool, load):
        await pool.ping()
        double.error = error
        with pytest.raises(kind):
            await pool.ping()
        assert await load() == {503: 50}


async def test_killed_and_restarted() -> None:
    async with site() as (double, pool, load):
        await pool.ping()
        await double.kill()
        assert await load("PUT") == {503: 50}
        assert pool.state == "down"
        assert await load() == {503: 50}
        with pytest.raises(StoreUnavailable, match="can be reached"):
            await pool.ping()
        double.start()
        while await load("PUT") != {200: 50}:
            await deferLater(global_reactor(), 0.02)
        assert pool.state == "up"


async def test_a_server_that_says_nothing_any_more() -> None:
    async with site() as (double, pool, load):
        await pool.ping()
        double.silent = True
        with pytest.raises(StoreTimeout, match=r"within 0\.4 s"):
            await pool.ping()
        assert await load() == {503: 50}
        double.silent = False
        while await load() != {200: 50}:
            await deferLater(global_reactor(), 0.02)


async def test_cut_in_mid_answer() -> None:
    async with site() as (double, pool, load):
        await pool.ping()
        double.cut_after = 7
        assert await load() == {503: 50}
        double.cut_after = None
        while await load() != {200: 50}:
            await deferLater(global_reactor(), 0.02)


async def test_commands_under_way_are_bounded() -> None:
    async with site(max_waiting=3) as (double, pool, _load):
        await pool.ping()
        double.silent = True
        running = [pool.ping() for _ in range(3)]
        with pytest.raises(PoolTimeout, match="3 commands"):
            await pool.ping()
        for one in running:
            with pytest.raises(StoreUnavailable):
                await one


async def test_callers_that_wait_are_bounded() -> None:
    async with site(max_waiting=2) as (_, pool, _load):
        waiting = [pool.ping(), pool.ping()]
        with pytest.raises(PoolTimeout, match="2 callers"):
            await pool.ping()
        await gatherResults(waiting)


async def test_closing_ends_what_runs() -> None:
    async with site() as (double, pool, _load):
        await pool.ping()
        double.silent = True
        running = pool.ping()
        await pool.stopService()
        assert pool.state == "closed"
        with pytest.raises(StoreUnavailable):
            await running


@pytest.mark.parametrize(
    ("url", "settings", "message"),
    [
        ("mongodb+srv://host/x", {}, "is not supported"),
        ("postgresql://me:geheim@host/x", {}, "not a URL of MongoDB: Invalid URI scheme"),
        ("mongodb://me:geheim@host:port/x", {}, "Port contains non-digit characters"),
        ("mongodb://me:ge:heim@host/x", {}, "not a URL of MongoDB"),
        ("mongodb://host/x", {"size": 0}, "size must be positive"),
        ("mongodb://host/x", {"timeout": -1}, "timeout must be positive"),
    ],
)
def test_what_is_wrong_is_named(url: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        mongo.connect(url, **settings)
    assert "heim" not in str(caught.value)


async def test_no_password_is_shown() -> None:
    double = Double()
    pool = mongo.connect(f"mongodb://me:geheim@127.0.0.1:{double.port}/x?authSource=y", size=1)
    assert repr(pool) == f"<Pool mongodb://127.0.0.1:{double.port}/x down>"
    await pool.close()
    await double.kill()
