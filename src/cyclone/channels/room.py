"""One channel, and who is subscribed to it in this process."""

from __future__ import annotations

from cyclone._async import Waiter
from cyclone.websocket import Broadcaster

from .messages import START, Message, Position, position_of
from .subscription import SocketSubscription, Subscription

__all__ = ["Room"]


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
        self._sockets: dict[SocketSubscription, None] = {}
        self._broadcaster = Broadcaster()
        self._counts: dict[object, int] = {}  # subscriptions of each socket

    def __len__(self) -> int:
        return len(self._others) + len(self._sockets)

    def subscriptions(self) -> list[Subscription]:
        """All of them."""
        return [*self._others, *self._sockets]

    def add(self, subscription: Subscription) -> None:
        """One more."""
        if isinstance(subscription, SocketSubscription) and subscription.holding is None:
            self._sockets[subscription] = None
            handler = subscription.handler
            self._counts[handler] = self._counts.get(handler, 0) + 1
            self._broadcaster.add(handler)
        else:
            self._others[subscription] = None

    def discard(self, subscription: Subscription) -> None:
        """One less."""
        self._others.pop(subscription, None)
        if isinstance(subscription, SocketSubscription) and subscription in self._sockets:
            del self._sockets[subscription]
            handler = subscription.handler
            self._counts[handler] -= 1
            if not self._counts[handler]:
                del self._counts[handler]
                self._broadcaster.discard(handler)

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
        if self._broadcaster:
            data = message.data
            given += self._broadcaster.send(data, isinstance(data, bytes))
        for subscription in list(self._others):
            if subscription.holding is None and not subscription.closed:
                subscription.deliver(message)
                given += 1
        return given

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
