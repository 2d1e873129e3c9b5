"""What carries messages: the interface of engines."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from .messages import Message, Receipt, Status

__all__ = ["Engine", "History", "Receiver"]


class History(NamedTuple):
    """What an engine remembers of a channel.

    Attributes:
        messages: those after the id that was asked for, in order.
        lost: whether there were others, which it has forgotten.
        more: whether there are others still, after the last of these.
    """

    messages: list[Message]
    lost: bool
    more: bool = False


class Receiver(Protocol):
    """Whom engines tell."""

    def deliver(self, message: Message) -> int:
        """A message has come; gives the number of subscriptions it went to."""
        ...

    def changed(self, status: Status) -> None:
        """The connection has changed."""
        ...


class Engine(Protocol):
    """What carries messages between those who publish and those who are subscribed.

    Attributes:
        has_history: whether messages have ids, and can be had once more.
    """

    has_history: bool

    def start(self, receiver: Receiver, reactor: Any) -> None:
        """Begin to work for `receiver`."""
        ...

    def stop(self) -> Deferred[Any] | None:
        """Close connections and forget everything; a Deferred that fires when that is done."""
        ...

    def join(self, channel: str) -> Awaitable[None]:
        """Have messages of a channel delivered, from the time on when the result is there."""
        ...

    def leave(self, channel: str) -> None:
        """Have them delivered no longer."""
        ...

    def publish(self, channel: str, data: str | bytes) -> Awaitable[Receipt]:
        """Send a message.

        Raises:
            ChannelsUnavailable: it may not have been sent.
        """
        ...

    def history(self, channel: str, since: str) -> Awaitable[History]:
        """The messages after an id, or the first of them; of all that there are if it is no id.

        Raises:
            ChannelsUnavailable: they cannot be had now.
        """
        ...
