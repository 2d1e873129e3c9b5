"""The names of cyclone 1.x's redis module, and their arguments in the order that they had."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import cyclone.redis as redis

NAMES = [
    "Connection",
    "lazyConnection",
    "ConnectionPool",
    "lazyConnectionPool",
    "ShardedConnection",
    "lazyShardedConnection",
    "ShardedConnectionPool",
    "lazyShardedConnectionPool",
    "UnixConnection",
    "lazyUnixConnection",
    "UnixConnectionPool",
    "lazyUnixConnectionPool",
    "ShardedUnixConnection",
    "lazyShardedUnixConnection",
    "ShardedUnixConnectionPool",
    "lazyShardedUnixConnectionPool",
    "makeConnection",
    "makeShardedConnection",
    "makeUnixConnection",
    "makeShardedUnixConnection",
    "RedisConnection",
    "lazyRedisConnection",
    "RedisConnectionPool",
    "lazyRedisConnectionPool",
    "RedisShardingConnection",
    "RedisShardingConnectionPool",
    "lazyRedisShardingConnection",
    "lazyRedisShardingConnectionPool",
    "RedisError",
    "ConnectionError",
    "ResponseError",
    "ScriptDoesNotExist",
    "NoScriptRunning",
    "InvalidResponse",
    "InvalidData",
    "WatchError",
    "list_or_args",
    "MultiBulkStorage",
    "LineReceiver",
    "BaseRedisProtocol",
    "HiredisProtocol",
    "RedisProtocol",
    "MonitorProtocol",
    "SubscriberProtocol",
    "ConnectionHandler",
    "UnixConnectionHandler",
    "ShardedConnectionHandler",
    "ShardedUnixConnectionHandler",
    "ShardedMethods",
    "HashRing",
    "RedisFactory",
    "SubscriberFactory",
    "MonitorFactory",
    "version",
]

COMMON = ["charset", "password", "connectTimeout", "replyTimeout", "convertNumbers"]
SIGNATURES: dict[str, list[str]] = {
    "Connection": ["host", "port", "dbid", "reconnect", *COMMON],
    "lazyConnectionPool": ["host", "port", "dbid", "poolsize", "reconnect", *COMMON],
    "UnixConnection": ["path", "dbid", "reconnect", *COMMON],
    "lazyUnixConnectionPool": ["path", "dbid", "poolsize", "reconnect", *COMMON],
    "ShardedConnection": ["hosts", "dbid", "reconnect", *COMMON],
    "lazyShardedConnectionPool": ["hosts", "dbid", "poolsize", "reconnect", *COMMON],
    "lazyShardedUnixConnectionPool": ["paths", "dbid", "poolsize", "reconnect", *COMMON],
    "makeConnection": ["host", "port", "dbid", "poolsize", "reconnect", "isLazy", *COMMON],
    "makeUnixConnection": ["path", "dbid", "poolsize", "reconnect", "isLazy", *COMMON],
    "RedisConnection": ["host", "port", "reconnect", "db"],
    "lazyRedisConnectionPool": ["host", "port", "reconnect", "pool_size", "db"],
    "RedisShardingConnectionPool": ["hosts", "reconnect", "pool_size", "db"],
    "SubscriberFactory": ["isLazy", "handler"],
    "RedisFactory": [
        *("uuid", "dbid", "poolsize", "isLazy", "handler", "charset", "password"),
        *("replyTimeout", "convertNumbers"),
    ],
}


def test_the_names_of_cyclone_1() -> None:
    assert [name for name in NAMES if not hasattr(redis, name)] == []
    assert set(NAMES) <= set(redis.__all__)
    assert [name for name in redis.__all__ if not hasattr(redis, name)] == []


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_order_of_arguments(name: str) -> None:
    parameters = inspect.signature(getattr(redis, name)).parameters.values()
    positional = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    expected = SIGNATURES[name]
    assert positional[: len(expected)] == expected


def test_limits() -> None:
    defaults: dict[str, Any] = {
        name: parameter.default
        for name, parameter in inspect.signature(redis.lazyConnectionPool).parameters.items()
    }
    assert (defaults["connectTimeout"], defaults["replyTimeout"]) == (5, 30)
    factory = redis.RedisFactory("x", None, 1)
    assert (factory.poolTimeout, factory.maxWaiting) == (10, 10_000)
    assert factory.maxDelay < 1
