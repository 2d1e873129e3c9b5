"""What goes wrong, as callers see it."""

from __future__ import annotations

__all__ = ["ChannelsClosed", "ChannelsError", "ChannelsUnavailable", "SubscriptionOverflow"]


class ChannelsError(Exception):
    """Something about channels."""


class ChannelsClosed(ChannelsError):
    """They are closed."""


class ChannelsUnavailable(ChannelsError):
    """The server between the processes cannot be reached, or does not answer.

    A message may have been sent all the same, if the connection was lost before the answer.
    """


class SubscriptionOverflow(ChannelsError):
    """A subscription was closed, as more messages waited than may, and its policy is ``close``."""
