"""Factories: pools of connections that come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from .handlers import ConnectionHandler
from .library import txredisapi
from .protocols import MonitorProtocol, RedisProtocol, SubscriberProtocol
from .queue import ConnectionQueue
from .slots import ConnectorSlot

__all__ = ["MonitorFactory", "RedisFactory", "SubscriberFactory"]

_log = Logger(namespace="cyclone.general")

#: How errors begin that are gone when the server has started.
_PASSING = ("LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN")


class RedisFactory(txredisapi.RedisFactory):
    """A pool of connections (cyclone 1.x's name).

    It is connected by ``reactor.connectTCP(host, port, factory)`` or ``connectUNIX``, as often as
    there should be connections, or once by ``startConnecting(endpoint)``.

    Args:
        uuid: the name of the server, as far as sharding is concerned: ``host:port`` or a path.
        dbid: number of the database, None for the first.
        poolsize: how many connections.
        isLazy: whether whoever made the factory has the handler already.
        handler: class of what commands are called on.
        charset: of texts; None gives bytes.
        password: None if there is none to give.
        replyTimeout: seconds to wait for a reply, None for ever.  After that the connection is
            given up, with all replies that have not come.
        convertNumbers: whether what looks like a number becomes one.
        username: for servers with users.

    Attributes:
        initialDelay: seconds until a lost connection is tried again, at first.
        maxDelay: seconds between attempts, later.
        poolTimeout: seconds that a command waits for a connection before it fails with
            `ConnectionError`; None for ever.
        disconnectTimeout: seconds after which `disconnect` drops connections that do not end.
        maxWaiting: how many commands may wait for a connection; more fail at once.
        continueTrying: set it to false to have lost connections not come back.
        pool: the connections.
        size: their number.
        deferred: fires with the handler when the pool is full for the first time.
        lastError: why the server did not let us in, None when it does.
    """

    initialDelay = 0.1
    maxDelay = 0.75
    continueTrying: Any = True
    poolTimeout: float | None = 10.0
    maxWaiting = 10_000
    disconnectTimeout = 2.0
    protocol: Any = RedisProtocol

    def __init__(
        self,
        uuid: str | None,
        dbid: int | None,
        poolsize: int,
        isLazy: bool = False,
        handler: Callable[[Any], Any] = ConnectionHandler,
        charset: str | None = "utf-8",
        password: str | None = None,
        replyTimeout: float | None = None,
        convertNumbers: bool = True,
        username: str | None = None,
    ) -> None:
        super().__init__(
            uuid,
            dbid,
            poolsize,
            isLazy,
            handler,
            charset,
            password,
            replyTimeout,
            convertNumbers,
            username,
        )
        self.connectionQueue = ConnectionQueue()
        self.lastError: Exception | None = None
        self._connectors: dict[Any, ConnectorSlot] = {}

    # -- for commands

    def getConnection(self, peek: bool = False) -> Deferred[Any]:
        """A connection: for oneself until it is put back, or with `peek` one that is shared.

        Fails with `ConnectionError`: there is none, and none within `poolTimeout`.
        """
        queue = self.connectionQueue
        if not self.size:
            if self.lastError is not None:
                return fail(txredisapi.ConnectionError(f"Not connected: {self.lastError}"))
            if self.stopped or not (self.reconnect and self.continueTrying):
                return fail(txredisapi.ConnectionError("Not connected"))
        found: Deferred[Any] = queue.peek() if peek else queue.get()
        if found.called:
            return found
        if queue.wanted > self.maxWaiting:
            found.addErrback(self._too_many)
            found.cancel()
        elif self.poolTimeout is not None:
            from twisted.internet import reactor

            found.addTimeout(self.poolTimeout, reactor, self._too_late)
        return found

    def _too_many(self, failure: Failure) -> Failure:
        failure.trap(CancelledError)
        raise txredisapi.ConnectionError(
            f"Not connected: {self.maxWaiting} commands wait for a connection already"
        )

    def _too_late(self, result: Any, timeout: float) -> Any:
        if isinstance(result, Failure) and result.check(CancelledError):
            state = "no connection became free" if self.size else "Not connected"
            raise txredisapi.TimeoutError(f"{state} within {timeout} s")
        return result

    # -- for connections

    def addConnection(self, conn: Any) -> None:
        """A connection is logged in."""
        self.lastError = None
        super().addConnection(conn)

    def loginFailed(self, conn: Any, error: Exception) -> None:
        """The server does not let a connection in, or the connection was lost meanwhile.

        A pool that nobody has yet been given fails.  Others try again: passwords are changed, and
        servers start.  Until then commands fail at once, and say why.
        """
        conn.transport.loseConnection()
        if isinstance(error, txredisapi.ConnectionError) or str(error).startswith(_PASSING):
            return
        if self.deferred is not None and not self.isLazy:
            self.stopTrying()
            self.connectionError(f"Redis error: could not log in: {error}")
            return
        if str(self.lastError) != str(error):
            _log.error("Redis error: could not log in: {error}", error=error)
        self.lastError = error
        if not self.size:
            self.connectionQueue.fail(txredisapi.ConnectionError(f"Not connected: {error}"))

    def retryDelay(self, attempt: int) -> float:
        """Seconds before an attempt; see `initialDelay` and `maxDelay`."""
        if not self.continueTrying:
            self.stopTrying()
        delay: float = super().retryDelay(attempt)
        return delay

    def stopTrying(self) -> Deferred[Any]:
        """Make no new connections, and leave those that there are."""
        self.continueTrying = False
        stopped: Deferred[Any] = super().stopTrying()
        if not self.size:
            self.connectionQueue.fail(txredisapi.ConnectionError("Not connected"))
        return stopped

    def disconnect(self) -> Deferred[Any]:
        """Close all connections and make no new ones.  Fires when the pool is empty."""
        self.continueTrying = False
        self.connectionQueue.fail(txredisapi.ConnectionError("Disconnected"))
        gone: Deferred[Any] = super().disconnect()
        if not gone.called:
            from twisted.internet import reactor

            timer = reactor.callLater(self.disconnectTimeout, self._abort)
            gone.addBoth(self._disconnected, timer)
        return gone

    @staticmethod
    def _disconnected(result: Any, timer: Any) -> Any:
        if timer.active():
            timer.cancel()
        return result

    def _abort(self) -> None:
        """Drop what does not end by itself: a server that stands still takes nothing any more."""
        connections = [*self.pool, *(slot.protocol for slot in self.slots)]
        for connection in filter(None, connections):
            connection.transport.abortConnection()

    # -- for connectors: twisted.internet.protocol.ClientFactory

    def startedConnecting(self, connector: Any) -> None:
        """The reactor begins an attempt."""
        slot = self._connectors.get(connector)
        if slot is None:
            slot = self._connectors[connector] = ConnectorSlot(self, connector)
            self.slots.append(slot)
        slot.started()

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """An attempt has failed; there will be another, unless that was not to be."""
        slot = self._connectors[connector]
        if not self._again(connector) and not slot.stopped:
            self.connectionError(f"Redis error: could not connect: {reason.getErrorMessage()}")

    def connectionError(self, why: str) -> None:
        """The pool will not be full: tell whoever waits for it, if that can be."""
        if self.isLazy:
            self.deferred = None
        super().connectionError(why)

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        """A connection is lost; there will be another, unless that was not to be."""
        self._again(connector)

    def _again(self, connector: Any) -> bool:
        slot = self._connectors[connector]
        if slot.ended():
            return True
        del self._connectors[connector]
        self.slots.remove(slot)
        return False

    def resetDelay(self) -> None:
        """Let the next attempt be like the first (`ReconnectingClientFactory`)."""
        for slot in self._connectors.values():
            slot.attempts = 0


class SubscriberFactory(RedisFactory):
    """One connection for messages (cyclone 1.x's name).

    Give it a subclass of `SubscriberProtocol` as `protocol`.
    """

    protocol = SubscriberProtocol

    def __init__(
        self, isLazy: bool = False, handler: Callable[[Any], Any] = ConnectionHandler
    ) -> None:
        super().__init__(None, None, 1, isLazy=isLazy, handler=handler)


class MonitorFactory(SubscriberFactory):
    """One connection for what other clients do (cyclone 1.x's name).

    Give it a subclass of `MonitorProtocol` as `protocol`.
    """

    protocol = MonitorProtocol
