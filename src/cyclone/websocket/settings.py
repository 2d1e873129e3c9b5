"""What applications may set about a WebSocket."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cyclone.http1 import SlowPeerPolicy, check_slow_peer_policy, hard_limit

__all__ = ["MAX_MESSAGE_SIZE", "WebSocketSettings"]

#: Bytes of a message, unless something else is set (Tornado's default).
MAX_MESSAGE_SIZE = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    """Settings of one connection; sizes are bytes, times are seconds.

    Attributes:
        ping_interval: a ping so often; None or 0 for none.
        ping_timeout: the peer counts as gone when nothing has come for so long after a ping; None
            for `ping_interval`, 0 for never.
        write_buffer_limit: what may wait for a peer that does not read.
        write_buffer_policy: what happens beyond that. ``"wait"``: what `write_message` returns is
            to be awaited; for who does not, the connection is closed at four times the limit.
            ``"drop_oldest"``: the messages that have waited longest are forgotten.  ``"close"``:
            the connection is closed with 1013, as ``"wait"`` does in the end.
        close_timeout: how long the peer may take to answer a close frame.
    """

    ping_interval: float | None = None
    ping_timeout: float | None = None
    write_buffer_limit: int = 1024 * 1024
    write_buffer_policy: SlowPeerPolicy = "wait"
    close_timeout: float = 5.0

    def __post_init__(self) -> None:
        check_slow_peer_policy("websocket_write_buffer_policy", self.write_buffer_policy)
        for name in ("ping_interval", "ping_timeout", "write_buffer_limit", "close_timeout"):
            value: Any = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0
            ):
                raise ValueError(f"websocket_{name} must be a number, 0 or more, not {value!r}")

    def shared(self) -> WebSocketSettings:
        """The same settings, in one object for many connections."""
        return _shared(self)

    @property
    def hard_limit(self) -> int:
        """Bytes beyond which a connection is closed whose peer does not read."""
        return hard_limit(self.write_buffer_limit, self.write_buffer_policy)

    @property
    def patience(self) -> float:
        """Seconds to wait for an answer to a ping, 0 for ever."""
        timeout = self.ping_interval if self.ping_timeout is None else self.ping_timeout
        return timeout or 0


@lru_cache(maxsize=64)
def _shared(settings: WebSocketSettings) -> WebSocketSettings:
    return settings
