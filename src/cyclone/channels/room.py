"""One channel, and who is subscribed to it in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from cyclone import sse, websocket
from cyclone._async import HandlerErrors, Waiter, failure_of

from .messages import START, Message, Position, position_of
from .subscription import EventSubscription, HandlerSubscription, Subscription

__all__ = ["Room"]

_log = Logger(namespace="cyclone.general")


class Room:
    """A channel that somebody is subscribed to.

    Attributes:
        name: its name.
        last: the position of the last message.
        joined: whether the engine delivers its messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.last: Position = START
        self.joined = False
        self._waiting: list[Waiter] = []
        self._error: BaseException | None = None
        self._others: dict[Subscription, None] = {}
        self._handlers: dict[HandlerSubscription, None] = {}
        self._sockets = websocket.Broadcaster()
        self._streams = sse.Broadcaster()
        self._counts: dict[object, int] = {}  # subscriptions of each handler

    def __len__(self) -> int:
        return len(self._others) + len(self._handlers)

    def subscriptions(self) -> list[Subscription]:
        """All of them."""
        return [*self._others, *self._handlers]

    def add(self, subscription: Subscription) -> None:
        """One more."""
        if isinstance(subscription, HandlerSubscription) and subscription.holding is None:
            self._handlers[subscription] = None
            handler = subscription.handler
            self._counts[handler] = self._counts.get(handler, 0) + 1
            self._broadcaster(subscription).add(handler)
        else:
            self._others[subscription] = None

    def discard(self, subscription: Subscription) -> None:
        """One less."""
        self._others.pop(subscription, None)
        if isinstance(subscription, HandlerSubscription) and subscription in self._handlers:
            del self._handlers[subscription]
            handler = subscription.handler
            self._counts[handler] -= 1
            if not self._counts[handler]:
                del self._counts[handler]
                self._broadcaster(subscription).discard(handler)

    def _broadcaster(self, subscription: HandlerSubscription) -> Any:
        return self._streams if isinstance(subscription, EventSubscription) else self._sockets

    def release(self, subscription: Subscription) -> None:
        """It has what it was to have of the history: from now on it gets what comes."""
        subscription.holding = None
        if subscription in self._others:
            del self._others[subscription]
            self.add(subscription)

    def deliver(self, message: Message) -> int:
        """Give a message to all; to how many it was given."""
        if message.id is not None:
            self.last = max(self.last, position_of(message))
        given = 0
        data = message.data
        if self._sockets:
            given += self._sent(self._sockets.send, data, isinstance(data, bytes))
        if self._streams:
            given += self._sent(self._streams.send, data, eid=message.id)
        for subscription in list(self._others):
            if subscription.holding is None and not subscription.closed:
                subscription.deliver(message)
                given += 1
        return given

    def _sent(self, send: Callable[..., int], *args: Any, **kwargs: Any) -> int:
        """What cannot be sent to these is for the others all the same."""
        try:
            return send(*args, **kwargs)
        except HandlerErrors as error:
            _log.failure("Cannot send a message of {name}", failure_of(error), name=self.name)
            return 0

    # -- joining

    def has_joined(self, error: BaseException | None = None) -> None:
        """The engine delivers its messages, or will not."""
        self.joined, self._error = error is None, error
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None) if error is None else waiter.errback(error)

    def when_joined(self) -> Waiter:
        """To await; raises what the engine has refused it with."""
        waiter = Waiter()
        if self._error is not None:
            waiter.errback(self._error)
        elif self.joined:
            waiter.callback(None)
        else:
            self._waiting.append(waiter)
        return waiter
