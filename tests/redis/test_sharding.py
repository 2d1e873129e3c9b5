"""Keys on several servers, and where each is."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, DeferredList

import cyclone.redis as redis
from cyclone import health
from cyclone.redis.sharding import tag_of
from cyclone.testing import DeferredClient, ExpectLog
from cyclone.web import Application
from tests.plugins.valkey import Valkey

from .support import eventually


def node(name: str) -> Any:
    return SimpleNamespace(_factory=SimpleNamespace(uuid=name, pool=[]))


def ring_of(*names: str) -> tuple[redis.HashRing, dict[str, Any]]:
    nodes = {name: node(name) for name in names}
    return redis.HashRing(nodes.values()), nodes


def test_keys_are_where_cyclone_1_put_them() -> None:
    """Places that follow from CRC-32 with a sign, as Python 2 had it, and no way round."""
    ring, nodes = ring_of("a:1", "b:2", "c:3")
    assert ring.sorted_keys == sorted(ring.sorted_keys)
    assert ring.sorted_keys[0] < 0 < ring.sorted_keys[-1]
    for key in ("user", "grüße", b"bytes"):
        found, index = ring.get_node_pos(key)
        assert found in nodes.values()
        assert index is not None
        assert next(ring.iter_nodes(key)) == (ring.sorted_keys[index], found)
    assert ring.ring[-616574889] is nodes["a:1"]  # zlib.crc32("a:1:0") of Python 2


@given(st.lists(st.text(min_size=1), min_size=1, max_size=50))
def test_what_one_server_leaves_others_take(keys: list[str]) -> None:
    ring, nodes = ring_of("a:1", "b:2", "c:3")
    before = {key: ring(key) for key in keys}
    ring.remove_node(nodes["b:2"])
    for key, was in before.items():
        assert ring(key) is not nodes["b:2"]
        assert was is nodes["b:2"] or ring(key) is was
    ring.add_node(nodes["b:2"])
    assert {key: ring(key) for key in keys} == before


@given(st.text("{}ab\n", max_size=12))
def test_what_stands_in_braces_is_what_cyclone_1_found(key: str) -> None:
    found = re.match(r".+\{(.*)\}.*", key, re.DOTALL)
    assert tag_of(key) == (None if found is None else found[1])


def test_class_3_keys_of_braces_take_linear_time() -> None:
    assert tag_of("{" * 1_000_000) is None
    assert tag_of("}" + "{" * 1_000_000) is None


def test_an_empty_ring() -> None:
    ring = redis.HashRing()
    assert ring("key") is None
    assert list(ring.iter_nodes("key")) == [(None, None)]


@pytest.fixture
def pair(valkey: Valkey, new_valkey: Callable[..., Valkey]) -> tuple[Valkey, Valkey]:
    return valkey, new_valkey()


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
@pytest.mark.parametrize("kind", ["Connection", "ConnectionPool"])
def test_two_servers(
    kind: str, unix: bool, pair: tuple[Valkey, Valkey], reactor_run: Callable[..., Any]
) -> None:
    places = [one.path if unix else f"127.0.0.1:{one.port}" for one in pair]
    name = f"Sharded{'Unix' if unix else ''}{kind}"
    keys = [f"key{number}" for number in range(20)]

    async def run() -> None:
        lazy = getattr(redis, f"lazy{name}")(places)
        for number, key in enumerate(keys):
            await lazy.set(key, number)
        assert await lazy.mget(keys) == list(range(20))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert await lazy.mget("key3", "nothing") == [3, None]
        assert all(one.call("DBSIZE") > 0 for one in pair)
        for key in ("{a}1", "x{user7}", b"y{user7}"):
            await lazy.set(key, "together")
        assert lazy.node_of("x{user7}") is lazy.node_of(b"y{user7}") is lazy.node_of("user7")
        await lazy.disconnect()
        handler = await getattr(redis, name)(places)
        assert await handler.mget(keys) == list(range(20))
        assert all(place in repr(handler) for place in places)
        with pytest.raises(NotImplementedError, match="Pipelining"):
            handler.pipeline()
        with pytest.raises(NotImplementedError, match="'keys' cannot be sharded"):
            handler.keys("*")
        with pytest.raises(ValueError, match="'get' requires a key"):
            handler.get(3)
        assert await handler.disconnect() is True

    reactor_run(run)


async def test_one_of_them_is_away(valkey: Valkey, free_port: int) -> None:
    places = [f"127.0.0.1:{valkey.port}", f"127.0.0.1:{free_port}"]
    lazy = redis.lazyShardedConnection(places, poolTimeout=0.1)
    with pytest.raises(redis.ConnectionError):
        await lazy.mget([f"key{number}" for number in range(20)])
    await lazy.disconnect()
    waiting = redis.ShardedConnection(places, reconnect=False)
    with pytest.raises(ValueError, match="could not connect"):
        await waiting
    early = redis.ShardedConnectionHandler(DeferredList([Deferred()]))
    with pytest.raises(redis.ConnectionError):
        early.disconnect()
    assert repr(early) == "<Redis Sharded Connection: >"
    assert early.describe() == {"state": "down", "size": 0, "in_use": 0, "waiting": 0}


async def test_as_a_monitor_sees_them(valkey: Valkey, free_port: int) -> None:
    here, nowhere = f"127.0.0.1:{valkey.port}", f"127.0.0.1:{free_port}"
    for places, ready in (([here], True), ([here, nowhere], False)):
        pool = redis.lazyShardedConnectionPool(places, poolsize=2, poolTimeout=0.2)
        await eventually(lambda pool=pool: any(n._factory.size == 2 for n in pool._ring.nodes))
        application = Application(health.routes(max_age=0), stores={"redis": pool})
        with ExpectLog("cyclone.general", "redis (is away|does not answer)", required=not ready):
            answer = (await DeferredClient(application).get("/-/ready")).json()
        assert answer == {
            "ready": ready,
            "stores": {
                "redis": {
                    "ready": ready,
                    "state": "up" if ready else "down",
                    "size": 2 * len(places),
                    "in_use": 0,
                    "waiting": 0,
                }
            },
        }
        await pool.disconnect()
        assert pool.describe()["state"] == "closed"
