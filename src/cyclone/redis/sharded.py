"""Connections and pools of several servers, by cyclone 1.x's names.

`hosts` are ``host:port``, `paths` are those of unix sockets; the other arguments are those of
`connections`.
"""

from __future__ import annotations

from typing import Any, Unpack

from .connecting import (
    CONNECT_TIMEOUT,
    REPLY_TIMEOUT,
    Options,
    makeShardedConnection,
    makeShardedUnixConnection,
)

__all__ = [
    "ShardedConnection",
    "ShardedConnectionPool",
    "ShardedUnixConnection",
    "ShardedUnixConnectionPool",
    "lazyShardedConnection",
    "lazyShardedConnectionPool",
    "lazyShardedUnixConnection",
    "lazyShardedUnixConnectionPool",
]


def ShardedConnection(
    hosts: list[str] | tuple[str, ...],
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """One connection to each server: a Deferred of a `ShardedConnectionHandler`."""
    return makeShardedConnection(
        hosts,
        dbid,
        1,
        reconnect,
        False,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )


def lazyShardedConnection(
    hosts: list[str] | tuple[str, ...],
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """A `ShardedConnectionHandler` of one connection to each server."""
    return makeShardedConnection(
        hosts,
        dbid,
        1,
        reconnect,
        True,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )


def ShardedConnectionPool(
    hosts: list[str] | tuple[str, ...],
    dbid: int | None = None,
    poolsize: int = 10,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """A pool for each server: a Deferred of a `ShardedConnectionHandler`."""
    return makeShardedConnection(
        hosts,
        dbid,
        poolsize,
        reconnect,
        False,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )


def lazyShardedConnectionPool(
    hosts: list[str] | tuple[str, ...],
    dbid: int | None = None,
    poolsize: int = 10,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """A `ShardedConnectionHandler` of a pool for each server."""
    return makeShardedConnection(
        hosts,
        dbid,
        poolsize,
        reconnect,
        True,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )


def ShardedUnixConnection(
    paths: list[str] | tuple[str, ...],
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """`ShardedConnection` at unix sockets."""
    return makeShardedUnixConnection(
        paths,
        dbid,
        1,
        reconnect,
        False,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )


def lazyShardedUnixConnection(
    paths: list[str] | tuple[str, ...],
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """`lazyShardedConnection` at unix sockets."""
    return makeShardedUnixConnection(
        paths,
        dbid,
        1,
        reconnect,
        True,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )


def ShardedUnixConnectionPool(
    paths: list[str] | tuple[str, ...],
    dbid: int | None = None,
    poolsize: int = 10,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """`ShardedConnectionPool` at unix sockets."""
    return makeShardedUnixConnection(
        paths,
        dbid,
        poolsize,
        reconnect,
        False,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )


def lazyShardedUnixConnectionPool(
    paths: list[str] | tuple[str, ...],
    dbid: int | None = None,
    poolsize: int = 10,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """`lazyShardedConnectionPool` at unix sockets."""
    return makeShardedUnixConnection(
        paths,
        dbid,
        poolsize,
        reconnect,
        True,
        charset,
        password,
        connectTimeout,
        replyTimeout,
        convertNumbers,
        **options,
    )
