"""Connections to Redis: commands, subscriptions, and what the server is asked to do."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import inlineCallbacks

from .library import txredisapi
from .wire import Reading

__all__ = ["MonitorProtocol", "RedisProtocol", "SubscriberProtocol"]


class RedisProtocol(Reading, txredisapi.RedisProtocol):
    """A connection to Redis, with a method for each command (cyclone 1.x's name).

    Methods return Deferreds.  `factory` has the connection when it is logged in.
    """

    password: str | None
    dbid: int | None

    def connectionMade(self) -> None:
        """Log in and choose the database, if that is asked for; then the connection is usable."""
        if self.password is None and self.dbid is None:
            super().connectionMade()
        else:
            self._log_in()

    @inlineCallbacks
    def _log_in(self) -> Generator[Any, Any, None]:
        try:
            if self.password is not None:
                yield self.auth(self.password, self.username)
            if self.dbid is not None:
                yield self.select(self.dbid)
        except txredisapi.RedisError as error:
            self.factory.loginFailed(self, error)
            return
        # Both are done; what is left of it is to say so.
        self.password = self.dbid = None
        super().connectionMade()


class MonitorProtocol(RedisProtocol, txredisapi.MonitorProtocol):
    """A connection that is told all commands of all clients, after `monitor()`.

    Override `messageReceived(message)`.  `stop()` closes the connection.
    """

    def replyReceived(self, reply: Any) -> None:
        """A command, or the reply to ``MONITOR``."""
        if self.replyQueue.waiting:
            self.replyQueue.put(reply)
        if not isinstance(reply, Exception):
            self.messageReceived(reply)


class SubscriberProtocol(RedisProtocol, txredisapi.SubscriberProtocol):
    """A connection that gets messages, after `subscribe(channels)` or `psubscribe(patterns)`.

    Override `messageReceived(pattern, channel, message)`; `pattern` is None for channels.  What is
    subscribed ends with the connection: subscribe in `connectionMade`.
    """
