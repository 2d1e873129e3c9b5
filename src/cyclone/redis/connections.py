"""Connections and pools, by cyclone 1.x's names.

All take the same arguments:

    host, port      the server, or `path` of its unix socket
    dbid            number of the database, None for the first
    poolsize        how many connections, of a pool
    reconnect       whether connections that are lost come back
    charset         of texts; None gives bytes
    password        None if there is none
    connectTimeout  seconds for an attempt to connect, None for the system's limit
    replyTimeout    seconds for a reply, None for ever; commands that block have their own
    convertNumbers  whether what looks like a number becomes one
    and `Options`, by keyword
"""

from __future__ import annotations

from typing import Any, Unpack

from .connecting import (
    CONNECT_TIMEOUT,
    REPLY_TIMEOUT,
    Options,
    makeConnection,
    makeUnixConnection,
)

__all__ = [
    "Connection",
    "ConnectionPool",
    "UnixConnection",
    "UnixConnectionPool",
    "lazyConnection",
    "lazyConnectionPool",
    "lazyUnixConnection",
    "lazyUnixConnectionPool",
]


def Connection(
    host: str = "localhost",
    port: int = 6379,
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """One connection: a Deferred of its handler."""
    return makeConnection(
        host,
        port,
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


def lazyConnection(
    host: str = "localhost",
    port: int = 6379,
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """The handler of one connection, which is made meanwhile."""
    return makeConnection(
        host,
        port,
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


def ConnectionPool(
    host: str = "localhost",
    port: int = 6379,
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
    """A pool: a Deferred of its handler, which fires when it is full."""
    return makeConnection(
        host,
        port,
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


def lazyConnectionPool(
    host: str = "localhost",
    port: int = 6379,
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
    """The handler of a pool, which is filled meanwhile."""
    return makeConnection(
        host,
        port,
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


def UnixConnection(
    path: str = "/tmp/redis.sock",
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """`Connection` at a unix socket."""
    return makeUnixConnection(
        path,
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


def lazyUnixConnection(
    path: str = "/tmp/redis.sock",
    dbid: int | None = None,
    reconnect: bool = True,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Unpack[Options],
) -> Any:
    """`lazyConnection` at a unix socket."""
    return makeUnixConnection(
        path,
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


def UnixConnectionPool(
    path: str = "/tmp/redis.sock",
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
    """`ConnectionPool` at a unix socket."""
    return makeUnixConnection(
        path,
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


def lazyUnixConnectionPool(
    path: str = "/tmp/redis.sock",
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
    """`lazyConnectionPool` at a unix socket."""
    return makeUnixConnection(
        path,
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
