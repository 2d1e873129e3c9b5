"""What channels may cost."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

__all__ = ["ChannelLimits"]

_POLICIES = ("drop_oldest", "drop_newest", "close")


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """Limits, which are arguments of `Channels`.

    Attributes:
        max_channel_length: bytes of the name of a channel, in UTF-8.
        max_message_size: bytes of a message, in UTF-8; longer ones are not published, and not
            delivered when others publish them.
        max_channels: how many channels may have subscriptions at the same time.
        queue_size: how many messages may wait for a subscription.
        queue_bytes: how many bytes of messages may.
        queue_policy: what happens to more: ``drop_oldest``, ``drop_newest``, or ``close``, which
            ends the subscription.
    """

    max_channel_length: int = 200
    max_message_size: int = 1024 * 1024
    max_channels: int = 10_000
    queue_size: int = 1000
    queue_bytes: int = 4 * 1024 * 1024
    queue_policy: Literal["drop_oldest", "drop_newest", "close"] = "drop_oldest"

    def __post_init__(self) -> None:
        if self.queue_policy not in _POLICIES:
            raise ValueError(f"queue_policy must be one of {_POLICIES}, not {self.queue_policy!r}")
        for field in fields(self)[:-1]:
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{field.name} must be a whole number above 0, not {value!r}")

    def check_channel(self, channel: str) -> None:
        """Raise TypeError or ValueError if this cannot be the name of a channel."""
        if not isinstance(channel, str):
            raise TypeError(f"the name of a channel is a str, not {type(channel).__name__}")
        try:
            length = len(channel.encode())
        except UnicodeEncodeError:
            raise ValueError("the name of a channel must be text that UTF-8 can hold") from None
        if not 1 <= length <= self.max_channel_length:
            raise ValueError(
                f"the name of a channel has 1 to {self.max_channel_length} bytes, not {length}"
            )

    def fits(self, data: str | bytes) -> bool:
        """Whether a message is not too long."""
        limit = self.max_message_size
        if isinstance(data, bytes) or len(data) > limit:
            return len(data) <= limit
        return 4 * len(data) <= limit or len(data.encode()) <= limit
