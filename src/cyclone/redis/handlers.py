"""What commands are called on: a handler gives each to a connection of its pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .library import txredisapi

__all__ = ["ConnectionHandler", "UnixConnectionHandler"]


class ConnectionHandler(txredisapi.ConnectionHandler):
    """A pool, with the methods of a `RedisProtocol` (cyclone 1.x's name).

    >>> redis = cyclone.redis.lazyConnectionPool()  # doctest: +SKIP
    >>> await redis.set("greeting", "hello")  # doctest: +SKIP

    ``await redis.multi()`` gives a connection for a transaction, which `commit` and `discard` give
    back; ``await redis.pipeline()`` one that collects commands, until `execute_pipeline`.
    """

    _factory: Any

    def __getattr__(self, method: str) -> Callable[..., Deferred[Any]]:
        command = getattr(self._factory.protocol, method)
        alone = getattr(command, "_blocking", False)
        released = getattr(command, "_release_on_callback", True)
        factory = self._factory

        def call(*args: Any, **kwargs: Any) -> Deferred[Any]:
            def use(connection: Any) -> Any:
                try:
                    reply: Deferred[Any] = command(connection, *args, **kwargs)
                except BaseException:
                    if alone:
                        factory.connectionQueue.put(connection)
                    raise
                if alone and released:
                    reply.addBoth(give_back, connection)
                return reply

            found: Deferred[Any] = factory.getConnection(peek=not alone)
            return found.addCallback(use)

        def give_back(reply: Any, connection: Any) -> Any:
            if isinstance(reply, Failure) and reply.check(CancelledError):
                # The server goes on blocking it for the command that nobody waits for.
                connection.transport.abortConnection()
            else:
                factory.connectionQueue.put(connection)
            return reply

        return call

    def describe(self) -> dict[str, Any]:
        """What a monitor may show: state, size, connections in use, commands that wait for one.

        In use are those that belong to one command, or a transaction, alone.
        """
        factory = self._factory
        queue = factory.connectionQueue
        closed = factory.stopped or not factory.continueTrying
        return {
            "state": "up" if factory.size else "closed" if closed else "down",
            "size": factory.poolsize,
            "in_use": factory.size - len(queue.usable()),
            "waiting": queue.wanted,
        }

    def __repr__(self) -> str:
        return _described("Redis Connection", self, "{peer.host}:{peer.port}")


class UnixConnectionHandler(ConnectionHandler):
    """The same for unix sockets."""

    def __repr__(self) -> str:
        return _described("Redis Unix Connection", self, "{peer.name}")


def _described(kind: str, handler: Any, where: str) -> str:
    pool = handler._factory.pool
    if not pool:
        return "<Redis Connection: Not connected>"
    place = where.format(peer=pool[0].transport.getPeer())
    return f"<{kind}: {place} - {len(pool)} connection(s)>"
