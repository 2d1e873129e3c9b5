"""Messages over Redis or Valkey, to all processes that use the same server."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from cyclone._async import HandlerErrors, Waiter, spawn

from .engine import History, Receiver
from .errors import ChannelsClosed, ChannelsUnavailable
from .messages import Message, Position, Receipt, Status, decode, decode_numbered, encode
from .pauses import Pauses

__all__ = ["Feed", "RedisEngine"]

_log = Logger(namespace="cyclone.general")


class Feed:
    """A channel that this process listens to.

    Attributes:
        name: its name.
        key: what it is called on the server.
        last: the position of the last message, None before the first connection.
        seen: the position of the last that came while the history was asked for.
        catching_up: whether it is.
        joined: fires when its messages come.
    """

    __slots__ = ("catching_up", "joined", "key", "last", "name", "seen")

    def __init__(self, name: str, key: str) -> None:
        self.name = name
        self.key = key
        self.last: Position | None = None
        self.seen: Position | None = None
        self.catching_up = False
        self.joined = Waiter()


class RedisEngine:
    """Messages by ``PUBLISH`` and ``SUBSCRIBE`` (the extra ``redis``).

    A process has one connection on which it listens and one on which it publishes, so that its
    messages arrive in their order.  Both come back when they are lost, and channels are subscribed
    to again; what others have published meanwhile is lost.

    Args:
        host, port: the server.
        path: its unix socket, instead.
        username, password: None if there are none.
        tls: see `cyclone.redis.Options.ssl_context_factory`.
        prefix: what the names of channels begin with on the server, so that applications that
            share one do not get each other's messages.
        timeout: seconds for an answer, and to wait for a connection.
        ping_interval: seconds between questions whether the server is still there.

    Raises:
        ImportError: txredisapi is not installed.
    """

    has_history = False

    def __init__(
        self,
        host: str = "localhost",
        port: int = 6379,
        *,
        path: str | None = None,
        username: str | None = None,
        password: str | None = None,
        tls: Any = False,
        prefix: str = "cyclone:",
        timeout: float = 5.0,
        ping_interval: float = 10.0,
    ) -> None:
        from .listener import Line

        if timeout <= 0 or ping_interval <= 0:
            raise ValueError("timeout and ping_interval must be seconds above 0")
        self.prefix = prefix
        self.timeout = timeout
        self._ping_interval = ping_interval
        self.line = Line(self, host, port, path, username, password, tls, timeout)
        self._feeds: dict[str, Feed] = {}
        self._by_key: dict[bytes, Feed] = {}
        self._connection: Any = None
        self._receiver: Receiver | None = None
        self.reactor: Any = None
        self._pinging: Any = None
        self._was_open = False
        self._missed = False  # and nobody has been told
        self.pauses = Pauses()

    # -- see `Engine`

    def start(self, receiver: Receiver, reactor: Any) -> None:
        """See `Engine`, as of the others."""
        self._receiver, self.reactor = receiver, reactor
        self._was_open = self._missed = False
        self.line.open()

    def stop(self) -> Deferred[Any] | None:
        self._receiver = None
        connection, self._connection = self._connection, None
        if connection is not None:
            self._stop_pinging()
        for channel in list(self._feeds):
            self.leave(channel)
        self.pauses.end()
        return self.line.close()

    def join(self, channel: str) -> Waiter:
        feed = Feed(channel, f"{self.prefix}{channel}")
        self._feeds[channel] = self._by_key[feed.key.encode()] = feed
        if self._connection is not None:
            spawn(self._listen(feed, self._connection))
        return feed.joined

    def leave(self, channel: str) -> None:
        feed = self._feeds.pop(channel, None)
        if feed is None:
            return
        del self._by_key[feed.key.encode()]
        if not feed.joined.called:
            feed.joined.errback(ChannelsClosed("nobody is subscribed"))
        if self._connection is not None:
            self._connection.unsubscribe(feed.key).addErrback(lambda _: None)

    async def publish(self, channel: str, data: str | bytes) -> Receipt:
        receivers = await self.line.command("publish", f"{self.prefix}{channel}", encode(data))
        return Receipt(int(receivers))

    async def history(self, channel: str, since: str) -> History:
        return History([], True)

    # -- for the line

    def found(self, connection: Any) -> None:
        """There is a connection to listen on."""
        self._connection = connection
        self._ping()
        spawn(self._resume(connection))

    def lost(self, connection: Any) -> None:
        """There is none any more."""
        if connection is None or connection is not self._connection:
            return
        self._connection = None
        self._stop_pinging()
        if self._receiver is not None and self._was_open:
            self._receiver.changed(Status("gap", lost=not self.has_history))

    def received(self, key: bytes, data: bytes) -> None:
        """A message has come."""
        feed = self._by_key.get(key)
        if feed is not None:
            number, rest = decode_numbered(data)
            self.deliver(feed, Message(feed.name, decode(rest), number))

    def deliver(self, feed: Feed, message: Message) -> None:
        """Pass a message on."""
        if self._receiver is not None and self._feeds.get(feed.name) is feed:
            self._receiver.deliver(message)

    # -- listening

    async def _resume(self, connection: Any) -> None:
        """Listen to everything again, and say so."""
        feeds, again = list(self._feeds.values()), self._was_open
        results: Deferred[Any] = gatherResults(
            [_result_of(self._listen(feed, connection)) for feed in feeds], consumeErrors=True
        )
        complete = all(await results)
        if connection is self._connection and self._receiver is not None:
            missed = self._missed or (again and not complete)
            self._was_open, self._missed = True, False
            self._receiver.changed(Status("open", lost=missed))
        else:
            self._missed = self._missed or not complete

    async def _listen(self, feed: Feed, connection: Any) -> bool:
        """Subscribe to a channel; whether nothing was missed."""
        try:
            complete = await self.subscribe(feed, connection)
        except HandlerErrors as error:
            if connection is self._connection and self._feeds.get(feed.name) is feed:
                if not feed.joined.called:
                    feed.joined.errback(error)
                    self.leave(feed.name)
                else:
                    _log.error("Cannot subscribe to {name}: {error}", name=feed.name, error=error)
                    connection.transport.abortConnection()
            return False
        if not feed.joined.called and connection is self._connection:
            self._was_open = True
            feed.joined.callback(None)
        return complete

    async def subscribe(self, feed: Feed, connection: Any) -> bool:
        """Subscribe to a channel; whether nothing was missed since the last time."""
        await connection.subscribe(feed.key)
        return False

    def check_current(self, feed: Feed, connection: Any) -> None:
        """Raise if a connection is no longer the one, or a channel no longer listened to."""
        if connection is not self._connection or self._feeds.get(feed.name) is not feed:
            raise ChannelsUnavailable("the connection is lost, or nobody is subscribed any more")

    def _stop_pinging(self) -> None:
        if self._pinging is not None and self._pinging.active():
            self._pinging.cancel()

    def _ping(self) -> None:
        """Ask whether the server is there; give the connection up if the last answer is not."""
        connection, answered = self._connection, False

        def pong(_: Any) -> None:
            nonlocal answered
            answered = True

        def next_time() -> None:
            if answered:
                self._ping()
            else:
                connection.transport.abortConnection()

        connection.execute_command("PING", apply_timeout=False).addCallbacks(pong, lambda _: None)
        self._pinging = self.reactor.callLater(self._ping_interval, next_time)


def _result_of(coroutine: Any) -> Deferred[Any]:
    done: Deferred[Any] = Deferred()

    async def run() -> None:
        done.callback(await coroutine)

    spawn(run())
    return done
