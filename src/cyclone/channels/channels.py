"""`Channels`: what applications use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cyclone._async import HandlerErrors, Waiter, failure_of, resolve, spawn

from .engine import Engine
from .errors import ChannelsClosed, ChannelsError, ChannelsUnavailable
from .limits import ChannelLimits
from .memory import MemoryEngine
from .messages import START, Message, Receipt, Status, as_data, as_position, position_of
from .pauses import Pauses
from .places import engine_of
from .room import Room
from .subscription import Subscription, new_subscription

__all__ = ["Channels", "Statistics", "Watch"]

_log = Logger(namespace="cyclone.general")

#: How many messages are delivered in one turn of the reactor, if they follow from each other.
_AT_ONCE = 1000
#: Seconds between attempts, while only the history is out of reach.
_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Statistics:
    """What has happened in this process.

    Attributes:
        status: see `Status`.
        channels: how many subscriptions each channel has that has any.
        subscriptions: how many there are.
        published: messages that were published here.
        received: messages that came, from here or elsewhere.
        delivered: how often a message was given to a subscription.
        dropped: how many were not, as too many waited; of subscriptions that there are.
        refused: messages that others have published and that are too long.
        gaps: how often the connection was lost.
    """

    status: Status
    channels: dict[str, int] = field(default_factory=dict)
    subscriptions: int = 0
    published: int = 0
    received: int = 0
    delivered: int = 0
    dropped: int = 0
    refused: int = 0
    gaps: int = 0


class Watch:
    """Somebody who is told of each `Status`; see `Channels.watch`."""

    def __init__(self, forget: Callable[[Watch], None], callback: Callable[[Status], Any]) -> None:
        self._forget = forget
        self._callback = callback

    def close(self) -> None:
        """Be told no more."""
        self._forget(self)

    def tell(self, status: Status) -> None:
        """Call the function; what it raises is logged."""
        try:
            resolve(self._callback(status), lambda _: None, self._failed)
        except HandlerErrors as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        _log.failure("A watcher of channels failed", failure_of(error))


class Channels(Service):
    """Publish and subscribe, in one process or in many.

    >>> channels = Channels()
    >>> class Chat(WebSocketHandler):
    ...     def open(self):
    ...         channels.subscribe("chat", self)
    ...     async def on_message(self, message):
    ...         await channels.publish("chat", message)

    It begins by itself when it is first used, and ends with the reactor, by `close`, or with the
    service that it is a child of.

    Args:
        engine: what carries messages: None for the memory of this process, an `Engine`, or a URL:
            ``memory:``, ``redis://[user:password@]host:port``, ``rediss://`` for TLS, or
            ``unix:///path``; with ``?history=N`` messages have ids, and the last N of each channel
            can be had once more.
        reactor: None for the running one.
        limits: the fields of `ChannelLimits`.

    Raises:
        ValueError: the URL or a limit makes no sense.
        ImportError: the engine needs an extra that is not installed.
    """

    def __init__(self, engine: Engine | str | None = None, reactor: Any = None, **limits: Any):
        if engine is None:
            engine = MemoryEngine()
        self.engine: Engine = engine_of(engine) if isinstance(engine, str) else engine
        self.limits = ChannelLimits(**limits)
        self._reactor = reactor
        self._status = Status("idle")
        self._rooms: dict[str, Room] = {}
        self._watches: dict[Watch, None] = {}
        self._opening: list[Waiter] = []
        self._trigger: Any = None
        self._outbox: deque[Message] = deque()
        self._delivering = False
        self._later: Any = None
        self._pauses = Pauses()
        self._published = self._received = self._delivered = self._refused = self._gaps = 0

    # -- the beginning and the end

    @property
    def status(self) -> Status:
        """Whether messages arrive."""
        return self._status

    def startService(self) -> None:
        """Begin, if that has not happened."""
        super().startService()  # type: ignore[no-untyped-call]
        self.start()

    def start(self) -> None:
        """Begin.  The first to subscribe or to publish does it, too."""
        if self._status.state not in ("idle", "closed"):
            return
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = reactor
        if hasattr(self._reactor, "addSystemEventTrigger"):
            # Not "before": requests are finished then, and those publish, too.
            self._trigger = self._reactor.addSystemEventTrigger(
                "during", "shutdown", self._shut_down
            )
        self._status = Status("connecting")
        self.engine.start(self, self._reactor)

    def _shut_down(self) -> Deferred[Any] | None:
        self._trigger = None  # it is this
        return self.close()

    def stopService(self) -> Deferred[Any] | None:
        """End, see `close`."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self.close()

    def close(self) -> Deferred[Any] | None:
        """End all subscriptions and close all connections.

        Returns:
            a Deferred that fires when that is done, None if it is.
        """
        if self._status.state in ("idle", "closed"):
            self._status = Status("closed")
            return None
        self.changed(Status("closed"))
        trigger, self._trigger = self._trigger, None
        if trigger is not None:
            self._reactor.removeSystemEventTrigger(trigger)
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._pauses.end()
        self._outbox.clear()
        for room in list(self._rooms.values()):
            for subscription in room.subscriptions():
                subscription.close()
            room.has_joined(ChannelsClosed("the channels are closed"))
        self._rooms.clear()
        self._watches.clear()
        return self.engine.stop()

    def _use(self) -> None:
        if self._status.state == "closed":
            raise ChannelsClosed("the channels are closed")
        self.start()

    # -- for applications

    def subscribe(self, channel: str, to: Any = None, *, since: str | None = None) -> Subscription:
        """Have the messages of a channel given to somebody.

        Args:
            channel: its name.
            to: the handler of an open WebSocket, or an `SSEHandler`, which send them; a function
                that is called with each `Message` (and may be asynchronous: the next message waits
                then, see `ChannelLimits`); or None: the subscription is an asynchronous iterator.
                A handler's subscription ends with its connection.
            since: the id of a message: those after it come first, as far as the engine has them.
                ``"0"`` is before all; with text that is no id all come that there are.

        Raises:
            TypeError, ValueError: the name or `to` makes no sense.
            ChannelsError: there are too many channels.
            ChannelsClosed: it is over.
            WebSocketClosedError: the WebSocket is not open.
        """
        self.limits.check_channel(channel)
        self._use()
        room = self._rooms.get(channel)
        if room is None and len(self._rooms) >= self.limits.max_channels:
            raise ChannelsError(f"there are {self.limits.max_channels} channels already")
        subscription = new_subscription(channel, to, self._forget, self.limits)
        if subscription.closed:  # of a client that has gone
            return subscription
        if since is not None:
            subscription.holding = as_position(since) or START
        if room is None:
            room = self._rooms[channel] = Room(channel)
            room.add(subscription)
            spawn(self._join(room))
        else:
            room.add(subscription)
        spawn(self._begin(subscription, room, since))
        return subscription

    def publish(self, channel: str, message: Any) -> Deferred[Receipt]:
        """Send a message to all who are subscribed.

        Args:
            channel: its name.
            message: text or bytes; dicts and lists become JSON.

        Returns:
            to await, or not: a Deferred of a `Receipt`.  It fails with ChannelsUnavailable if the
            message may not have been sent.

        Raises:
            TypeError, ValueError: the name or the message makes no sense, or is too long.
            ChannelsClosed: it is over.
        """
        self.limits.check_channel(channel)
        data = as_data(message)
        if not self.limits.fits(data):
            raise ValueError(f"a message has at most {self.limits.max_message_size} bytes")
        self._use()
        self._published += 1
        receipt = cast("Deferred[Receipt]", Waiter())
        resolve(self.engine.publish(channel, data), receipt.callback, receipt.errback)
        return receipt

    def watch(self, callback: Callable[[Status], Any]) -> Watch:
        """Have `callback` called with each new `Status`, until the end or `Watch.close`."""
        watch = Watch(lambda one: self._watches.pop(one, None), callback)
        self._watches[watch] = None
        return watch

    def statistics(self) -> Statistics:
        """What has happened in this process."""
        everybody = [one for room in self._rooms.values() for one in room.subscriptions()]
        return Statistics(
            self._status,
            {name: len(room) for name, room in self._rooms.items()},
            len(everybody),
            self._published,
            self._received,
            self._delivered,
            sum(one.dropped for one in everybody),
            self._refused,
            self._gaps,
        )

    # -- for the engine

    def deliver(self, message: Message) -> int:
        """A message has come.  Those that follow from it wait until all have got this one."""
        if not self.limits.fits(message.data):
            self._refused += 1
            return 0
        room = self._rooms.get(message.channel)
        if self._delivering or self._outbox:
            self._outbox.append(message)
            return 0 if room is None else len(room)
        given = self._give(message)
        self._empty_outbox()
        return given

    def _give(self, message: Message) -> int:
        room = self._rooms.get(message.channel)
        if room is None:
            return 0
        self._received += 1
        self._delivering = True
        try:
            given = room.deliver(message)
        finally:
            self._delivering = False
        self._delivered += given
        return given

    def _empty_outbox(self) -> None:
        self._later = None
        for _ in range(_AT_ONCE):
            if not self._outbox:
                return
            self._give(self._outbox.popleft())
        if self._outbox:
            self._later = self._reactor.callLater(0, self._empty_outbox)

    def changed(self, status: Status) -> None:
        """The connection has changed."""
        if status == self._status:
            return
        before, self._status = self._status, status
        if status.state == "gap" and before.state != "gap":
            self._gaps += 1
        if status.lost:
            for room in self._rooms.values():
                for subscription in room.subscriptions():
                    subscription.lost = True
        if status.state in ("open", "closed"):
            opening, self._opening = self._opening, []
            for waiter in opening:
                waiter.callback(None)
        for watch in list(self._watches):
            watch.tell(status)

    # -- inside

    def _forget(self, subscription: Subscription) -> None:
        room = self._rooms.get(subscription.channel)
        if room is None:
            return
        room.discard(subscription)
        if not room:
            del self._rooms[room.name]
            room.has_joined(ChannelsClosed("nobody is subscribed"))
            self.engine.leave(room.name)

    async def _join(self, room: Room) -> None:
        try:
            await self.engine.join(room.name)
        except HandlerErrors as error:
            if self._rooms.get(room.name) is room:
                _log.failure("Cannot subscribe to {channel}", failure_of(error), channel=room.name)
                room.has_joined(error)
                for subscription in room.subscriptions():
                    subscription.be_ready(error)
                    subscription.close()
        else:
            room.has_joined()

    async def _begin(self, subscription: Subscription, room: Room, since: str | None) -> None:
        try:
            await room.when_joined()
        except HandlerErrors as error:
            subscription.be_ready(error)
            return
        if since is not None:
            try:
                await self._replay(subscription, room, since)
            except HandlerErrors as error:
                _log.failure("No history of {channel}", failure_of(error), channel=room.name)
                subscription.be_ready(error)
                subscription.close()
        subscription.be_ready()

    async def _replay(self, subscription: Subscription, room: Room, since: str) -> None:
        """Give the history to a subscription, until it has what all others have."""
        at, again = subscription.holding or START, since
        while not subscription.closed:
            try:
                found = await self.engine.history(room.name, again)
            except ChannelsUnavailable:
                await self._opened()
                continue
            subscription.lost = subscription.lost or found.lost
            behind = at
            for message in found.messages:
                if subscription.closed or (position := position_of(message)) <= at:
                    continue
                at = position
                if self.limits.fits(message.data):
                    await subscription.replay(message)
                    self._delivered += 1
                else:
                    self._refused += 1
            if at >= room.last and not found.more:
                break
            if at == behind:  # what came meanwhile is gone already
                subscription.lost = True
                break
            again = f"{at[0]}-{at[1]}"
        room.release(subscription)

    def _opened(self) -> Waiter:
        """To await: a new attempt makes sense."""
        if self._status.state == "open":
            return self._pauses.wait(self._reactor, _PAUSE)
        waiter = Waiter()
        self._opening.append(waiter)
        return waiter
