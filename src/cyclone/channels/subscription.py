"""Subscriptions: who gets messages, and how."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from twisted.logger import Logger

from cyclone._async import HandlerErrors, Waiter, failure_of, is_pending, settle, spawn
from cyclone.http1 import PeerGone
from cyclone.sse import SSEHandler
from cyclone.websocket import WebSocketClosedError, WebSocketHandler

from .errors import ChannelsClosed, SubscriptionOverflow
from .limits import ChannelLimits
from .messages import Message, Position
from .queue import MessageQueue

__all__ = [
    "CallbackSubscription",
    "EventSubscription",
    "HandlerSubscription",
    "IteratorSubscription",
    "SocketSubscription",
    "Subscription",
    "new_subscription",
]

_log = Logger(namespace="cyclone.general")


class Subscription:
    """One who gets the messages of a channel, until `close`.

    Attributes:
        channel: the name of the channel.
        closed: whether it has ended.
        lost: whether messages may be missing: some were dropped, as too many waited, or were
            published while the connection was lost, or were no longer in the history.
    """

    def __init__(self, channel: str, leave: Callable[[Subscription], None]) -> None:
        self.channel = channel
        self.closed = False
        self.lost = False
        self.holding: Position | None = None
        self._leave = leave
        self._ready = False
        self._error: BaseException | None = None
        self._waiting: list[Waiter] = []

    # -- for its owner

    def close(self) -> None:
        """End it.  What waits is forgotten."""
        if not self.closed:
            self.closed = True
            self._leave(self)
            self.be_ready(ChannelsClosed("the subscription was closed"))
            self.ended()

    unsubscribe = close

    def ready(self) -> Waiter:
        """To await: from then on all messages come, and those of the history have come.

        Raises:
            ChannelsClosed: it was closed before.
            ChannelsError: it was refused.
        """
        waiter = Waiter()
        if not self._ready:
            self._waiting.append(waiter)
        elif self._error is None:
            waiter.callback(None)
        else:
            waiter.errback(self._error)
        return waiter

    @property
    def dropped(self) -> int:
        """How many messages were dropped, as too many waited."""
        return 0

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- for the channel

    def be_ready(self, error: BaseException | None = None) -> None:
        """Tell those who wait."""
        if self._ready:
            return
        self._ready, self._error = True, error
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None) if error is None else waiter.errback(error)

    def deliver(self, message: Message) -> None:
        """A message has come."""
        raise NotImplementedError

    async def replay(self, message: Message) -> None:
        """A message of the history.  Returns when there may be another one: a history may well be
        longer than what may wait, so it comes as fast as it is taken."""
        self.deliver(message)

    def ended(self) -> None:
        """It has been closed."""


class _Queueing(Subscription):
    """One whose messages may have to wait."""

    def __init__(
        self, channel: str, leave: Callable[[Subscription], None], limits: ChannelLimits
    ) -> None:
        super().__init__(channel, leave)
        self._queue = MessageQueue(limits)
        self._room: Waiter | None = None  # for the next message of the history

    @property
    def dropped(self) -> int:
        return self._queue.dropped

    def _put(self, message: Message) -> None:
        self._queue.put(message)
        if self._queue.dropped:
            self.lost = True
        if self._queue.overflowed:
            self.lost = True
            self.close()

    def _take(self) -> Message:
        message = self._queue.take()
        self._has_room()
        return message

    def _has_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    async def replay(self, message: Message) -> None:
        while not (self._queue.has_room(message) or self.closed):
            self.has_to_take()
            self._room = Waiter()
            await self._room
        if not self.closed:
            self.deliver(message)

    def has_to_take(self) -> None:
        """The history does not go on before messages are taken."""

    def ended(self) -> None:
        self._queue.clear()
        self._has_room()


class CallbackSubscription(_Queueing):
    """Calls a function with each `Message`, one after the other."""

    def __init__(
        self,
        channel: str,
        leave: Callable[[Subscription], None],
        limits: ChannelLimits,
        callback: Callable[[Message], Any],
    ) -> None:
        super().__init__(channel, leave, limits)
        self._callback = callback
        self._busy = False

    def deliver(self, message: Message) -> None:
        if self._busy:
            self._put(message)
            if self._queue.overflowed:
                _log.warn("A subscriber of {channel} is too slow: closed", channel=self.channel)
            return
        pending = self._call(message)
        if pending is not None:
            self._busy = True
            spawn(self._see_through(pending))

    def _call(self, message: Message) -> Any:
        """What is to be waited for, None if there is nothing."""
        try:
            result = self._callback(message)
        except HandlerErrors as error:
            self._failed(error)
            return None
        return result if is_pending(result) else None

    async def _see_through(self, pending: Any) -> None:
        while True:
            if pending is not None:
                try:
                    await settle(pending)
                except HandlerErrors as error:
                    self._failed(error)
            if not self._queue:
                break
            pending = self._call(self._take())
        self._busy = False

    def _failed(self, error: BaseException) -> None:
        _log.failure("A subscriber of {channel} failed", failure_of(error), channel=self.channel)


class IteratorSubscription(_Queueing):
    """An asynchronous iterator of `Message`."""

    def __init__(
        self, channel: str, leave: Callable[[Subscription], None], limits: ChannelLimits
    ) -> None:
        super().__init__(channel, leave, limits)
        self._wanting: list[Waiter] = []

    def deliver(self, message: Message) -> None:
        self._put(message)
        self._wake()

    def _wake(self) -> None:
        wanting, self._wanting = self._wanting, []
        for waiter in wanting:
            if not waiter.called:
                waiter.callback(None)

    def has_to_take(self) -> None:
        self.be_ready()  # who waits for that before the first message would wait for ever

    def ended(self) -> None:
        super().ended()
        self._wake()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def aclose(self) -> None:
        """As `close`, for ``contextlib.aclosing``."""
        self.close()

    async def __anext__(self) -> Message:
        while not self._queue:
            if self._queue.overflowed:
                raise SubscriptionOverflow(f"too many messages of {self.channel} waited")
            if self.closed:
                raise StopAsyncIteration
            waiter = Waiter()
            self._wanting = [one for one in self._wanting if not one.called]
            self._wanting.append(waiter)
            await waiter
        return self._take()


class HandlerSubscription(Subscription):
    """One of a handler; those of a channel are sent to all at once, by a `Broadcaster`.

    Attributes:
        handler: the handler.
    """

    handler: Any


class SocketSubscription(HandlerSubscription):
    """Sends messages to a WebSocket."""

    def __init__(
        self, channel: str, leave: Callable[[Subscription], None], handler: WebSocketHandler
    ) -> None:
        super().__init__(channel, leave)
        self.handler = handler
        self._forget = handler.when_closed(lambda: self.close())

    def ended(self) -> None:
        self._forget()

    async def replay(self, message: Message) -> None:
        try:
            await self.handler.write_message(message.data, binary=isinstance(message.data, bytes))
        except (WebSocketClosedError, PeerGone):
            self.close()


class EventSubscription(HandlerSubscription):
    """Sends messages as server-sent events, with their ids."""

    def __init__(
        self, channel: str, leave: Callable[[Subscription], None], handler: SSEHandler
    ) -> None:
        super().__init__(channel, leave)
        self.handler = handler
        self._forget: Callable[[], None] = lambda: None
        self._forget = handler.when_closed(self.close)

    def ended(self) -> None:
        self._forget()

    async def replay(self, message: Message) -> None:
        try:
            await self.handler.sendEvent(message.data, eid=message.id)
        except PeerGone:
            self.close()


def new_subscription(
    channel: str,
    to: Any,
    leave: Callable[[Subscription], None],
    limits: ChannelLimits,
) -> Subscription:
    """A subscription for a handler, a function, or None: then it is an iterator.

    Raises:
        TypeError: `to` is something else.
        WebSocketClosedError: it is the handler of a WebSocket that is not open.
    """
    if to is None:
        return IteratorSubscription(channel, leave, limits)
    if isinstance(to, WebSocketHandler):
        if to.ws_connection is None:
            raise WebSocketClosedError("the WebSocket is not open")
        return SocketSubscription(channel, leave, to)
    if isinstance(to, SSEHandler):
        return EventSubscription(channel, leave, to)
    if callable(to):
        return CallbackSubscription(channel, leave, limits, to)
    raise TypeError(f"cannot send messages to {type(to).__name__}: neither handler nor function")
