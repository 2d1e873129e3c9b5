"""Messages for a peer that does not read: what may wait, and what happens beyond that.

WebSockets and streams of events have the same three policies (`SlowPeerPolicy`).  ``"wait"``: what
sending returns is to be awaited; who does not is stopped at `hard_limit`.  ``"drop_oldest"``: a
`Backlog` forgets what has waited longest.  ``"close"``: the connection ends.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Generic, Literal, TypeVar, get_args

__all__ = ["Backlog", "SlowPeerPolicy", "check_slow_peer_policy", "hard_limit"]

#: What happens when a peer does not read what it is sent.
SlowPeerPolicy = Literal["wait", "drop_oldest", "close"]

_T = TypeVar("_T")


def check_slow_peer_policy(setting: str, value: Any) -> None:
    """Raise ValueError, which names the setting, unless `value` is a policy."""
    if value not in get_args(SlowPeerPolicy):
        choices = ", ".join(map(repr, get_args(SlowPeerPolicy)))
        raise ValueError(f"{setting} must be one of {choices}, not {value!r}")


def hard_limit(limit: int, policy: SlowPeerPolicy) -> int:
    """Bytes beyond which a connection is closed whose peer does not read.

    Args:
        limit: what may wait before the policy applies.
    """
    return limit * (4 if policy == "wait" else 1)


class Backlog(Generic[_T]):
    """Messages in their order, the oldest of which are forgotten when they are too many bytes.

    The newest always stays, whatever its size.

    Args:
        limit: bytes.

    Attributes:
        dropped: how many have been forgotten.
    """

    __slots__ = ("_limit", "_messages", "_size", "dropped")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[tuple[_T, int]] = deque()
        self._size = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: _T, size: int) -> None:
        """Keep `message`, of so many bytes."""
        messages = self._messages
        messages.append((message, size))
        self._size += size
        while self._size > self._limit and len(messages) > 1:
            self._size -= messages.popleft()[1]
            self.dropped += 1

    def take(self) -> _T:
        """The oldest one, which is kept no longer.

        Raises:
            IndexError: there is none.
        """
        message, size = self._messages.popleft()
        self._size -= size
        return message
