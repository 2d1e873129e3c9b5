"""Pools by one call: what `Connection` and the others have in common."""

from __future__ import annotations

from typing import Any, TypedDict

from twisted.internet.defer import DeferredList

from .endpoints import tcp_endpoint, unix_endpoint
from .factory import RedisFactory
from .handlers import ConnectionHandler, UnixConnectionHandler
from .sharding import ShardedConnectionHandler, ShardedUnixConnectionHandler

__all__ = [
    "CONNECT_TIMEOUT",
    "REPLY_TIMEOUT",
    "Options",
    "makeConnection",
    "makeShardedConnection",
    "makeShardedUnixConnection",
    "makeUnixConnection",
]

#: Seconds for an attempt to connect.
CONNECT_TIMEOUT = 5.0
#: Seconds for a reply.
REPLY_TIMEOUT = 30.0


class Options(TypedDict, total=False):
    """What cyclone 1.x did not have.

    Attributes:
        username: for servers with users.
        ssl_context_factory: True for TLS with the certificates that the system trusts, or an object
            of Twisted's that says more; not for unix sockets.
        poolTimeout: seconds that a command waits for a connection, None for ever.
        maxWaiting: how many commands may wait for one.
    """

    username: str | None
    ssl_context_factory: Any
    poolTimeout: float | None
    maxWaiting: int


def _factory(
    uuid: str,
    dbid: int | None,
    poolsize: int,
    reconnect: bool,
    isLazy: bool,
    handler: type[ConnectionHandler],
    charset: str | None,
    password: str | None,
    replyTimeout: float | None,
    convertNumbers: bool,
    options: Options,
) -> RedisFactory:
    factory = RedisFactory(
        uuid,
        dbid,
        poolsize,
        isLazy,
        handler,
        charset,
        password,
        replyTimeout,
        convertNumbers,
        options.get("username"),
    )
    factory.reconnect = factory.continueTrying = reconnect
    factory.poolTimeout = options.get("poolTimeout", factory.poolTimeout)
    factory.maxWaiting = options.get("maxWaiting", factory.maxWaiting)
    return factory


def makeConnection(
    host: str,
    port: int,
    dbid: int | None,
    poolsize: int,
    reconnect: bool,
    isLazy: bool,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Any,
) -> Any:
    """A pool: its handler if `isLazy`, else a Deferred of it."""
    _check(options, Options.__optional_keys__)
    factory = _factory(
        f"{host}:{port}",
        dbid,
        poolsize,
        reconnect,
        isLazy,
        ConnectionHandler,
        charset,
        password,
        replyTimeout,
        convertNumbers,
        Options(**options),  # type: ignore[typeddict-item]
    )
    tls = options.get("ssl_context_factory", False)
    factory.startConnecting(tcp_endpoint(host, port, connectTimeout, tls))
    return factory.handler if isLazy else factory.deferred


def makeUnixConnection(
    path: str,
    dbid: int | None,
    poolsize: int,
    reconnect: bool,
    isLazy: bool,
    charset: str | None = "utf-8",
    password: str | None = None,
    connectTimeout: float | None = CONNECT_TIMEOUT,
    replyTimeout: float | None = REPLY_TIMEOUT,
    convertNumbers: bool = True,
    **options: Any,
) -> Any:
    """The same for a unix socket."""
    _check(options, Options.__optional_keys__ - {"ssl_context_factory"})
    factory = _factory(
        path,
        dbid,
        poolsize,
        reconnect,
        isLazy,
        UnixConnectionHandler,
        charset,
        password,
        replyTimeout,
        convertNumbers,
        Options(**options),  # type: ignore[typeddict-item]
    )
    factory.startConnecting(unix_endpoint(path, connectTimeout))
    return factory.handler if isLazy else factory.deferred


def makeShardedConnection(
    hosts: list[str] | tuple[str, ...],
    dbid: int | None,
    poolsize: int,
    reconnect: bool,
    isLazy: bool,
    *args: Any,
    **options: Any,
) -> Any:
    """Pools of several servers, ``host:port`` each: their handler if `isLazy`, else a Deferred.

    Raises:
        ValueError: `hosts` is something else.
    """
    places = _places(hosts)
    pools = [
        makeConnection(host, port, dbid, poolsize, reconnect, isLazy, *args, **options)
        for host, port in places
    ]
    return _sharded(ShardedConnectionHandler, pools, isLazy)


def makeShardedUnixConnection(
    paths: list[str] | tuple[str, ...],
    dbid: int | None,
    poolsize: int,
    reconnect: bool,
    isLazy: bool,
    *args: Any,
    **options: Any,
) -> Any:
    """The same for unix sockets.

    Raises:
        ValueError: `paths` is something else.
    """
    if not isinstance(paths, (list, tuple)) or not paths:
        raise ValueError("Please use a list or tuple of paths for sharded unix connections")
    pools = [
        makeUnixConnection(path, dbid, poolsize, reconnect, isLazy, *args, **options)
        for path in paths
    ]
    return _sharded(ShardedUnixConnectionHandler, pools, isLazy)


def _check(options: dict[str, Any], known: frozenset[str]) -> None:
    unknown = set(options) - known
    if unknown:
        raise TypeError(f"unexpected keyword argument {min(unknown)!r}")


def _places(hosts: Any) -> list[tuple[str, int]]:
    error = "Please use a list or tuple of host:port for sharded connections"
    if not isinstance(hosts, (list, tuple)) or not hosts:
        raise ValueError(error)
    places = []
    for item in hosts:
        host, colon, port = str(item).rpartition(":")
        if not (colon and host and port.isascii() and port.isdecimal()):
            raise ValueError(f"{error}, not {item!r}")
        places.append((host.strip("[]"), int(port)))
    return places


def _sharded(kind: type[ShardedConnectionHandler], pools: list[Any], isLazy: bool) -> Any:
    if isLazy:
        return kind(pools)
    together = DeferredList(pools, consumeErrors=True)
    kind(together)
    return together
