"""Messages that wait for a subscriber."""

from __future__ import annotations

from collections import deque

from .limits import ChannelLimits
from .messages import Message

__all__ = ["MessageQueue"]


class MessageQueue:
    """Messages that wait, and no more of them than may.

    Attributes:
        dropped: how many were dropped.
        overflowed: there were more than may be, and the policy is ``close``.
    """

    __slots__ = ("_limits", "_size", "_waiting", "dropped", "overflowed")

    def __init__(self, limits: ChannelLimits) -> None:
        self._limits = limits
        self._waiting: deque[Message] = deque()
        self._size = 0
        self.dropped = 0
        self.overflowed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room(self, message: Message) -> bool:
        """Whether this one would have none dropped."""
        return not self._waiting or not self._is_full(len(message.data))

    def put(self, message: Message) -> None:
        """Have a message wait, or do with it what the policy says."""
        limits, size = self._limits, len(message.data)
        policy = limits.queue_policy
        while self._waiting and self._is_full(size):
            if policy == "close":
                self.overflowed = True
                self.clear()
                return
            self.dropped += 1
            if policy == "drop_newest":
                return
            self._size -= len(self._waiting.popleft().data)
        self._waiting.append(message)
        self._size += size

    def _is_full(self, size: int) -> bool:
        limits = self._limits
        return len(self._waiting) >= limits.queue_size or self._size + size > limits.queue_bytes

    def take(self) -> Message:
        """The one that has waited longest."""
        message = self._waiting.popleft()
        self._size -= len(message.data)
        return message

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._size = 0
