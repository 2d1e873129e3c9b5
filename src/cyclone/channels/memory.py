"""The engine of one process."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

from twisted.internet.defer import Deferred

from cyclone._async import DONE, Settled

from .engine import History, Receiver
from .messages import START, Message, Position, Receipt, Status, as_position, position_of

__all__ = ["MemoryEngine"]


class MemoryEngine:
    """Messages for the subscriptions of this process; nothing can be lost on their way.

    Args:
        history: how many messages of each channel are remembered, for `since`; 0 for none.
        max_histories: of how many channels; those that were published to longest ago are forgotten.
        max_bytes: of all messages that are remembered, about; those of the channel that was
            published to longest ago are forgotten first.

    Raises:
        ValueError: one of these makes no sense.
    """

    def __init__(
        self, history: int = 0, max_histories: int = 1000, max_bytes: int = 64 * 1024 * 1024
    ) -> None:
        if history < 0 or max_histories < 1 or max_bytes < 1:
            raise ValueError("history must be 0 or more, and max_histories and max_bytes 1 or more")
        self.has_history = history > 0
        self._length = history
        self._max_histories = max_histories
        self._max_bytes = max_bytes
        self._size = 0
        self._forgotten = False  # the history of a channel
        self._histories: OrderedDict[str, _Past] = OrderedDict()
        self._last: Position = START
        self._receiver: Receiver | None = None
        self._reactor: Any = None

    def start(self, receiver: Receiver, reactor: Any) -> None:
        """See `Engine`, as of the others."""
        self._receiver = receiver
        self._reactor = reactor
        receiver.changed(Status("open"))

    def stop(self) -> Deferred[Any] | None:
        self._receiver = None
        self._histories.clear()
        self._size = 0
        return None

    def join(self, channel: str) -> Settled:
        return DONE

    def leave(self, channel: str) -> None:
        pass

    async def publish(self, channel: str, data: str | bytes) -> Receipt:
        message = Message(channel, data, self._remember(channel, data))
        receivers = 0 if self._receiver is None else self._receiver.deliver(message)
        return Receipt(receivers, message.id)

    def _remember(self, channel: str, data: str | bytes) -> str | None:
        if not self.has_history:
            return None
        now = (int(self._reactor.seconds() * 1000), 0)
        self._last = now if now > self._last else (self._last[0], self._last[1] + 1)
        past = self._histories.get(channel)
        if past is None:
            past = self._histories[channel] = _Past(self._length, not self._forgotten)
        self._histories.move_to_end(channel)
        number = f"{self._last[0]}-{self._last[1]}"
        self._size += past.add(Message(channel, data, number, replayed=True))
        self._forget()
        return number

    def _forget(self) -> None:
        """Forget what is too much."""
        histories = self._histories
        while len(histories) > self._max_histories or self._size > self._max_bytes:
            channel, past = next(iter(histories.items()))
            whole = len(histories) > self._max_histories
            self._size -= past.size if whole else past.forget_one()
            if whole or not past:
                del histories[channel]
                self._forgotten = True

    async def history(self, channel: str, since: str) -> History:
        past = self._histories.get(channel)
        if past is None:
            return History([], self._forgotten or as_position(since) != START)
        return past.since(as_position(since))


class _Past:
    """The last messages of a channel.

    Attributes:
        size: their bytes, about.
    """

    def __init__(self, length: int, complete: bool) -> None:
        self._messages: deque[Message] = deque()
        self._length = length
        self._complete = complete
        self.size = 0

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> int:
        """Remember one more; how many bytes more they are now."""
        before = self.size
        if len(self._messages) == self._length:
            self.forget_one()
        self._messages.append(message)
        self.size += len(message.data)
        return self.size - before

    def forget_one(self) -> int:
        """Forget the oldest; its bytes."""
        size = len(self._messages.popleft().data)
        self.size -= size
        self._complete = False
        return size

    def since(self, position: Position | None) -> History:
        if position is None:
            return History(list(self._messages), True)
        later = [one for one in self._messages if position_of(one) > position]
        known = any(position_of(one) == position for one in self._messages)
        return History(later, not (known or (position == START and self._complete)))
