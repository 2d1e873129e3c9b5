"""What is wrong with a message that was received, or that is about to be sent."""

from __future__ import annotations

__all__ = ["HTTPInputError", "HTTPOutputError"]


class HTTPInputError(Exception):
    """A message or a part of it, received from a peer, is malformed or exceeds a limit.

    The text says what was wrong and holds nothing that was received, so it may be sent back.
    """


class HTTPOutputError(Exception):
    """A message cannot be sent as the application asks for it."""
