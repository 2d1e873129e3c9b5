"""What applications may set about streams of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cyclone.http1 import SlowPeerPolicy, check_slow_peer_policy, hard_limit

__all__ = ["SSESettings"]


@dataclass(frozen=True, slots=True)
class SSESettings:
    """Settings of one stream of events; sizes are bytes, times are seconds.

    As settings of an application their names begin with ``sse_``.  A handler class may have
    attributes of the names that they have here.

    Attributes:
        heartbeat_interval: a comment so often, which keeps proxies from taking the connection for
            idle, and finds out that a client is gone; 0 or None for none.
        write_buffer_limit: what may wait for a client that does not read.
        write_buffer_policy: what happens beyond that.  ``"wait"``: what `SSEHandler.sendEvent`
            returns is to be awaited; for who does not, the connection is closed at four times the
            limit.  ``"drop_oldest"``: the events that have waited longest are forgotten.
            ``"close"``: the connection is closed; the client comes back by itself.
        compress_events: compress the stream in a coding that the client takes.  It costs some
            hundred kilobytes of memory for each client.
    """

    heartbeat_interval: float | None = 15.0
    write_buffer_limit: int = 1024 * 1024
    write_buffer_policy: SlowPeerPolicy = "wait"
    compress_events: bool = False

    def __post_init__(self) -> None:
        check_slow_peer_policy("sse_write_buffer_policy", self.write_buffer_policy)
        for name in ("heartbeat_interval", "write_buffer_limit"):
            value: Any = getattr(self, name)
            if value is None and name == "heartbeat_interval":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise ValueError(f"sse_{name} must be a number, 0 or more, not {value!r}")

    @classmethod
    def of(cls, handler: object, settings: Mapping[str, Any]) -> SSESettings:
        """Those of a handler: its attributes, else the application's settings.

        Raises:
            ValueError: one is of the wrong type, or out of bounds; the message names it.
        """
        found = {}
        for name in cls.__slots__:
            if hasattr(handler, name):
                found[name] = getattr(handler, name)
            elif f"sse_{name}" in settings:
                found[name] = settings[f"sse_{name}"]
        return cls(**found)

    @property
    def hard_limit(self) -> int:
        """Bytes beyond which a connection is closed whose client does not read."""
        return hard_limit(self.write_buffer_limit, self.write_buffer_policy)
