"""Redis and Valkey: pools of connections that come back, over txredisapi (the extra ``redis``).

>>> redis = cyclone.redis.lazyConnectionPool()  # doctest: +SKIP
>>> class MainHandler(RequestHandler):  # doctest: +SKIP
...     async def get(self):
...         self.write(str(await redis.get("greeting")))

The names are cyclone 1.x's, whose module was a copy of txredisapi, and so are their arguments.
Importing this installs Twisted's reactor if there is none, as importing txredisapi does.

The rooms:

    library      txredisapi, or word of what is missing
    connections  Connection, ConnectionPool and the others
    sharded      the same for several servers
    oldnames     names from before cyclone 0.9
    connecting   what they have in common
    endpoints    ways to a server
    factory      RedisFactory, SubscriberFactory, MonitorFactory: pools
    slots        connections of a pool that connectTCP and connectUNIX open
    queue        which connections of a pool are free
    handlers     ConnectionHandler: what commands are called on
    sharding     which server has which key
    sentinel     servers that Sentinel names
    protocols    connections
    wire         reading replies
"""

from __future__ import annotations

from cyclone.outages import register_outage

from .connecting import (
    Options,
    makeConnection,
    makeShardedConnection,
    makeShardedUnixConnection,
    makeUnixConnection,
)
from .connections import (
    Connection,
    ConnectionPool,
    UnixConnection,
    UnixConnectionPool,
    lazyConnection,
    lazyConnectionPool,
    lazyUnixConnection,
    lazyUnixConnectionPool,
)
from .endpoints import tcp_endpoint, unix_endpoint
from .factory import MonitorFactory, RedisFactory, SubscriberFactory
from .handlers import ConnectionHandler, UnixConnectionHandler
from .library import txredisapi
from .oldnames import (
    RedisConnection,
    RedisConnectionPool,
    RedisShardingConnection,
    RedisShardingConnectionPool,
    lazyRedisConnection,
    lazyRedisConnectionPool,
    lazyRedisShardingConnection,
    lazyRedisShardingConnectionPool,
)
from .protocols import MonitorProtocol, RedisProtocol, SubscriberProtocol
from .queue import ConnectionQueue
from .sentinel import Sentinel, SentinelConnectionFactory, SentinelRedisProtocol
from .sharded import (
    ShardedConnection,
    ShardedConnectionPool,
    ShardedUnixConnection,
    ShardedUnixConnectionPool,
    lazyShardedConnection,
    lazyShardedConnectionPool,
    lazyShardedUnixConnection,
    lazyShardedUnixConnectionPool,
)
from .sharding import HashRing, ShardedConnectionHandler, ShardedUnixConnectionHandler

# What is txredisapi's own.
BaseRedisProtocol = txredisapi.BaseRedisProtocol
ConnectionError = txredisapi.ConnectionError
HiredisProtocol = txredisapi.HiredisProtocol
InvalidData = txredisapi.InvalidData
InvalidResponse = txredisapi.InvalidResponse
LineReceiver = txredisapi.LineReceiver
MasterNotFoundError = txredisapi.MasterNotFoundError
MultiBulkStorage = txredisapi.MultiBulkStorage
NoScriptRunning = txredisapi.NoScriptRunning
RedisError = txredisapi.RedisError
ReplyQueue = txredisapi.ReplyQueue
ResponseError = txredisapi.ResponseError
ScriptDoesNotExist = txredisapi.ScriptDoesNotExist
ShardedMethods = txredisapi.ShardedMethods
TimeoutError = txredisapi.TimeoutError
WatchError = txredisapi.WatchError
list_or_args = txredisapi.list_or_args
version = txredisapi.version
PeekableQueue = ConnectionQueue

# A server that is away is that for `cyclone.storage`, too: 503, and not ready.
register_outage(ConnectionError, MasterNotFoundError)

__all__ = [
    "BaseRedisProtocol",
    "Connection",
    "ConnectionError",
    "ConnectionHandler",
    "ConnectionPool",
    "ConnectionQueue",
    "HashRing",
    "HiredisProtocol",
    "InvalidData",
    "InvalidResponse",
    "LineReceiver",
    "MasterNotFoundError",
    "MonitorFactory",
    "MonitorProtocol",
    "MultiBulkStorage",
    "NoScriptRunning",
    "Options",
    "PeekableQueue",
    "RedisConnection",
    "RedisConnectionPool",
    "RedisError",
    "RedisFactory",
    "RedisProtocol",
    "RedisShardingConnection",
    "RedisShardingConnectionPool",
    "ReplyQueue",
    "ResponseError",
    "ScriptDoesNotExist",
    "Sentinel",
    "SentinelConnectionFactory",
    "SentinelRedisProtocol",
    "ShardedConnection",
    "ShardedConnectionHandler",
    "ShardedConnectionPool",
    "ShardedMethods",
    "ShardedUnixConnection",
    "ShardedUnixConnectionHandler",
    "ShardedUnixConnectionPool",
    "SubscriberFactory",
    "SubscriberProtocol",
    "TimeoutError",
    "UnixConnection",
    "UnixConnectionHandler",
    "UnixConnectionPool",
    "WatchError",
    "lazyConnection",
    "lazyConnectionPool",
    "lazyRedisConnection",
    "lazyRedisConnectionPool",
    "lazyRedisShardingConnection",
    "lazyRedisShardingConnectionPool",
    "lazyShardedConnection",
    "lazyShardedConnectionPool",
    "lazyShardedUnixConnection",
    "lazyShardedUnixConnectionPool",
    "lazyUnixConnection",
    "lazyUnixConnectionPool",
    "list_or_args",
    "makeConnection",
    "makeShardedConnection",
    "makeShardedUnixConnection",
    "makeUnixConnection",
    "tcp_endpoint",
    "unix_endpoint",
    "version",
]
