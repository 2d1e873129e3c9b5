"""The names that connections had before cyclone 0.9, with their arguments in that order."""

from __future__ import annotations

from typing import Any

from .connections import Connection, ConnectionPool, lazyConnection, lazyConnectionPool
from .sharded import (
    ShardedConnection,
    ShardedConnectionPool,
    lazyShardedConnection,
    lazyShardedConnectionPool,
)

__all__ = [
    "RedisConnection",
    "RedisConnectionPool",
    "RedisShardingConnection",
    "RedisShardingConnectionPool",
    "lazyRedisConnection",
    "lazyRedisConnectionPool",
    "lazyRedisShardingConnection",
    "lazyRedisShardingConnectionPool",
]


def RedisConnection(
    host: str = "localhost",
    port: int = 6379,
    reconnect: bool = True,
    db: int | None = 0,
) -> Any:
    """`Connection`."""
    return Connection(host, port, db, reconnect)


def lazyRedisConnection(
    host: str = "localhost",
    port: int = 6379,
    reconnect: bool = True,
    db: int | None = 0,
) -> Any:
    """`lazyConnection`."""
    return lazyConnection(host, port, db, reconnect)


def RedisConnectionPool(
    host: str = "localhost",
    port: int = 6379,
    reconnect: bool = True,
    pool_size: int = 5,
    db: int | None = 0,
) -> Any:
    """`ConnectionPool`."""
    return ConnectionPool(host, port, db, pool_size, reconnect)


def lazyRedisConnectionPool(
    host: str = "localhost",
    port: int = 6379,
    reconnect: bool = True,
    pool_size: int = 5,
    db: int | None = 0,
) -> Any:
    """`lazyConnectionPool`."""
    return lazyConnectionPool(host, port, db, pool_size, reconnect)


def RedisShardingConnection(
    hosts: list[str] | tuple[str, ...],
    reconnect: bool = True,
    db: int | None = 0,
) -> Any:
    """`ShardedConnection`."""
    return ShardedConnection(hosts, db, reconnect)


def lazyRedisShardingConnection(
    hosts: list[str] | tuple[str, ...],
    reconnect: bool = True,
    db: int | None = 0,
) -> Any:
    """`lazyShardedConnection`."""
    return lazyShardedConnection(hosts, db, reconnect)


def RedisShardingConnectionPool(
    hosts: list[str] | tuple[str, ...],
    reconnect: bool = True,
    pool_size: int = 5,
    db: int | None = 0,
) -> Any:
    """`ShardedConnectionPool`."""
    return ShardedConnectionPool(hosts, db, pool_size, reconnect)


def lazyRedisShardingConnectionPool(
    hosts: list[str] | tuple[str, ...],
    reconnect: bool = True,
    pool_size: int = 5,
    db: int | None = 0,
) -> Any:
    """`lazyShardedConnectionPool`."""
    return lazyShardedConnectionPool(hosts, db, pool_size, reconnect)
