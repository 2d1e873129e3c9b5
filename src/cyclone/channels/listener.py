"""The connections of an engine over Redis; the only room that knows `cyclone.redis`."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, gatherResults

from cyclone import redis

from .errors import ChannelsError, ChannelsUnavailable

__all__ = ["Line", "Listener"]


#: How errors begin of a server that is about to change.
_PASSING = ("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "READONLY", "TRYAGAIN")


class Listener(Protocol):
    """Whom a `Line` tells."""

    def found(self, connection: Any) -> None:
        """There is a connection to listen on."""
        ...

    def lost(self, connection: Any) -> None:
        """There is none any more."""
        ...

    def received(self, key: bytes, data: bytes) -> None:
        """A message has come."""
        ...


class _ListeningProtocol(redis.SubscriberProtocol):
    def messageReceived(self, pattern: Any, channel: Any, message: Any) -> None:
        self.factory.listener.received(channel, message)


class _ListeningFactory(redis.RedisFactory):
    protocol = _ListeningProtocol
    listener: Listener

    def addConnection(self, conn: Any) -> None:
        super().addConnection(conn)
        if conn in self.pool:
            self.listener.found(conn)

    def delConnection(self, conn: Any) -> None:
        super().delConnection(conn)
        self.listener.lost(conn)


class Line:
    """Two connections to a server: one to listen on, one for commands."""

    def __init__(
        self,
        listener: Listener,
        host: str,
        port: int,
        path: str | None,
        username: str | None,
        password: str | None,
        tls: Any,
        timeout: float,
    ) -> None:
        self._listener = listener
        self._place = (host, port, path)
        self._login: dict[str, Any] = {"username": username, "password": password}
        self._tls = tls
        self._timeout = timeout
        self._listening: Any = None
        self._commands: Any = None

    def open(self) -> None:
        """Connect, and connect again, until `close`."""
        host, port, path = self._place
        common: dict[str, Any] = {**self._login, "charset": None, "convertNumbers": False}
        factory = _ListeningFactory(None, None, 1, True, **common)
        factory.listener = self._listener
        self._listening = factory
        common |= {"replyTimeout": self._timeout, "poolTimeout": self._timeout}
        if path is not None:
            factory.startConnecting(redis.unix_endpoint(path, self._timeout))
            self._commands = redis.lazyUnixConnection(path, **common)
        else:
            factory.startConnecting(redis.tcp_endpoint(host, port, self._timeout, self._tls))
            self._commands = redis.lazyConnection(
                host, port, ssl_context_factory=self._tls, **common
            )

    def close(self) -> Deferred[Any]:
        """Close both connections.  Fires when they are closed."""
        return gatherResults([self._listening.disconnect(), self._commands.disconnect()])

    async def command(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The reply to a command.

        Raises:
            ChannelsUnavailable: there is none.
            ChannelsError: it is an error.
        """
        try:
            return await getattr(self._commands, name)(*args, **kwargs)
        except redis.RedisError as error:
            away = isinstance(error, redis.ConnectionError) or str(error).startswith(_PASSING)
            kind = ChannelsUnavailable if away else ChannelsError
            raise kind(f"Redis: {error}") from error
