"""Connections that `reactor.connectTCP` and `connectUNIX` open, and open again."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

__all__ = ["ConnectorSlot"]


class ConnectorSlot:
    """One place of a pool, filled by one connector.

    txredisapi has such places for endpoints; this is the same for connectors, as cyclone 1.x's
    factories were used: ``reactor.connectTCP(host, port, factory)``.
    """

    def __init__(self, factory: Any, connector: Any) -> None:
        self.factory = factory
        self.connector = connector
        self.attempts = 0
        self.stopped = False
        self._since = 0.0
        self._retry: Any = None
        self._idle: Deferred[None] | None = None

    @property
    def protocol(self) -> Any:
        """What is connected, None if nothing is; all that can be done with it is to drop it."""
        return self if self.connector.state == "connected" else None

    @property
    def transport(self) -> Any:
        """The transport of the connection."""
        return self.connector.transport

    # -- what the connector does

    def started(self) -> None:
        """An attempt begins."""
        self._since = self._clock().seconds()

    def ended(self) -> bool:
        """An attempt has failed, or a connection is lost.

        Returns:
            whether there will be another.
        """
        factory, clock = self.factory, self._clock()
        if self._idle is not None:
            idle, self._idle = self._idle, None
            self.stopped = True
            idle.callback(None)
            return False
        if factory.stopped or not (factory.reconnect and factory.continueTrying):
            return False
        lasted = clock.seconds() - self._since
        self.attempts = 1 if lasted > 2 * factory.maxDelay else self.attempts + 1
        self._retry = clock.callLater(factory.retryDelay(self.attempts), self._connect)
        return True

    def _connect(self) -> None:
        self._retry = None
        self.connector.connect()

    def _clock(self) -> Any:
        reactor = getattr(self.connector, "reactor", None)
        if reactor is None:  # a connector that does not say
            from twisted.internet import reactor
        return reactor

    # -- what the factory does

    def stopTrying(self) -> Deferred[None]:
        """Leave a connection alone, but make no new one."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self.connector.state == "connecting":
            return self.stop()
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """Close the connection, if there is one, and make no new one."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self.connector.state == "disconnected":
            return succeed(None)
        if self._idle is None:
            self._idle = Deferred()
            self.connector.disconnect()
        done: Deferred[None] = Deferred()
        if self._idle is None:  # at once
            done.callback(None)
        else:
            self._idle.chainDeferred(done)
        return done
