"""Sessions in a table, over pools of `cyclone.sql`, on every kind of database."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from cyclone.sessions import Sessions, SQLStore
from cyclone.sql import Pool

pytestmark = pytest.mark.xdist_group("databases")

KEY = "a" * 64


def together(*coroutines: Any) -> Deferred[list[Any]]:
    return gatherResults([Deferred.fromCoroutine(one) for one in coroutines], consumeErrors=True)


@pytest.mark.parametrize("dict_rows", [False, True])
async def test_a_store(any_url: str, connect: Callable[..., Pool], dict_rows: bool) -> None:
    pool = connect(any_url, size=8, dict_rows=dict_rows)
    await pool.runOperation("DROP TABLE IF EXISTS visits")
    store = SQLStore(pool, table="visits")
    await together(*(SQLStore(pool, table="visits").create_table() for _ in range(4)))
    assert await store.swap(KEY, None, "{}", 100, "Alice")
    assert not await store.swap(KEY, None, "{}", 100, "Mallory")
    # As exact as everywhere, whatever the database takes for equal, and all of Unicode.
    assert await store.keys_of("Alice") == [KEY]
    for other in ("alice", "Alice ", "Alicé"):
        assert await store.keys_of(other) == []
    assert await store.swap(KEY, "{}", '{"a":1}', 100, "Алиса 😀")
    assert await store.keys_of("Алиса 😀") == [KEY]
    assert not await store.swap(KEY, '{"A":1}', "{}", 100, None)
    largest = "x" * Sessions(store).max_size
    assert await store.swap(KEY, '{"a":1}', largest, None, None)
    assert await store.load(KEY) == largest
    # Many who come at once do not get in each other's way.
    keys = [secrets.token_hex(32) for _ in range(50)]
    assert all(await together(*(store.swap(key, None, "0", 100, None) for key in keys)))
    await together(*(add(store, keys[0]) for _ in range(5)))
    assert await store.load(keys[0]) == "5"
    await together(*(store.delete(key, None) for key in keys))
    assert await together(*(store.load(key) for key in keys)) == [None] * 50


async def add(store: SQLStore, key: str) -> None:
    """Count one up, however many do so at the same time."""
    while True:
        old = await store.load(key)
        assert old is not None
        if await store.swap(key, old, str(int(old) + 1), 100, None):
            return


async def test_a_table_of_mysql_that_was_made_otherwise(
    mysql_url: str, connect: Callable[..., Pool]
) -> None:
    pool = connect(mysql_url, size=1)
    await pool.runOperation("DROP TABLE IF EXISTS visits")
    for statement in SQLStore(object(), table="visits").statements():
        await pool.runOperation(statement)
    store = SQLStore(pool, table="visits")
    assert await store.swap(KEY, None, "{}", 100, "Alice")
    assert (await store.keys_of("alice"), await store.keys_of("Alice")) == ([], [KEY])
