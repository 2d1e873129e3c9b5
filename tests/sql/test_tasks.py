"""The engine of psycopg's asynchronous interface, in an asyncio loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from twisted.internet.defer import succeed
from twisted.python.failure import Failure

from cyclone.sql import PoolSettings, StoreUnavailable
from cyclone.sql.links import Ticket
from cyclone.sql.tasks import Tasks
from cyclone.sql.urls import parse_url
from cyclone.sql.work import Statement, transaction

postgresql = pytest.importorskip("cyclone.sql.postgresql")

pytestmark = pytest.mark.xdist_group("databases")

Run = Callable[..., Awaitable[Any]]
ONE = Statement("SELECT 1", (), rows=True)


class Threads:
    """Stands for the engine beside it."""

    def __init__(self) -> None:
        self.closed: bool | None = None

    def run(self, ticket: Ticket, work: Any, done: Callable[[Any], None]) -> None:
        done("in a thread")

    def probe(self) -> Any:
        return succeed("by a thread")

    def close(self, *, idle: bool) -> None:
        self.closed = idle


def engine(url: str, **settings: Any) -> tuple[Tasks, Threads]:
    checked = PoolSettings(**settings)
    target = parse_url(url)
    threads = Threads()
    driver = postgresql.PostgreSQL(target, checked, dict(target.options))
    return Tasks(driver, checked, lambda: threads), threads  # type: ignore[arg-type, return-value]


def outcome(tasks: Tasks, work: Any = ONE, ticket: Ticket | None = None) -> Any:
    """A future of the result, or of the Failure."""
    future = asyncio.get_running_loop().create_future()
    tasks.run(ticket or Ticket(), work, future.set_result)
    return future


def test_statements(postgresql_url: str) -> None:
    async def main() -> None:
        tasks, _ = engine(postgresql_url)
        assert await outcome(tasks) == [(1,)]
        assert await outcome(tasks, Statement("INSERT INTO item VALUES (%s)", ((1,),))) is None
        assert await outcome(tasks, Statement("DELETE FROM item", (), rows=True)) == []
        wrong = await outcome(tasks, Statement("SELECT 1 FROM nowhere"))
        assert isinstance(wrong, Failure)
        assert not isinstance(wrong.value, StoreUnavailable)
        await outcome(tasks, Statement("BEGIN"))  # ends with its connection
        await outcome(tasks, Statement("INSERT INTO item VALUES (2)"))
        assert await outcome(tasks, Statement("SELECT * FROM item", (), rows=True)) == [(2,)]
        await tasks.probe().asFuture(asyncio.get_running_loop())
        tasks.close(idle=True)

    asyncio.run(main())


def test_what_is_cut_and_what_is_too_late(postgresql_url: str) -> None:
    async def main() -> None:
        tasks, _ = engine(postgresql_url, statement_timeout=None)
        assert await outcome(tasks) == [(1,)]
        ticket = Ticket()
        running = outcome(tasks, Statement("SELECT pg_sleep(20)"), ticket)
        await asyncio.sleep(0.05)
        ticket.expire()
        assert isinstance((await running).value, StoreUnavailable)
        late = await outcome(tasks, ONE, ticket)
        assert isinstance(late.value, StoreUnavailable)
        assert await outcome(tasks) == [(1,)]
        tasks.close(idle=True)
        # What was under way when the engine was closed is not kept.
        assert await outcome(tasks) == [(1,)]

    asyncio.run(main())


def test_connections_are_looked_at_before_use(postgresql_url: str) -> None:
    async def main() -> None:
        tasks, _ = engine(postgresql_url, ping_after=0.0)
        who = Statement("SELECT pg_backend_pid()", (), rows=True)
        ((first,),) = await outcome(tasks, who)
        assert await outcome(tasks, who) == [(first,)]
        other, _ = engine(postgresql_url)
        await outcome(other, Statement("SELECT pg_terminate_backend(%s, 5000)", ((first,),)))
        ((second,),) = await outcome(tasks, who)
        assert second != first
        tasks.close(idle=True)
        other.close(idle=True)

    asyncio.run(main())


def test_a_server_that_is_not_there(free_port: int) -> None:
    async def main() -> None:
        tasks, _ = engine(f"postgresql://127.0.0.1:{free_port}/x")
        assert isinstance((await outcome(tasks)).value, StoreUnavailable)
        with pytest.raises(StoreUnavailable, match="cannot connect"):
            await tasks.probe().asFuture(asyncio.get_running_loop())

    asyncio.run(main())


def test_what_may_block_goes_to_threads() -> None:
    tasks, threads = engine("postgresql://127.0.0.1/x")
    seen: list[Any] = []
    tasks.run(Ticket(), ONE, seen.append)  # no loop runs
    tasks.run(Ticket(), transaction(print, (), {}, whole=False), seen.append)
    tasks.probe().addCallback(seen.append)
    assert seen == ["in a thread", "in a thread", "by a thread"]
    tasks.close(idle=False)
    assert threads.closed is False
