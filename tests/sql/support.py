"""Handlers over a pool, many clients at once, and what came of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

from cyclone.sql import Pool
from cyclone.storage import ReadinessHandler, database_safe
from cyclone.testing import DeferredClient
from cyclone.web import Application, RequestHandler
from tests.plugins.reactor import global_reactor

#: Short times, so that tests are.
SHORT = {"timeout": 1.0, "statement_timeout": 0.8, "wait_timeout": 0.9, "retry_most": 0.4}


class Item(RequestHandler):
    """A row, read and written."""

    pool: Pool

    def initialize(self, pool: Pool) -> None:
        self.pool = pool

    @database_safe
    async def get(self, number: str) -> None:
        rows = await self.pool.runQuery(
            self.statement("SELECT id FROM item WHERE id = ?"), (number,)
        )
        self.write({"rows": len(rows)})

    @database_safe
    async def put(self, number: str) -> None:
        await self.pool.runOperation(self.statement("INSERT INTO item VALUES (?)"), (number,))
        self.write("done")

    @database_safe
    async def delete(self, number: str) -> None:
        await self.pool.runQuery("SELECT nothing FROM nowhere")

    def statement(self, sql: str) -> str:
        return sql if self.pool.target.startswith("sqlite") else sql.replace("?", "%s")


class Site:
    """An application over a pool, and its clients."""

    def __init__(self, pool: Pool, clients: int = 50) -> None:
        self.pool = pool
        self.clients = clients
        routes: list[Any] = [
            (r"/item/([0-9]+)", Item, {"pool": pool}),
            (r"/ready", ReadinessHandler, {"stores": {"sql": pool}}),
        ]
        application = Application(routes, log_function=lambda handler: None)
        self.client = DeferredClient(application, reactor=global_reactor())
        self.acknowledged: set[int] = set()
        self._last = 0

    async def load(self, method: str = "GET") -> Counter[int]:
        """Have all clients ask at once; return how many answers of each status there were."""
        numbers = range(self._last, self._last + self.clients)
        self._last += self.clients
        answers = await gatherResults(
            [self.client.request(method, f"/item/{number}") for number in numbers]
        )
        for number, answer in zip(numbers, answers, strict=True):
            if answer.status == 200 and method == "PUT":
                self.acknowledged.add(number)
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) >= 1
        return Counter(answer.status for answer in answers)

    async def start(self) -> None:
        """Begin: the connections are made, and something is written."""
        await self.whole_again()
        await self.load("PUT")
        assert self.acknowledged

    async def whole_again(self) -> None:
        """Wait until every client is served; those that are not get 503 meanwhile.

        How long that takes depends on how busy the machine is; test_pool.py counts it by a clock.
        """
        while (got := await self.load()) != {200: self.clients}:
            assert set(got) <= {200, 503}
            await deferLater(global_reactor(), 0.01)

    async def check_writes(self) -> None:
        """Whatever was acknowledged is there."""
        rows = await self.pool.runQuery("SELECT id FROM item")
        assert self.acknowledged <= {row[0] for row in rows}
